"""The verdict over two photos, and how surprising an agreement is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from placeprint.errors import OptionError
from placeprint.verification.model_choice import gric
from placeprint.verification.significance import significance
from placeprint.verification.two_view import TwoView
from tests.conftest import random_features


def _spread_points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 640, (count, 2, 2)).astype(np.float32)


def test_significance_is_the_formula_on_a_case_done_by_hand() -> None:
    # 20 matches on a grid of distinct cells, 10 agree with a homography, tolerance 3
    grid = np.stack(np.meshgrid(np.arange(5) * 100.0, np.arange(4) * 100.0), axis=-1).reshape(-1, 2)
    points = np.stack([grid, grid], axis=1).astype(np.float32)
    inliers = np.arange(20) < 10
    deviations = grid.std(axis=0)
    chance = math.pi * 9 / min(12 * deviations[0] * deviations[1], 640 * 480)
    expected = -math.log10((20 - 4) * math.comb(20, 10) * math.comb(10, 4) * chance**6)
    assert significance("homography", points, inliers, 3.0, ((640, 480),) * 2) == pytest.approx(expected, rel=1e-6)


def test_what_the_sample_alone_explains_has_no_significance() -> None:
    points = _spread_points(30)
    for model, sample in (("similarity", 2), ("homography", 4), ("fundamental", 7)):
        inliers = np.arange(30) < sample
        assert significance(model, points, inliers, 3.0, ((640, 480),) * 2) == 0
    assert significance("homography", points[:0], np.zeros(0, bool), 3.0, ((640, 480),) * 2) == 0


def test_more_agreeing_matches_mean_more_and_more_matches_in_all_mean_less() -> None:
    points = _spread_points(100)
    sizes = ((640, 640),) * 2
    rising = [significance("homography", points, np.arange(100) < count, 3.0, sizes) for count in (10, 20, 40, 100)]
    assert rising == sorted(rising) and rising[-1] > rising[0]
    few = significance("homography", points[:30], np.arange(30) < 20, 3.0, sizes)
    assert few > rising[1]


def test_keypoints_of_one_corner_are_one_observation() -> None:
    points = _spread_points(50)
    once = significance("homography", points, np.arange(50) < 20, 3.0, ((640, 640),) * 2)
    copied = np.concatenate([points[:20]] * 3 + [points[20:]])
    again = significance("homography", copied, np.arange(90) < 60, 3.0, ((640, 640),) * 2)
    assert again == pytest.approx(once, rel=0.02)


@pytest.mark.parametrize("model", ["homography", "fundamental", "auto"])
def test_photos_that_have_nothing_in_common_are_not_confirmed(model: str) -> None:
    verifier = TwoView(model=model)
    others = [random_features(600, 16, seed) for seed in range(1, 31)]
    verdicts = [verifier.verdict(check) for check in verifier.verify(random_features(600, 16, 0), others)]
    assert verdicts.count("not confirmed") == 30


def test_gric_is_the_formula_and_prefers_the_plane_only_where_it_explains_nearly_all() -> None:
    errors = np.array([0.0, 2.0, np.inf])
    expected = (0 + 1 + 4) + math.log(4) * 2 * 3 + math.log(12) * 8
    assert gric("homography", errors, 2.0) == pytest.approx(expected)
    assert gric("fundamental", errors, 2.0) == pytest.approx((0 + 1 + 2) + math.log(4) * 3 * 3 + math.log(12) * 7)
    exact, none = np.zeros(100), np.full(100, np.inf)
    for share, better in ((95, "homography"), (60, "fundamental")):
        plane = gric("homography", np.concatenate([exact[:share], none[share:]]), 1.0)
        assert (plane < gric("fundamental", exact, 1.0)) == (better == "homography")


def test_no_check_is_not_verified() -> None:
    assert TwoView().verdict(None) == "not verified"


def test_unknown_names_are_refused_when_it_is_made() -> None:
    with pytest.raises(OptionError, match=r"model must be one of auto, similarity, .*, got 'plane'"):
        TwoView(model="plane")
    with pytest.raises(OptionError, match="method must be one of auto, opencv, poselib, got 'magic'"):
        TwoView(method="magic")
    with pytest.raises(OptionError, match="no matcher called 'neerest'; did you mean 'nearest'"):
        TwoView(matcher={"name": "neerest"})
    with pytest.raises(OptionError, match="a matcher needs a name"):
        TwoView(matcher={"ratio": 0.8})
    with pytest.raises(OptionError, match=r"pixels must be a number from 0.01 to 640, got 0"):
        TwoView(pixels=0)


def test_strength_may_be_the_sum_of_the_confidences() -> None:
    photo = random_features(200, 16, 1)
    by_chance, by_confidence = (
        TwoView(strength=kind).verify(photo, [photo])[0] for kind in ("significance", "confidence")
    )
    expected = TwoView()._matcher().match(photo, [photo])[0].scores.sum()
    assert by_confidence.strength == pytest.approx(float(expected))
    assert by_confidence.strength != by_chance.strength
    assert np.array_equal(by_confidence.inliers, by_chance.inliers)
    with pytest.raises(OptionError, match="strength"):
        TwoView(strength="luck")
