"""HOG: its grid in pixels of the photo, and what it leaves out."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from placeprint.errors import PackageError
from placeprint.features.hog import HOG, hog_blocks
from tests.conftest import make_scene


def test_a_block_is_where_its_pixels_are() -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[16:24, 40:48] = np.random.default_rng(0).integers(0, 256, (8, 8, 3))  # one cell of contrast: row 2, column 5
    features = HOG(size=0, block=1, min_contrast=5).extract(image)
    assert features.keypoints[0].tolist() == [43.5, 19.5]  # the middle of pixels 40 to 47 and 16 to 23
    assert features.scales is not None and features.scales[0] == 8
    doubled = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    assert HOG(size=96, block=1, min_contrast=5).extract(doubled).keypoints[0].tolist() == [87.5, 39.5]


def test_an_edge_fills_one_direction() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 100
    blocks = hog_blocks(image, 9, 8, 1)
    assert blocks.shape == (8, 8, 9)
    assert blocks[4, 4].argmax() == 0 and blocks[4, 4, 0] == pytest.approx(1, abs=1e-3)
    assert not blocks[4, 0].any()


def test_without_scikit_image_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(PackageError, match="pip install 'placeprint"):
        HOG().extract(make_scene(0))


def test_the_score_is_the_mean_gradient() -> None:
    scene = make_scene(1, 53, 37)
    features = HOG(size=0, block=2, cell=8, min_contrast=0).extract(scene)
    values = scene.astype(np.float64)
    magnitude = np.zeros((37, 53))
    for y in range(37):
        for x in range(53):
            across = (values[y, x + 1] - values[y, x - 1]) / 2 if 0 < x < 52 else np.zeros(3)
            down = (values[y + 1, x] - values[y - 1, x]) / 2 if 0 < y < 36 else np.zeros(3)
            magnitude[y, x] = np.hypot(across, down).max()
    for (x, y), score in zip(features.keypoints, features.scores, strict=True):
        left, top = int(x + 0.5) - 8, int(y + 0.5) - 8
        assert score == pytest.approx(magnitude[top : top + 16, left : left + 16].mean(), rel=1e-4)
    assert (np.diff(features.scores) <= 0).all()


def test_blocks_without_contrast_are_left_out() -> None:
    scene = make_scene(0, 320, 240)
    scene[:, :160] = 90
    features = HOG(size=0, block=2).extract(scene)
    assert features.keypoints[:, 0].min() > 145


@pytest.mark.parametrize("shape", [(37, 53), (16, 16), (31, 200), (1, 1)])
def test_pictures_smaller_than_a_block_have_no_features(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    features = HOG(size=0).extract(noise)
    rows, columns = (max(0, side // 8 - 3) for side in shape)
    assert len(features) == rows * columns
    assert features.descriptors.shape[1] == HOG().dim == 144
