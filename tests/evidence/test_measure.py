from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.evidence.measure import compared, geometry, margins, other_places, standardized
from placeprint.evidence.record import OF_VERIFICATIONS, PLACES, no_evidence
from placeprint.types import LocalFeatures, Verification

NAMES = [name for name, *_ in OF_VERIFICATIONS]


def features(given: Any, size: tuple[int, int] = (640, 480)) -> LocalFeatures:
    points = np.asarray(given, np.float32)
    rows = np.tile(np.eye(2, dtype=np.float32)[0], (len(points), 1))
    return LocalFeatures(points, rows, np.ones(len(points), np.float32), size)


def check(given: Any, transform: NDArray[np.float64]) -> tuple[LocalFeatures, LocalFeatures, Verification]:
    points = np.asarray(given, np.float32)
    other = points @ transform[:2, :2].T + transform[:2, 2]
    pairs = np.stack([points, other], axis=1).astype(np.float32)
    rows = np.repeat(np.arange(len(points))[:, None], 2, axis=1)
    agree = np.ones(len(points), bool)
    found = Verification(rows, pairs, agree, 3.0, 2.0, 1.0, transform.astype(float), "homography")
    return features(points), features(other), found


def moved(scale: float = 1.0, degrees: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    matrix = np.eye(3)
    matrix[:2, :2] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix[:2, 2] = shift
    return matrix


@pytest.fixture
def scattered() -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform([50, 50], [400, 300], (60, 2))


def test_rotation_and_zoom_are_those_of_the_transform(scattered: NDArray[np.float64]) -> None:
    found = dict(zip(NAMES, geometry(*check(scattered, moved(0.5, 30, (200, 10))), 8.0), strict=True))
    assert found["rotation"] == pytest.approx(30, abs=0.1)
    assert found["zoom"] == pytest.approx(1, abs=0.01)
    assert found["inliers"] == 60
    assert found["ratio"] == 1
    assert found["residual"] == pytest.approx(0, abs=1e-3)
    assert found["significance"] > 50


def test_points_at_the_same_pixel_stand_still(scattered: NDArray[np.float64]) -> None:
    still = dict(zip(NAMES, geometry(*check(scattered, moved()), 8.0), strict=True))
    apart = dict(zip(NAMES, geometry(*check(scattered, moved(shift=(5, 0))), 8.0), strict=True))
    assert (still["static"], apart["static"]) == (1, 0)


def test_points_on_a_line_have_no_spread() -> None:
    line = np.stack([np.linspace(20, 600, 40), np.full(40, 200)], axis=1)
    line[::2, 1] += 1
    found = dict(zip(NAMES, geometry(*check(line, moved(shift=(3, 3))), 8.0), strict=True))
    assert found["spread"] < 0.01


def test_what_was_not_checked_is_missing() -> None:
    first = features([[1, 1]])
    unchecked = Verification(np.zeros((0, 2), np.int64), np.zeros((0, 2, 2), np.float32), np.zeros(0, bool))
    assert np.isnan(geometry(first, first, unchecked, 8.0)).all()


def test_photos_of_the_place_do_not_move_the_background() -> None:
    background = np.random.default_rng(0).normal(0.1, 0.02, 200).astype(np.float32)
    crowded = np.concatenate([background, np.full(20, 0.9, np.float32)])
    alone, among = (standardized(np.array([0.5], np.float32), b, (0.0, 0.1)) for b in (background, crowded))
    assert among[0] == pytest.approx(alone[0], rel=0.15)


def test_a_small_atlas_has_the_usual_spread() -> None:
    z = standardized(np.array([0.4], np.float32), np.array([0.4], np.float32), (0.0, 0.1))
    assert 2 < z[0] < 4.1


def test_neighbors_are_no_other_place() -> None:
    similar = np.array([0.9, 0.85, 0.3], np.float32)
    among = np.array([[1, 0.95, 0.2], [0.95, 1, 0.2], [0.2, 0.2, 1]], np.float32)
    standard = np.array([9.0, 8.5, 3.0])
    assert margins(similar, among, standard).tolist() == [6.0, 5.5, -6.0]
    other = other_places([standard], [10 * among.astype(float)])
    assert other.tolist() == [[False, False, True], [False, False, True], [True, True, False]]


def test_unrelated_photos_are_no_neighbors_of_each_other_where_the_query_is_like_none() -> None:
    assert other_places([np.array([1.0, 0.5])], [np.array([[9.0, 2.0], [2.0, 9.0]])])[0, 1]


def test_all_photos_of_a_place_have_the_geometry_of_the_best() -> None:
    table = no_evidence(3)
    table[:, PLACES["xfeat.strength"]] = [2.0, 8.0, 1.0]
    table[:, PLACES["xfeat.inliers"]] = [10, 50, 5]
    other = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0]], bool)
    found = compared(table, other)
    assert found[:, PLACES["xfeat.inliers"]].tolist() == [50, 50, 5]
    assert found[:, PLACES["xfeat.inliers_share"]].tolist() == [1, 1, 6 / 51]
    assert np.isnan(found[:, PLACES["sift.strength_share"]]).all()
    assert table[0, PLACES["xfeat.inliers"]] == 10, "the table itself stays as it was"
