"""Matchers that are networks: LightGlue, LighterGlue, and the refinement of semi-dense XFeat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from placeprint.datasets.photos.sample_photos import rephotograph
from placeprint.errors import OptionError, ShapeError
from placeprint.features.aliked import ALIKED
from placeprint.features.xfeat import XFeat
from placeprint.networks.weights import find_weights, load_weights, weights_path
from placeprint.networks.xfeat import refine
from placeprint.types import Extractor, LocalFeatures, Matcher, Matches
from placeprint.verification.lightglue import LightGlue
from placeprint.verification.semi_dense import SemiDense
from tests.conftest import make_scene, random_features

SIZE = 480
MATCHERS: dict[str, tuple[Callable[[], Extractor], Callable[[], Matcher], str]] = {
    "lighterglue": (lambda: XFeat(size=SIZE), LightGlue, "xfeat-lighterglue"),
    "lightglue": (lambda: ALIKED(size=SIZE), lambda: LightGlue(features="aliked"), "aliked-lightglue"),
    "semi-dense": (lambda: XFeat(size=SIZE, semi_dense=True), SemiDense, "xfeat"),
}


def _errors(matches: Matches, query: LocalFeatures, candidate: LocalFeatures, homography: np.ndarray) -> np.ndarray:
    points = matches.points(query, candidate)
    mapped = np.column_stack([points[:, 0], np.ones(len(points))]) @ homography.T
    return np.asarray(np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - points[:, 1], axis=1))


@pytest.fixture(params=MATCHERS)
def pair(request: pytest.FixtureRequest) -> tuple[Extractor, Matcher]:
    extractor, matcher, weights = MATCHERS[request.param]
    if weights_path(find_weights(weights)) is None:
        pytest.skip(find_weights(weights).install)
    return extractor(), matcher()


def test_matches_follow_a_known_homography(pair: tuple[Extractor, Matcher]) -> None:
    extractor, matcher = pair
    scene = make_scene(5, 480, 360)
    seen, homography = rephotograph(scene, corners=0.08, crop=0.9, noise=2)
    query, candidate = extractor.extract(scene), extractor.extract(seen)
    other = extractor.extract(make_scene(77, 480, 360))
    right, wrong = matcher.match(query, [candidate, other])
    assert len(right) > 50
    assert np.mean(_errors(right, query, candidate, homography) < 3) > 0.8
    assert right.scores.min() >= 0 and right.scores.max() <= 1
    assert right.scores.sum() > 2 * wrong.scores.sum()


def test_pairs_rise_and_use_no_keypoint_twice(pair: tuple[Extractor, Matcher]) -> None:
    extractor, matcher = pair
    query, candidate = (extractor.extract(make_scene(seed, 320, 240)) for seed in (1, 1))
    pairs = matcher.match(query, [candidate])[0].pairs
    assert (np.diff(pairs[:, 0]) > 0).all()
    assert len(np.unique(pairs[:, 1])) == len(pairs) > 20


def test_without_features_there_are_no_matches(pair: tuple[Extractor, Matcher]) -> None:
    extractor, matcher = pair
    query = extractor.extract(make_scene(1, 320, 240))
    assert [len(matches) for matches in matcher.match(query[:0], [query, query[:0]])] == [0, 0]
    assert len(matcher.match(query, [query[:0]])[0]) == 0
    assert matcher.match(query, []) == []


def test_one_feature_and_features_on_the_border_are_fine(pair: tuple[Extractor, Matcher]) -> None:
    extractor, matcher = pair
    query = extractor.extract(make_scene(1, 320, 240))
    points = query.keypoints.copy()
    points[:4] = np.array([[-0.5, -0.5], [319.5, 239.5], [319.9, 240], [-2, 5]])
    moved = LocalFeatures(points, query.descriptors, query.scores, query.image_size, query.scales)
    for matches in matcher.match(moved, [query[:1], moved]):
        assert np.isfinite(matches.scores).all()


def test_descriptors_of_another_length_are_refused(pair: tuple[Extractor, Matcher]) -> None:
    _, matcher = pair
    with pytest.raises(ShapeError, match=r"\(any, (64|128)\).*got \(9, 32\)"):
        matcher.match(random_features(9, 32), [random_features(9, 32)])


def test_matching_is_repeatable(pair: tuple[Extractor, Matcher]) -> None:
    extractor, matcher = pair
    query, candidate = (extractor.extract(make_scene(seed, 320, 240)) for seed in (1, 2))
    first, second = (matcher.match(query, [candidate])[0] for _ in range(2))
    np.testing.assert_array_equal(first.pairs, second.pairs)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_lightglue_does_not_care_for_the_size_of_the_photos() -> None:
    query, candidate = (XFeat().extract(make_scene(seed, 320, 240)) for seed in (1, 1))
    large = LocalFeatures((query.keypoints + 0.5) * 4 - 0.5, query.descriptors, query.scores, (1280, 960))
    one, other = LightGlue().match(query, [candidate])[0], LightGlue().match(large, [candidate])[0]
    np.testing.assert_array_equal(one.pairs, other.pairs)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


def test_lighterglue_gives_the_matches_of_kornia() -> None:
    import torch
    from kornia.feature import LightGlue as KorniaLightGlue

    features = KorniaLightGlue.features["xfeat"] | {"weights": None}
    model = KorniaLightGlue(None, **features).eval()
    state = {name.removeprefix("matcher."): value for name, value in load_weights("xfeat-lighterglue").items()}
    for layer in range(6):
        for kind in ("self_attn", "cross_attn"):
            new, old = f"transformers.{layer}.{kind}.", f"{kind}.{layer}."
            state = {new + name.removeprefix(old) if name.startswith(old) else name: v for name, v in state.items()}
    assert model.load_state_dict(state, strict=False).missing_keys == ["confidence_thresholds"]
    query, candidate = (XFeat(max_keypoints=300).extract(make_scene(seed, 320, 240)) for seed in (1, 1))
    data = {
        name: {
            "keypoints": torch.from_numpy(each.keypoints)[None],
            "descriptors": torch.from_numpy(each.descriptors)[None],
            "image_size": torch.tensor([each.image_size]),
        }
        for name, each in {"image0": query, "image1": candidate}.items()
    }
    with torch.inference_mode():
        expected = model(data)
    ours = LightGlue().match(query, [candidate])[0]
    np.testing.assert_array_equal(ours.pairs, expected["matches"][0].numpy())
    # half a pixel does not matter: positions count by their differences
    np.testing.assert_allclose(ours.scores, expected["scores"][0].numpy(), atol=1e-3)


def test_higher_confidence_keeps_fewer_matches() -> None:
    query, candidate = (XFeat().extract(make_scene(seed, 320, 240)) for seed in (1, 2))
    counts = [len(LightGlue(min_confidence=c).match(query, [candidate])[0]) for c in (0.0, 0.1, 0.5, 0.9)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1]


def test_unknown_features_are_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="no LightGlue for 'sift'; known: xfeat, aliked"):
        LightGlue(features="sift")


def test_refinement_moves_points_to_where_the_other_cell_looks() -> None:
    scene = make_scene(4, 640, 480)
    across, down = 3, -2
    shifted = np.roll(scene, (down, across), axis=(0, 1))
    extractor = XFeat(semi_dense=True, max_keypoints=3000)
    query, candidate = extractor.extract(scene), extractor.extract(shifted)
    matches = SemiDense().match(query, [candidate])[0]
    points = query.keypoints[matches.pairs[:, 0]]
    inner = np.all((points > 30) & (points < np.array([610, 450])), axis=1)
    coarse = Matches(matches.pairs, matches.scores)[inner]
    homography = np.array([[1, 0, across], [0, 1, down], [0, 0, 1]])
    before, after = (_errors(each, query, candidate, homography) for each in (coarse, matches[inner]))
    assert np.median(before) > 2.5
    assert np.median(after) < 1.5
    moves = matches[inner].points(query, candidate) - coarse.points(query, candidate)
    assert not moves[:, 1].any()
    # never further than four pixels of what the network saw
    assert (np.abs(moves[:, 0]).max(axis=1) <= query.scales[coarse.pairs[:, 0]] / 2 + 1e-3).all()  # type: ignore[index]  # they have scales


def test_nothing_to_refine_is_fine() -> None:
    none = np.zeros((0, 64), np.float32)
    offsets, confidence = refine(none, none)
    assert offsets.shape == (0, 2) and confidence.shape == (0,)
