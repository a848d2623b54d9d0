import numpy as np
import pytest

from placeprint.errors import ShapeError
from placeprint.types import Floats, LocalFeatures, Ranking, Verification
from tests.conftest import random_features


def _zeros(*shape: int) -> Floats:
    return np.zeros(shape, np.float32)


def test_features_of_unequal_count_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(3, d\), got \(2, 8\)"):
        LocalFeatures(_zeros(3, 2), _zeros(2, 8), _zeros(3), (10, 10))


def test_keypoints_must_be_points() -> None:
    with pytest.raises(ShapeError, match="keypoints"):
        LocalFeatures(_zeros(3, 3), _zeros(3, 8), _zeros(3), (10, 10))


def test_a_mask_chooses_the_same_rows_of_everything() -> None:
    features = random_features(5, 4)
    chosen = features[np.array([True, False, True, False, False])]
    assert len(chosen) == 2
    np.testing.assert_array_equal(chosen.keypoints, features.keypoints[[0, 2]])
    assert chosen.scales is not None and features.scales is not None
    np.testing.assert_array_equal(chosen.scales, features.scales[[0, 2]])


def test_strongest_sorts_by_score_and_keeps_all_when_there_are_fewer() -> None:
    features = random_features(5, 4)
    assert np.all(np.diff(features.strongest(9).scores) <= 0)
    assert len(features.strongest(9)) == 5
    assert len(features.strongest(0)) == 0


def test_a_ranking_must_not_rise() -> None:
    with pytest.raises(ShapeError, match="must not increase"):
        Ranking(np.array([1, 2]), np.array([0.1, 0.2], np.float32))


def test_a_verification_counts_its_inliers() -> None:
    found = Verification(np.zeros((3, 2), np.int64), np.zeros((3, 2, 2), np.float32), np.array([True, False, True]))
    assert found.num_inliers == 2
