"""The angle that black corners give away."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.features.straightening import tilt_of
from placeprint.photos import rotate_image
from tests.conftest import make_scene


@pytest.mark.parametrize("degrees", [10, 17, 30, 45, 120, 137, 221])
def test_the_angle_is_read_off_the_corners(degrees: int) -> None:
    assert tilt_of(rotate_image(make_scene(4), degrees)) == pytest.approx(degrees % 90, abs=0.5)


def test_a_rotation_that_kept_the_size_of_the_picture_is_seen_too() -> None:
    turned = rotate_image(make_scene(4), 25)
    top, left = (turned.shape[0] - 240) // 2, (turned.shape[1] - 320) // 2
    assert tilt_of(turned[top : top + 240, left : left + 320]) == pytest.approx(25, abs=0.5)


def test_a_side_that_is_dark_does_no_harm() -> None:
    scene = make_scene(4)
    scene[:, :40] = 0
    assert tilt_of(rotate_image(scene, 30)) == pytest.approx(30, abs=0.5)


def test_the_corners_of_a_saved_picture_need_not_be_quite_black() -> None:
    noise = np.random.default_rng(0).integers(0, 8, (411, 478, 3)).astype(np.uint8)
    turned = rotate_image(make_scene(4), 30)
    assert tilt_of(np.maximum(turned, noise[: turned.shape[0], : turned.shape[1]])) == pytest.approx(30, abs=0.5)


def test_other_photos_are_straight() -> None:
    scene = make_scene(4)
    rows, columns = np.mgrid[:240, :320]
    lens = np.where((np.hypot(rows - 120, columns - 160) < 119)[..., None], scene, 0).astype(np.uint8)
    few = scene.copy()
    few[[0, 0, -1, -1], [0, -1, 0, -1]] = 0  # black pixels in the corners, no black triangles
    framed = np.pad(scene, ((20, 20), (30, 30), (0, 0)))
    for straight in (scene, rotate_image(scene, 90), lens, few, framed, np.zeros((16, 16, 3), np.uint8)):
        assert tilt_of(straight) == 0
