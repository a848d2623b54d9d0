"""Positions with a radius: where the Earth is awkward, with wrong tags, and without looking at the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from placeprint.core.plane import distances, from_plane
from placeprint.places.survey import Seen
from placeprint.places.whereabouts import Whereabouts
from placeprint.store import PhotoRecord

AWKWARD = [(55.7, 13.2), (-33.86, 151.2), (-17.5, 179.99995), (64.1, -21.9), (89.99, 40.0), (-90.0, 0.0), (0.0, 0.0)]


def walk(start: tuple[float, float], count: int = 40, spacing: float = 8.0) -> np.ndarray:
    """Return positions of a walk to the north-east, each off by some meters."""
    noise = np.random.default_rng(1).normal(0, 4, (count, 2))
    return from_plane(np.outer(np.arange(count), [spacing, 0.5 * spacing]) + noise, np.array(start))


def known(positions: np.ndarray) -> dict[int, PhotoRecord]:
    return {
        number: PhotoRecord(f"/{number}.jpg", f"{number:064x}", 1, 1, 640, 480, tuple(place), None, 100, None, number)
        for number, place in enumerate(positions.tolist())
    }


def seen_from(number: int, count: int, confidence: float = 0.98) -> Seen:
    """Return what a photo of a walk says: its four neighbors show the place, the nearest best."""
    others = np.array([number + step for step in (-1, 1, -2, 2) if 0 <= number + step < count])
    values = np.asarray(1 - 0.2 * abs(others - number), np.float64)
    return Seen(confidence, others, values, values, np.full(len(others), 90))


def whereabouts(positions: np.ndarray) -> Whereabouts:
    count = len(positions)
    return Whereabouts(known(positions), {number: seen_from(number, count) for number in range(count)})


@pytest.mark.parametrize("start", AWKWARD)
def test_a_photo_is_located_anywhere_on_earth(start: tuple[float, float]) -> None:
    positions = walk(start)
    where = whereabouts(positions)
    asked = seen_from(20, 40)
    found = where.locate(asked.others, asked.pairs)
    assert found is not None
    off = distances(positions[20][None], np.array([found.latitude, found.longitude]))[0]
    assert off < found.radius < 40
    assert -180 <= found.longitude <= 180
    meters = where.distances(found, asked.others)
    assert all(each is not None and each < 40 for each in meters)


def test_the_radius_holds_for_nine_in_ten_photos_that_were_not_looked_at() -> None:
    positions = walk((55.7, 13.2), count=200)
    where = whereabouts(positions)
    held = []
    for number in range(200):
        asked = seen_from(number, 200)
        found = where.locate(asked.others, asked.pairs, unseen=[number])
        assert found is not None
        off = distances(positions[number][None], np.array([found.latitude, found.longitude]))[0]
        held.append(off <= found.radius)
    assert 0.85 <= np.mean(held) <= 0.97


def test_a_hidden_photo_has_no_part_in_the_radius() -> None:
    positions = walk((55.7, 13.2))
    moved = positions.copy()
    moved[20] += [0.3, 0.3]
    for unseen, equal in (([20], True), ([], False)):
        told = [whereabouts(each).scores(unseen) for each in (positions, moved)]
        assert (told[0] == told[1]) == equal


@pytest.mark.parametrize("meters", [150.0, 2_000.0, 100_000.0])
def test_wrong_tags_hardly_change_positions_and_radius(meters: float) -> None:
    positions = walk((55.7, 13.2), count=100)
    wrong = positions.copy()
    wrong[::10] = from_plane(np.array([[meters, 0.0]]), positions[0]) - positions[0] + positions[::10]
    right, spoiled = whereabouts(positions), whereabouts(wrong)
    moves, radii = [], []
    for number in range(1, 100, 2):
        asked = seen_from(number, 100)
        one, two = (each.locate(asked.others, asked.pairs, unseen=[number]) for each in (right, spoiled))
        assert one is not None
        assert two is not None
        moves.append(distances(np.array([[one.latitude, one.longitude]]), np.array([two.latitude, two.longitude]))[0])
        radii.append(two.radius / one.radius)
    assert np.median(moves) <= 3
    assert np.median(radii) <= 1.3
    assert np.percentile(radii, 90) <= 1.5


def test_a_hidden_tag_has_no_say_in_which_tags_are_wrong() -> None:
    positions = walk((55.7, 13.2))
    positions[[18, 23]] += [0.01, 0.0]
    agreeing, apart = positions.copy(), positions.copy()
    agreeing[20] += [0.01, 0.0]
    apart[20] -= [0.3, 0.0]
    assert whereabouts(agreeing).scores([20]) == whereabouts(apart).scores([20])


def test_without_positions_there_is_no_location() -> None:
    photos = {n: PhotoRecord(f"/{n}.jpg", "", 1, 1, 9, 9, None, None, 1, None, n) for n in range(3)}
    where = Whereabouts(photos, {n: seen_from(n, 3) for n in range(3)})
    asked = seen_from(1, 3)
    assert where.locate(asked.others, asked.pairs) is None
    assert where.distances(None, asked.others) == (None, None)


def test_few_photos_have_a_radius_that_is_not_small() -> None:
    positions = walk((55.7, 13.2), count=2)
    found = whereabouts(positions).locate(np.array([0]), np.array([0.9]))
    assert found is not None
    assert found.radius >= 15


def test_tags_in_dispute_have_no_score_while_they_are_few() -> None:
    photos = known(walk((55.7, 13.2), count=12))
    pairs = {0: 1, 1: 0, **{n: (n - 1 if n % 2 else n + 1) for n in range(2, 12)}}
    seen = {n: Seen(0.98, np.array([m]), np.array([0.9]), np.array([0.9]), np.array([90])) for n, m in pairs.items()}
    for wrong, missing in ((1, 2), (2, 2), (3, 2)):
        spoiled = dict(photos)
        for number in range(0, 2 * wrong, 2):
            spoiled[number] = replace(photos[number], location=(60.0 + number, 20.0))
        scores = Whereabouts(spoiled, seen).scores()
        assert len(scores) == 12 - missing
        assert (max(scores) > 100) == (wrong > 1)
