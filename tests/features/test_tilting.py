"""Features of simulated tilts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.features.tilting import tilted_features
from placeprint.types import Image, LocalFeatures, Mask
from placeprint.verification.two_view import TwoView
from tests.conftest import make_scene


@dataclass
class Brightest:
    """Finds the center of what is white."""

    @property
    def dim(self) -> int:
        """The length of a descriptor."""
        return 4

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return one keypoint."""
        rows, columns = np.nonzero(image[..., 0] > 60)
        weight = image[rows, columns, 0].astype(float)
        point = np.array([[np.average(columns, weights=weight), np.average(rows, weights=weight)]], np.float32)
        return LocalFeatures(point, np.full((1, 4), 0.5, np.float32), np.ones(1, np.float32), image.shape[1::-1])


def spot(center: tuple[int, int], size: tuple[int, int]) -> Image:
    """Return a black picture with a white square."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    x, y = center
    image[y - 8 : y + 9, x - 8 : x + 9] = 255
    return image


@pytest.mark.parametrize("center", [(100, 90), (240, 60), (200, 150)])
def test_points_of_all_views_are_where_they_are_in_the_photo(center: tuple[int, int]) -> None:
    found = tilted_features(Brightest(), spot(center, (320, 200)), size=320, angles=(0.0, 45.0, 90.0, 30.0, 135.0))
    assert len(found) == 6 and found.image_size == (320, 200)
    assert np.abs(found.keypoints - np.array(center)).max() < 1.0


def test_a_photo_that_is_shrunk_first_has_points_in_its_own_pixels() -> None:
    found = tilted_features(Brightest(), spot((200, 120), (640, 400)), size=320)
    assert np.abs(found.keypoints - np.array([200, 120])).max() < 2.0


def test_masked_parts_have_no_points() -> None:
    mask = np.ones((200, 320), bool)
    mask[:, :160] = False
    assert len(tilted_features(Brightest(), spot((100, 90), (320, 200)), mask, size=320)) == 0
    assert len(tilted_features(Brightest(), spot((240, 90), (320, 200)), mask, size=320)) == 5


def test_a_plane_from_the_side_is_matched_where_plain_features_are_not() -> None:
    import cv2

    scene = np.asarray(cv2.resize(make_scene(4), (640, 480), interpolation=cv2.INTER_CUBIC), np.uint8)
    blurred = cv2.GaussianBlur(scene, (0, 0), sigmaX=2.2, sigmaY=0.01)
    aside = np.asarray(cv2.resize(blurred, (160, 480), interpolation=cv2.INTER_AREA), np.uint8)
    sift = registry.create("extractors", "sift", {"max_keypoints": 500, "size": 0})

    def inliers(first: LocalFeatures, second: LocalFeatures) -> tuple[int, NDArray[np.float64]]:
        verifier = TwoView(matcher={"name": "nearest", "ratio": 0.8, "far": 10.0}, model="affine")
        check = verifier.verify(first, [second])[0]
        return check.num_inliers, np.zeros((3, 3)) if check.transform is None else check.transform

    tilted, matrix = inliers(tilted_features(sift, scene, size=640), tilted_features(sift, aside, size=640))
    plain, _ = inliers(sift.extract(scene), sift.extract(aside))
    assert tilted > 3 * max(plain, 5)
    assert matrix[0, 0] == pytest.approx(0.25, abs=0.02) and matrix[1, 1] == pytest.approx(1, abs=0.05)
