"""ORB: its bits, where its corners are, and how it turns."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.features.orb import ORB, level_order, signed_bits
from placeprint.types import Floats, Image
from placeprint.verification.matching import mutual_matches
from tests.conftest import make_scene


def _packed(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def test_the_cosine_is_one_minus_twice_the_share_of_differing_bits() -> None:
    a, b = _packed(20, 0), _packed(30, 1)
    hamming = np.unpackbits(a[:, None] ^ b[None], axis=2).sum(axis=2)
    np.testing.assert_allclose(signed_bits(a) @ signed_bits(b).T, 1 - 2 * hamming / 256, atol=1e-6)
    assert signed_bits(a).dtype == np.float32
    assert signed_bits(np.zeros((0, 32), np.uint8)).shape == (0, 256)


def test_mutual_neighbors_are_those_of_opencv_by_hamming_distance() -> None:
    import cv2

    first = np.asarray(ORB().extract(make_scene(0)).descriptors > 0)
    second = np.asarray(ORB().extract(make_scene(0)[:, 8:].copy()).descriptors > 0)
    a, b = np.packbits(first, axis=1), np.packbits(second, axis=1)
    expected = {(m.queryIdx, m.trainIdx) for m in cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(a, b)}
    found = mutual_matches(signed_bits(a), signed_bits(b))
    # OpenCV gives up a pair when another row is as near to the same one, and it is not the first; we take the next
    assert expected <= set(map(tuple, found.pairs.tolist()))
    distances = np.unpackbits(a[:, None] ^ b[None], axis=2).sum(axis=2)
    for row, column in found.pairs:
        if (row, column) not in expected:
            assert (distances[:, column] == distances[row, column]).sum() > 1
    assert len(expected) > 50


def test_a_corner_is_where_it_was_drawn() -> None:
    image = np.full((153, 237, 3), 40, np.uint8)
    image[70:, 110:] = 220
    features = ORB(size=0).extract(image)
    assert len(features) >= 3  # one a level; FAST takes a bright pixel just inside the corner
    assert (np.abs(features.keypoints - np.array([110.5, 70.5])) < 1).all()
    assert features.angles is not None
    np.testing.assert_allclose(features.angles, 45, atol=3)  # to where it is bright: right and down


def test_corners_of_coarse_levels_are_not_shifted() -> None:
    import cv2

    factor = 1.2**3
    scene = make_scene(2, 518, 363)
    small = np.asarray(cv2.resize(scene, (300, 210), interpolation=cv2.INTER_AREA), np.uint8)
    a, b = (ORB(size=0, max_keypoints=3000).extract(image) for image in (scene, small))
    matches = mutual_matches(a.descriptors, b.descriptors).pairs
    seen = (b.keypoints[matches[:, 1]] + 0.5) * np.array([518 / 300, 363 / 210]) - 0.5
    difference = a.keypoints[matches[:, 0]] - seen
    assert a.scales is not None and b.scales is not None
    same = np.abs(a.scales[matches[:, 0]] / b.scales[matches[:, 1]] - factor) < 0.01
    right = same & (np.linalg.norm(difference, axis=1) < 4)
    assert right.sum() > 30
    assert np.abs(difference[right, 0].mean()) < 0.15  # without the correction: (factor - 1) / 2 = 0.36


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_turned_picture_gives_turned_keypoints_and_the_same_descriptors(quarter: int) -> None:
    scene = make_scene(4, 321, 240)
    first, second = ORB(size=0).extract(scene), ORB(size=0).extract(np.rot90(scene, quarter).copy())
    matches = mutual_matches(first.descriptors, second.descriptors).pairs
    expected = turned_points(first.keypoints[matches[:, 0]], scene, quarter)
    right = np.linalg.norm(expected - second.keypoints[matches[:, 1]], axis=1) < 3
    assert right.mean() > 0.7
    assert first.angles is not None and second.angles is not None
    turn = (second.angles[matches[right, 1]] - first.angles[matches[right, 0]] + 90 * quarter + 180) % 360 - 180
    assert np.median(np.abs(turn)) < 3


def turned_points(points: Floats, image: Image, quarters: int) -> Floats:
    """Return where points of an image are after `np.rot90`, which turns counter-clockwise on the screen."""
    width, height = image.shape[1], image.shape[0]
    for _ in range(quarters):
        points = np.stack([points[:, 1], width - 1 - points[:, 0]], axis=1)
        width, height = height, width
    return points


def test_every_beginning_holds_each_level_in_proportion() -> None:
    levels = np.repeat([0, 1, 2], 100)
    strengths = np.random.default_rng(0).random(300).astype(np.float32)
    strengths[levels == 0] *= 100  # stronger, but of another level
    order = level_order(strengths, levels, 2.0)
    assert np.bincount(levels[order[:70]]).tolist() == [40, 20, 10]
    assert sorted(order) == list(range(300))
    of_one = [strengths[index] for index in order if levels[index] == 1]
    assert of_one == sorted(of_one, reverse=True)


def test_scales_are_those_of_the_patch_in_the_photo() -> None:
    scales = ORB(size=0).extract(make_scene(1)).scales
    assert scales is not None
    np.testing.assert_allclose(np.unique(scales)[:2], [31, 31 * 1.2], rtol=1e-5)


def test_a_picture_with_odd_sides_is_no_problem() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    for size in (0, 640):
        features = ORB(size=size).extract(noise)
        assert features.image_size == (53, 37)
        assert features.descriptors.shape == (len(features), 256)


def test_corners_can_be_spread() -> None:
    scene = make_scene(0)
    scene[:, 160:] = scene[:, 160:] // 4 + 96  # less contrast in the right half
    few = [ORB(max_keypoints=200, fast_threshold=5, cells=cells).extract(scene) for cells in (1, 8)]
    right = [np.mean(features.keypoints[:, 0] > 160) for features in few]
    assert right[1] > right[0] + 0.1
