"""Positions from neighbors: known answers, one wrong tag, and the radius that must hold."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.core.plane import distances, from_plane
from placeprint.errors import ShapeError
from placeprint.places.position import estimate
from placeprint.places.radius import GPS_ERROR, S0, fit_radius, score

HERE = np.array([55.7042, 13.1910])


def near_here(meters: list[list[float]]) -> np.ndarray:
    return from_plane(np.array(meters), HERE)


def off(found: object, meters: list[float]) -> float:
    place = np.array([[found.latitude, found.longitude]])  # type: ignore[attr-defined]
    return float(distances(place, near_here([meters])[0])[0])


def test_one_photo_gives_its_own_position() -> None:
    found = estimate(near_here([[3, 4]]), np.array([0.2]))
    assert off(found, [3, 4]) < 0.01 and found.spread < 0.01 and found.support == 1


def test_the_position_is_the_weighted_mean_of_the_best_five() -> None:
    near: list[list[float]] = [[0, 0], [12, 0], [0, 12], [-1, -1], [1, 1], [9, 9]]
    found = estimate(near_here(near), np.array([2.0, 1.0, 1.0, 1.0, 1.0, 0.1]))
    assert off(found, [2, 2]) < 0.01


def test_a_wrong_tag_moves_the_position_by_little() -> None:
    true: list[list[float]] = [[0, 0], [10, 0], [20, 0], [5, 5]]
    weights = np.array([1.0, 0.9, 0.8, 0.7])
    without = estimate(near_here(true), weights)
    with_wrong = estimate(near_here([*true, [90_000, -40_000]]), np.array([*weights, 1.0]))
    assert off(with_wrong, [0, 0]) == pytest.approx(off(without, [0, 0]), abs=0.5)
    assert with_wrong.support == 4 and with_wrong.spread > without.spread


def test_a_place_on_the_date_line() -> None:
    found = estimate(np.array([[-17.0, 179.99995], [-17.0, -179.99995]]), np.array([1.0, 1.0]))
    assert abs(abs(found.longitude) - 180) < 1e-6


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0], [1.0, -1.0], [1.0, np.nan]])
def test_weights_that_say_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ShapeError):
        estimate(near_here([[0, 0], [1, 1]]), np.array(weights))


def test_the_radius_holds_for_the_share_that_was_asked_for() -> None:
    generator = np.random.default_rng(5)
    held = []
    for _ in range(400):
        spreads = generator.uniform(2, 60, 41)
        errors = np.abs(generator.normal(0, 1, 41)) * (spreads + 3)
        scores = [score(error, spread) for error, spread in zip(errors[1:], spreads[1:], strict=True)]
        held.append(errors[0] <= fit_radius(scores, 0.9).meters(spreads[0]))
    assert 0.87 < np.mean(held) < 0.95


def test_the_radius_is_never_smaller_than_the_error_of_gps() -> None:
    assert fit_radius([0.0] * 30).meters(0.0) == GPS_ERROR


def test_few_scores_give_a_larger_radius_without_guarantee() -> None:
    few, many = fit_radius([0.5] * 8), fit_radius([0.5] * 9)
    assert not few.guaranteed and many.guaranteed
    assert few.meters(0.0) == 2 * many.meters(0.0)
    assert fit_radius([]).meters(0.0) == 3 * S0


def test_scores_must_be_numbers() -> None:
    with pytest.raises(ShapeError):
        fit_radius([0.1, float("nan")])
