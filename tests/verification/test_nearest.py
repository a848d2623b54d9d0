"""Nearest neighbors against plain loops and OpenCV."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.errors import OptionError, ShapeError
from placeprint.types import LocalFeatures, Matches
from placeprint.verification.lightglue import LightGlue
from placeprint.verification.matching import mutual_matches
from placeprint.verification.nearest import NearestNeighbors
from tests.conftest import random_features


def _features(points: object, descriptors: object) -> LocalFeatures:
    rows = np.asarray(descriptors, np.float32)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return LocalFeatures(np.asarray(points, np.float32), rows, np.ones(len(rows), np.float32), (640, 480))


def _matches(matcher: NearestNeighbors, a: LocalFeatures, b: LocalFeatures) -> Matches:
    return matcher.match(a, [b])[0]


def _by_loops(a: LocalFeatures, b: LocalFeatures, *, mutual: bool, ratio: float | None) -> set[tuple[int, int]]:
    distances = [[float(np.linalg.norm(x - y)) for y in b.descriptors] for x in a.descriptors]
    wanted: dict[int, tuple[float, int]] = {}
    for i, row in enumerate(distances):
        j, *rest = np.argsort(row, kind="stable")
        score = row[j] if ratio is None else row[j] / row[rest[0]]
        if ratio is not None and not score < ratio:
            continue
        if mutual and int(np.argmin([line[j] for line in distances])) != i:
            continue
        if j not in wanted or score < wanted[j][0]:
            wanted[j] = (score, i)
    return {(i, int(j)) for j, (_, i) in wanted.items()}


@pytest.mark.parametrize("mutual", [True, False])
@pytest.mark.parametrize("ratio", [None, 0.9, 0.97])
def test_matches_are_those_of_plain_loops(mutual: bool, ratio: float | None) -> None:
    for seed in range(5):
        a, b = random_features(40, 8, seed), random_features(30, 8, seed + 90)
        found = _matches(NearestNeighbors(mutual=mutual, ratio=ratio), a, b)
        assert {(int(i), int(j)) for i, j in found.pairs} == _by_loops(a, b, mutual=mutual, ratio=ratio)


def test_ratios_are_those_of_opencv() -> None:
    import cv2

    a, b = random_features(60, 32, 1), random_features(60, 32, 2)
    found = _matches(NearestNeighbors(mutual=False, ratio=1.0), a, b)
    expected = {}
    for first, second in cv2.BFMatcher(cv2.NORM_L2).knnMatch(a.descriptors, b.descriptors, 2):
        expected[first.queryIdx, first.trainIdx] = 1 - first.distance / second.distance
    for pair, score in zip(found.pairs, found.scores, strict=True):
        assert score == pytest.approx(expected[tuple(pair)], abs=1e-5)


def test_the_second_neighbor_may_have_to_be_far_from_the_first() -> None:
    # two keypoints on one corner look alike; the third, far away, does not
    query = _features([[0, 0]], [[1, 0, 0]])
    candidate = _features([[100, 100], [103, 100], [300, 100]], [[1, 0.1, 0], [1, 0.11, 0], [0, 0, 1]])
    assert len(_matches(NearestNeighbors(ratio=0.8), query, candidate)) == 0
    near = _matches(NearestNeighbors(ratio=0.8, far=10), query, candidate)
    assert near.pairs.tolist() == [[0, 0]]
    assert near.scores[0] == pytest.approx(1 - np.sqrt((1 - 1 / np.sqrt(1.01)) / 1), abs=1e-4)


def test_hamming_ratios_are_ratios_of_bits() -> None:
    signs = np.ones((3, 16))
    signs[1, :2] = -1  # 2 bits from the first, the third 8
    signs[2, :8] = -1
    query, candidate = _features([[0, 0]], signs[:1]), _features(np.zeros((2, 2)), signs[1:])
    found = _matches(NearestNeighbors(ratio=0.5, distance="hamming"), query, candidate)
    assert found.scores[0] == pytest.approx(1 - 2 / 8, abs=1e-6)
    assert len(_matches(NearestNeighbors(ratio=0.5), query, candidate)) == 0  # sqrt(2 / 8) is not below 0.5


def test_equal_neighbors_are_ambiguous_and_one_neighbor_says_nothing() -> None:
    query = _features([[0, 0]], [[1, 0]])
    assert len(_matches(NearestNeighbors(ratio=0.99), query, _features([[0, 0], [9, 9]], [[1, 0], [1, 0]]))) == 0
    assert len(_matches(NearestNeighbors(ratio=0.99), query, _features([[0, 0]], [[1, 0]]))) == 0


def test_matches_below_the_floor_are_dropped() -> None:
    a, b = random_features(40, 8, 0), random_features(40, 8, 1)
    found = _matches(NearestNeighbors(min_similarity=0.8), a, b)
    assert len(found) and (found.scores >= 0.8).all()
    assert len(found) < len(_matches(NearestNeighbors(), a, b))


def test_several_candidates_are_matched_as_one_by_one() -> None:
    query, candidates = random_features(40, 8, 0), [random_features(n, 8, n) for n in (30, 0, 7)]
    matcher = NearestNeighbors(ratio=0.95)
    for together, alone in zip(matcher.match(query, candidates), candidates, strict=True):
        np.testing.assert_array_equal(together.pairs, _matches(matcher, query, alone).pairs)


def test_what_has_no_sense_is_refused() -> None:
    with pytest.raises(OptionError, match=r"ratio must be a number above 0 and at most 1, got 1\.5"):
        NearestNeighbors(ratio=1.5)
    with pytest.raises(OptionError, match="distance must be one of euclidean, hamming, got 'cosine'"):
        NearestNeighbors(distance="cosine")
    with pytest.raises(ShapeError, match="query's length 8, got 16"):
        NearestNeighbors().match(random_features(4, 8), [random_features(4, 16)])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 999), st.booleans(), st.sampled_from([None, 0.8, 1.0]))
def test_no_keypoint_is_matched_twice(n: int, m: int, seed: int, mutual: bool, ratio: float | None) -> None:
    a, b = random_features(n, 4, seed), random_features(m, 4, seed + 1)
    found = _matches(NearestNeighbors(mutual=mutual, ratio=ratio), a, b)
    assert len(np.unique(found.pairs[:, 0])) == len(np.unique(found.pairs[:, 1])) == len(found)
    assert (np.diff(found.pairs[:, 0]) > 0).all()


def test_the_best_matches_come_first_and_refined_points_stay_with_them() -> None:
    pairs = np.array([[0, 1], [1, 0], [2, 2]])
    refined = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    best = Matches(pairs, np.array([0.1, 0.9, 0.5], np.float32), refined).best(2)
    assert best.pairs.tolist() == [[1, 0], [2, 2]]
    np.testing.assert_array_equal(best.points(random_features(3, 4), random_features(3, 4)), refined[[1, 2]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ratio": 0.95},
        {"ratio": 0.97, "mutual": False},
        {"ratio": 0.95, "far": 30.0},
        {"ratio": 0.98, "distance": "hamming"},
        {"min_similarity": 0.7},
    ],
    ids=str,
)
@pytest.mark.parametrize("most", [1, 100, 1000])
def test_matching_in_pieces_gives_what_one_piece_gives(
    options: dict[str, Any], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = random_features(70, 8, 0), random_features(50, 8, 1)
    rows = np.concatenate([a.descriptors[:60], a.descriptors[:10]])  # some rows twice, in different pieces
    a = LocalFeatures(a.keypoints, rows, a.scores, a.image_size)
    matcher = NearestNeighbors(**options)
    expected = _matches(matcher, a, b)
    assert len(expected)
    monkeypatch.setattr("placeprint.verification.matching.MAX_SIMILARITIES", most)
    found = _matches(matcher, a, b)
    np.testing.assert_array_equal(found.pairs, expected.pairs)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(
        mutual_matches(a.descriptors, b.descriptors).pairs, _matches(NearestNeighbors(), a, b).pairs
    )


def test_no_more_similarities_are_held_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeprint.verification.matching.MAX_SIMILARITIES", 400_000)
    a, b = random_features(4000, 8, 0), random_features(4000, 8, 1)
    tracemalloc.start()
    _matches(NearestNeighbors(ratio=0.9, far=5.0), a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000  # all similarities at once take 64 MB, and their distances more


def test_lightglue_refuses_more_keypoints_than_memory_holds() -> None:
    many = random_features(8193, 64)
    with pytest.raises(OptionError, match=r"at most 8192 keypoints per photo, got 8193.*lower max_keypoints"):
        LightGlue(features="xfeat").match(random_features(4, 64), [many])
