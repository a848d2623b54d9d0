"""Matching, models and re-ranking, by hand and against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.errors import OptionError
from placeprint.types import Floats, Matches, Verification
from placeprint.verification.estimation import estimate
from placeprint.verification.geometry import MutualGeometry
from placeprint.verification.matching import found_elsewhere, match_candidates, mutual_matches, stand_out
from placeprint.verification.rerank import ranking_scores
from placeprint.verification.transforms import MODELS, residuals, to_pixels
from tests.conftest import random_features


@given(seed=st.integers(0, 200), sizes=st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_mutual_matches_agree_with_a_plain_loop(seed: int, sizes: tuple[int, int]) -> None:
    query = random_features(sizes[0], 4, seed).descriptors
    candidate = random_features(sizes[1], 4, seed + 1000).descriptors
    expected = []
    for i, row in enumerate(query):
        similarities = [float(row @ other) for other in candidate]
        if similarities:
            j = int(np.argmax(similarities))
            if int(np.argmax([float(candidate[j] @ other) for other in query])) == i:
                expected.append([i, j])
    assert mutual_matches(query, candidate).pairs.tolist() == expected


def test_equal_rows_match_once() -> None:
    same = np.tile(np.array([[1.0, 0.0]], np.float32), (3, 1))
    assert mutual_matches(same, same).pairs.tolist() == [[0, 0]]


def test_the_floor_drops_weak_matches() -> None:
    query = np.eye(2, dtype=np.float32)
    candidate = np.array([[1, 0], [0.6, 0.8]], np.float32)
    assert mutual_matches(query, candidate, 0.9).pairs.tolist() == [[0, 0]]


def test_a_match_stands_out_over_what_is_found_elsewhere() -> None:
    matches = Matches(np.array([[0, 0], [1, 3]]), np.array([0.9, 0.9], np.float32))
    # of ten candidates the first keypoint finds 0.85 in most, the second 0.6
    best = np.tile(np.array([[0.85, 0.6]], np.float32), (10, 1))
    best[0] = 0.9
    np.testing.assert_allclose(stand_out(matches, found_elsewhere(best, 0.5, usual=0.7)), [0.05, 0.3], atol=1e-6)


def test_with_few_candidates_the_usual_similarity_is_what_is_found_elsewhere() -> None:
    matches = Matches(np.array([[0, 0]]), np.array([0.9], np.float32))
    elsewhere = found_elsewhere(np.array([[0.9]], np.float32), 0.5, usual=0.7)
    np.testing.assert_allclose(stand_out(matches, elsewhere), [0.2], atol=1e-6)


def test_candidates_without_rows_have_no_matches() -> None:
    found, best = match_candidates(random_features(3, 4).descriptors, [np.zeros((0, 4), np.float32)])
    assert len(found[0]) == 0 and (best == -1).all()


def _moved(transform: Floats, outliers: int = 30) -> tuple[Floats, Floats]:
    generator = np.random.default_rng(0)
    query = generator.uniform(0, 400, (100, 2))
    mapped = np.column_stack([query, np.ones(100)]) @ transform.T
    database = mapped[:, :2] / mapped[:, 2:]
    database[:outliers] = generator.uniform(0, 400, (outliers, 2))
    return query.astype(np.float32), database.astype(np.float32)


def test_a_known_homography_is_found() -> None:
    true = np.array([[1.1, 0.1, 5], [-0.1, 0.9, 20], [2e-4, 1e-4, 1]])
    found = estimate("homography", *_moved(true), 2.0)
    assert found is not None
    np.testing.assert_allclose(found[0] / found[0][2, 2], true, atol=2e-3, rtol=1e-2)
    assert found[1][30:].all() and found[1][:30].mean() < 0.2


def test_a_known_similarity_is_found_and_a_collapsed_one_refused() -> None:
    true = np.array([[0.6, -0.5, 30], [0.5, 0.6, 10], [0, 0, 1]])
    found = estimate("similarity", *_moved(true), 3.0)
    assert found is not None
    np.testing.assert_allclose(found[0], true, atol=1e-2, rtol=1e-2)
    assert estimate("similarity", *_moved(np.diag([0.01, 0.01, 1.0]), 0), 3.0) is None


def test_a_transform_that_shrinks_everything_to_a_spot_explains_nothing() -> None:
    generator = np.random.default_rng(2)
    query = generator.uniform(0, 640, (60, 2)).astype(np.float32)
    spot = generator.uniform(300, 330, (60, 2)).astype(np.float32)  # all within reach of one point
    found = estimate("similarity", query, spot, 24.0)
    assert found is None or found[1].sum() < 15


CAMERAS = (np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]),) * 2
EVERY = [
    *(("opencv", model) for model in MODELS),
    *(("poselib", model) for model in ("homography", "fundamental", "essential")),
]


def _two_views(*, flat: bool) -> tuple[Floats, Floats]:
    """Return 120 points of a scene seen by two cameras, a plane that only slides or one with depth; 20 are wrong."""
    generator = np.random.default_rng(4)
    world = generator.uniform([-2, -1.5, 5], [2, 1.5, 5 if flat else 9], (120, 3))
    left = world[:, :2] / world[:, 2:] * 500 + (320, 240)
    moved = world - [0.6, 0.1, 0.0]
    right = moved[:, :2] / moved[:, 2:] * 500 + (320, 240)
    right[:20] = generator.uniform(0, 600, (20, 2))
    return left.astype(np.float32), right.astype(np.float32)


def test_points_of_a_scene_with_depth_follow_a_fundamental_matrix() -> None:
    generator = np.random.default_rng(1)
    world = generator.uniform([-2, -2, 4], [2, 2, 8], (80, 3))
    left = world[:, :2] / world[:, 2:] * 500 + 300
    right = (world[:, :2] - [0.7, 0.1]) / world[:, 2:] * 500 + 300
    right[:15] = generator.uniform(0, 600, (15, 2))
    found = estimate("fundamental", left.astype(np.float32), right.astype(np.float32), 1.0)
    assert found is not None and found[1][15:].mean() > 0.95
    homography = estimate("homography", left.astype(np.float32), right.astype(np.float32), 1.0)
    assert homography is None or homography[1].sum() < found[1].sum()


@pytest.mark.parametrize(("method", "model"), EVERY)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_too_few_or_equal_points_give_none(method: str, model: str, count: int) -> None:
    points = np.full((count, 2), 5.0, np.float32)
    assert estimate(model, points, points, 1.0, method=method, cameras=CAMERAS) is None
    same = np.full((40, 2), 5.0, np.float32)
    assert estimate(model, same, same, 1.0, method=method, cameras=CAMERAS) is None


@pytest.mark.parametrize(("method", "model"), EVERY)
def test_points_on_one_line_give_no_transform_of_the_plane(method: str, model: str) -> None:
    line = np.column_stack([np.arange(60), 2 * np.arange(60) + 3]).astype(np.float32)
    found = estimate(model, line, line + 5, 1.0, method=method, cameras=CAMERAS)
    assert found is None if model != "similarity" else found is not None and found[1].all()


@pytest.mark.parametrize(("method", "model"), EVERY)
def test_every_estimator_finds_the_right_matches_and_repeats_itself(method: str, model: str) -> None:
    query, database = _two_views(flat=model in {"similarity", "affine", "homography"})
    found, again = (estimate(model, query, database, 2.0, method=method, seed=5, cameras=CAMERAS) for _ in range(2))
    assert found is not None and again is not None
    np.testing.assert_array_equal(found[0], again[0])
    assert found[1][20:].mean() > 0.9
    assert found[1][:20].mean() < 0.35
    assert (residuals(model, found[0], query, database, CAMERAS)[found[1]] < 2).all()


def test_transforms_in_pixels_have_one_scale() -> None:
    homography = -3 * np.array([[1.0, 0.1, 5], [0, 1.2, 6], [1e-4, 0, 1]])
    moved = to_pixels(homography, "homography", 0.5, 2.0)
    assert moved[2, 2] == 1
    # a point of the photo is scaled, moved, and scaled back
    x, y, w = homography @ [50.0, 30.0, 1.0]
    u, v, t = moved @ [100.0, 60.0, 1.0]
    np.testing.assert_allclose([u / t, v / t], [x / w / 2, y / w / 2])
    fundamental = to_pixels(np.diag([2.0, 3.0, 4.0]), "fundamental", 0.5, 2.0)
    assert np.linalg.norm(fundamental) == pytest.approx(1)
    essential = np.diag([1.0, 1.0, 0.0])
    assert to_pixels(essential, "essential", 0.5, 2.0) is essential


def test_options_that_do_not_go_together_are_refused() -> None:
    points = np.random.default_rng(0).uniform(0, 99, (20, 2)).astype(np.float32)
    with pytest.raises(OptionError, match="no model called 'plane'; known: similarity, affine"):
        estimate("plane", points, points, 1.0)
    with pytest.raises(OptionError, match="no method called 'magic'; known: auto, opencv, poselib"):
        estimate("homography", points, points, 1.0, method="magic")
    with pytest.raises(OptionError, match="poselib has no affine"):
        estimate("affine", points, points, 1.0, method="poselib")
    with pytest.raises(OptionError, match="needs the intrinsics"):
        estimate("essential", points, points, 1.0)


def _check(strength: float, score: float = 0.0, support: float = 0.0, model: str = "homography") -> Verification:
    none = np.zeros((0, 2), np.int64)
    return Verification(none, np.zeros((0, 2, 2), np.float32), np.zeros(0, bool), strength, score, support, None, model)


def test_geometry_orders_before_similarity_and_nothing_is_lost() -> None:
    similarities = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], np.float32)
    checks = [
        _check(1.0, 0.2),
        _check(0.0, support=3.0, model="unchecked"),
        _check(9.5, 3.0),
        _check(10.0, 4.0),
        _check(2.0, 0.8),
    ]
    order = np.argsort(-ranking_scores(similarities, checks), kind="stable")
    # 3 and 2 are confirmed about equally: the more similar first; then by what stands out; unverified last
    assert order.tolist() == [2, 3, 4, 0, 1, 5]


def test_where_geometry_finds_nothing_the_order_stays() -> None:
    similarities = np.array([0.9, 0.8, 0.7], np.float32)
    np.testing.assert_allclose(ranking_scores(similarities, []), similarities)
    found = ranking_scores(similarities, [_check(0.0, support=0.1, model="unchecked"), _check(0.0, model="none")])
    np.testing.assert_allclose(found, similarities)


@pytest.mark.parametrize("cell", [1.0, 3.0, 9.9, 10.0, 40.0])
def test_cells_of_any_size_are_told_apart(cell: float) -> None:
    generator = np.random.default_rng(0)
    points = generator.uniform(-5, 640, (500, 2)).astype(np.float32)
    weights = generator.uniform(0, 1, 500).astype(np.float32)
    sums: dict[tuple[int, int], float] = {}
    for (x, y), weight in zip(points, weights, strict=True):
        place = int(max(x, 0) // cell), int(max(y, 0) // cell)
        sums[place] = sums.get(place, 0.0) + float(weight)
    expected = sum(math.sqrt(each) for each in sums.values())
    assert MutualGeometry(cell=cell)._spread(points, weights) == pytest.approx(expected, rel=1e-5)
    assert MutualGeometry(cell=cell)._spread(points[:0], weights[:0]) == 0
