"""Metrics of matching against cases small enough to do by hand, and plain loops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeprint.datasets.photos.image_pairs import ImagePair, project
from placeprint.errors import DatasetError, ShapeError
from placeprint.evaluation.matching_figures import summarize
from placeprint.evaluation.matching_metrics import (
    best_matches_right,
    corner_error,
    error_auc,
    in_common,
    matching_accuracy,
    matching_score,
    repeatability,
)
from placeprint.evaluation.pair_benchmark import Method, run_matching
from placeprint.types import Floats, Image, LocalFeatures, Mask, Matches
from placeprint.verification.matching import mutual_matches
from tests.conftest import make_scene, write_photo

HERE = Path("unused.png")
SIZES = ((53, 37), (53, 37))
SHIFT = np.array([[1, 0, 10], [0, 1, 0], [0, 0, 1.0]])
"""Moves everything by ten pixels to the right."""


def _pair(homography: NDArray[np.float64]) -> ImagePair:
    return ImagePair("test", HERE, HERE, (53, 37), homography)


def test_repeatability_by_hand() -> None:
    query = np.array([[0, 0], [20, 20], [30, 30], [50, 5]], np.float32)  # the last one leaves the picture
    database = np.array([[10, 0], [30, 24], [38, 30], [42, 30], [3, 3]], np.float32)  # so came the last one
    shared, also = in_common(query, database, _pair(SHIFT), SIZES)
    assert shared.tolist() == [True, True, True, False]
    assert also.tolist() == [True, True, True, True, False]
    # found again: the first; the second is 4 pixels off; the third is claimed by two, and they count once: 2 of 3
    assert repeatability(query, database, _pair(SHIFT), SIZES) == pytest.approx(2 / 3)
    assert repeatability(query, database, _pair(SHIFT), SIZES, pixels=4) == pytest.approx(1)
    assert matching_score(1, query, database, _pair(SHIFT), SIZES) == pytest.approx(1 / 3)


def test_without_keypoints_in_common_there_is_no_repeatability() -> None:
    none, one = np.zeros((0, 2), np.float32), np.zeros((1, 2), np.float32)
    for query, database in ((none, one), (one, none), (none, none)):
        assert np.isnan(repeatability(query, database, _pair(SHIFT), SIZES))
        assert np.isnan(matching_score(0, query, database, _pair(SHIFT), SIZES))


@pytest.mark.parametrize("seed", range(5))
def test_repeatability_is_that_of_a_plain_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    homography = np.array([[0.9, 0.1, 4], [-0.1, 1.1, 2], [1e-3, 0, 1]])
    query, database = (generator.uniform(0, [52, 36], (60, 2)).astype(np.float32) for _ in range(2))
    inverse = np.linalg.inv(homography)

    def moved(x: float, y: float, matrix: NDArray[np.float64]) -> tuple[float, float]:
        u, v, w = (float(row[0] * x + row[1] * y + row[2]) for row in matrix)
        return u / w, v / w

    def inside(x: float, y: float) -> bool:
        return -0.5 <= x <= 52.5 and -0.5 <= y <= 36.5

    there = [moved(x, y, homography) for x, y in query.tolist() if inside(*moved(x, y, homography))]
    here = [(x, y) for x, y in database.tolist() if inside(*moved(x, y, inverse))]
    distance = [[((a - x) ** 2 + (b - y) ** 2) ** 0.5 for x, y in here] for a, b in there]
    found = 0
    for i, row in enumerate(distance):
        j = row.index(min(row))
        column = [other[j] for other in distance]
        found += column.index(min(column)) == i and row[j] <= 3
    assert repeatability(query, database, _pair(homography), SIZES) == pytest.approx(found / min(len(there), len(here)))
    assert 0 < found < len(there)


def test_matching_accuracy_by_hand() -> None:
    errors = np.array([0.5, 1.0, 2.9, 3.1, 50, np.nan])
    assert matching_accuracy(errors).tolist() == pytest.approx([0.4, 0.6, 0.8, 0.8])
    assert matching_accuracy(np.array([np.nan])).tolist() == [0, 0, 0, 0]
    assert matching_accuracy(np.zeros(0), (1, 2)).tolist() == [0, 0]


@given(st.lists(st.floats(0, 20), max_size=30), st.lists(st.floats(0, 20), min_size=2, max_size=6).map(sorted))
def test_a_wider_threshold_never_has_a_lower_accuracy(errors: list[float], thresholds: list[float]) -> None:
    assert (np.diff(matching_accuracy(np.array(errors), thresholds)) >= 0).all()


def test_the_corner_error_by_hand() -> None:
    doubled = np.diag([2.0, 2.0, 1.0])
    # the corners (0, 0), (3, 0), (3, 4), (0, 4) move by 0, 3, 5 and 4
    assert corner_error(doubled, np.eye(3), (4, 5)) == pytest.approx(3)
    assert corner_error(np.eye(3) * 7, np.eye(3), (4, 5)) == 0  # a homography has no size of its own
    assert corner_error(None, np.eye(3), (4, 5)) == np.inf


def test_the_area_under_the_errors_by_hand() -> None:
    # from (0, 0) to (1, 1/3), to (2, 2/3), then level to 3: 1/6 + 1/2 + 2/3 of 3
    assert error_auc([2.0, 1.0, 9.0], (3,))[0] == pytest.approx((1 / 6 + 1 / 2 + 2 / 3) / 3)
    assert error_auc([0.0, 0.0], (3, 5)).tolist() == [1, 1]
    assert error_auc([np.inf, np.nan, 5.0], (3, 5)).tolist() == [0, 0]
    assert np.isnan(error_auc([], (3, 5))).all()


@given(st.lists(st.floats(0, 20), min_size=1, max_size=12), st.floats(0.5, 12))
def test_the_area_is_that_of_a_fine_sum(errors: list[float], threshold: float) -> None:
    ordered = sorted(errors)

    def height(e: float) -> float:
        """Interpolate between the errors below the threshold, level after the last one."""
        below = [error for error in ordered if error < threshold]
        x, y = 0.0, 0.0
        for rank, error in enumerate(below, start=1):
            if e < error:
                return y + (rank / len(ordered) - y) * (e - x) / (error - x)
            x, y = error, rank / len(ordered)
        return y

    steps = (np.arange(2000) + 0.5) * threshold / 2000
    assert error_auc(errors, (threshold,))[0] == pytest.approx(np.mean([height(e) for e in steps]), abs=2e-3)


def test_the_best_matches_by_hand() -> None:
    truth = np.array([[[10, 10], [15, 10]], [[40, 30], [40, 33]]], np.float64)
    pair = ImagePair("test", HERE, HERE, (300, 400), correspondences=truth)  # near: 25 pixels; right: under 5
    points = np.array(
        [
            [[20, 10], [25, 10]],  # right
            [[20, 10], [29, 10]],  # 4 off: right
            [[20, 10], [30, 10]],  # 5 off: wrong
            [[200, 200], [205, 200]],  # nothing near
            [[40, 30], [40, 33]],  # right, but the worst
        ],
        np.float32,
    )
    matches = Matches(np.zeros((5, 2), np.int64), np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32))
    assert best_matches_right(matches, points, pair, 4) == (0.5, 0.25)
    assert best_matches_right(matches, points, pair, 10) == (0.3, 0.1)  # missing ones are wrong
    with pytest.raises(ShapeError, match="has no hand-made correspondences"):
        best_matches_right(matches, points, _pair(SHIFT))
    with pytest.raises(ShapeError, match="has no homography"):
        repeatability(points[:, 0], points[:, 1], pair, SIZES)


class Corners:
    """Stand-in for an extractor: every 16th pixel, described by the patch around it."""

    def __init__(self) -> None:
        self.calls = 0

    @property
    def dim(self) -> int:
        return 147

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        self.calls += 1
        height, width = image.shape[:2]
        y, x = (values.ravel() for values in np.mgrid[8 : height - 8 : 4, 8 : width - 8 : 4])
        patches = np.stack([image[b - 3 : b + 4, a - 3 : a + 4].ravel() for a, b in zip(x, y, strict=True)])
        patches = patches - patches.mean(axis=1, keepdims=True)
        rows = patches / np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-9)
        return LocalFeatures(np.stack([x, y], 1), rows, np.ones(len(x), np.float32), (width, height))


class Mutual:
    """Stand-in for a matcher."""

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        return [mutual_matches(query.descriptors, candidate.descriptors) for candidate in candidates]


@pytest.fixture
def shifted(tmp_path: Path) -> list[ImagePair]:
    """Return two pairs: a scene, and the scene moved by (8, 4) pixels."""
    pairs = []
    for number in range(2):
        scene = make_scene(number, 240, 180)
        first = write_photo(tmp_path / f"{number}a.png", scene[8:, 16:].copy())
        second = write_photo(tmp_path / f"{number}b.png", scene[4:-4, 8:-8].copy())
        truth = np.array([[1, 0, 8], [0, 1, 4], [0, 0, 1.0]])
        pairs.append(ImagePair(str(number), first, second, (224, 172), truth))
    return pairs


def _mean_shift(points: Floats) -> NDArray[np.float64] | None:
    shift = np.median(points[:, 1] - points[:, 0], axis=0)
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]], np.float64)


def test_a_run_measures_what_was_made(shifted: list[ImagePair]) -> None:
    extractor, seen = Corners(), []
    methods = [Method("one", extractor, Mutual()), Method("two", extractor, Mutual())]
    rows = run_matching(shifted, methods, _mean_shift, lambda done, of: seen.append((done, of)))
    assert extractor.calls == 5  # four pictures and one to warm up, for both methods
    assert seen == [(1, 2), (2, 2)]
    row = rows[0].as_row()
    assert (row["method"], row["extractor"], row["matcher"], row["pairs"]) == ("one", "Corners", "Mutual", 2)
    assert row["keypoints"] == 52 * 39
    assert isinstance(row["repeatability"], float) and row["repeatability"] > 0.9  # grids end at other places
    assert row["homographies_right"] == row["auc@3"] == row["auc@10"] == 1
    assert isinstance(row["mma@1"], float) and row["mma@1"] > 0.8
    assert row["best_100_right"] is None
    assert isinstance(row["ms_per_picture"], float) and row["ms_per_picture"] > 0


def test_metrics_are_of_the_pairs_that_have_them(shifted: list[ImagePair], tmp_path: Path) -> None:
    first, second = shifted[0].query_path, shifted[0].database_path
    truth = np.array([[[50, 50], [58, 54]], [[150, 100], [158, 104]]], np.float64)
    hand_made = ImagePair("hand", first, second, (224, 172), correspondences=truth)
    stereo = ImagePair("stereo", first, second, (224, 172), disparity=np.full((172, 224), -8.0))
    methods = [Method("one", Corners(), Mutual())]
    row = run_matching([hand_made, stereo], methods, _mean_shift)[0].as_row()
    assert row["repeatability"] is None and row["auc@5"] is None and row["homographies_right"] is None
    assert isinstance(row["mma@5"], float) and row["mma@5"] > 0.8  # 4 pixels off, all of them
    assert row["mma@3"] < 0.1
    assert isinstance(row["best_100_right"], float) and isinstance(row["best_100_not_judged"], float)
    assert row["best_100_right"] + row["best_100_not_judged"] == pytest.approx(1, abs=0.1)


def test_a_run_without_pairs_is_refused() -> None:
    with pytest.raises(DatasetError, match="no pairs"):
        run_matching([], [Method("one", Corners(), Mutual())], _mean_shift)
    with pytest.raises(DatasetError, match="nothing to summarize"):
        summarize([])


def test_projecting_there_and_back_changes_nothing() -> None:
    homography = np.array([[0.9, 0.1, 4], [-0.1, 1.1, 2], [1e-3, 0, 1]])
    points = np.random.default_rng(0).uniform(0, 50, (20, 2))
    np.testing.assert_allclose(project(project(points, homography), np.linalg.inv(homography)), points, atol=1e-9)
