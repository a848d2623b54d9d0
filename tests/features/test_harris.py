"""Harris corners: by hand, against plain loops, and under a known homography."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.features.harris import (
    DIFFERENCE_SHARE,
    EDGE_WEIGHT,
    Harris,
    find_corners,
    harris_response,
    peak_offsets,
)
from placeprint.features.scale_space import Level, ScaleSpace
from placeprint.photos import read_image
from placeprint.types import Floats, Image
from tests.conftest import make_scene


def _square(left: int = 30, top: int = 20, right: int = 69, bottom: int = 59) -> Image:
    """Return a white square on black; its sides are between the pixels before the first and after the last."""
    picture = np.zeros((90, 110, 3), np.uint8)
    picture[top : bottom + 1, left : right + 1] = 255
    return picture


# by hand


def test_the_corners_of_a_square_are_found() -> None:
    found = Harris(size=0, upright=True).extract(_square())
    found = found[_sizes(found.scales) < 4]  # the square as a whole is found, too
    corners = np.array([[29.5, 19.5], [69.5, 19.5], [29.5, 59.5], [69.5, 59.5]])
    distance = np.linalg.norm(found.keypoints[:, None] - corners[None], axis=2)
    assert sorted(distance.argmin(axis=1).tolist()) == [0, 1, 2, 3]
    assert distance.min(axis=1).max() < 2  # a corner blurred is a little inside
    np.testing.assert_allclose(found.scores, found.scores[0], rtol=1e-3)
    assert found.scores[0] == pytest.approx(1 / 6, abs=0.02)


def test_an_edge_is_no_corner() -> None:
    x, y = np.meshgrid(np.arange(110), np.arange(90))
    for slope in (0.0, 0.3, 1.0):
        edge = np.repeat(np.where(x + slope * y > 60, 200, 30)[..., None], 3, axis=2).astype(np.uint8)
        smooth = np.asarray(cv2.GaussianBlur(edge, (0, 0), 1.5), np.uint8)  # steps of pixels are corners
        inside = np.zeros((90, 110), bool)
        inside[25:-25, 25:-25] = True
        assert len(Harris(size=0, threshold=0.05).extract(smooth, inside)) == 0


def test_the_response_of_crossing_ramps_is_that_of_the_formula() -> None:
    # gray = 2 |x| + |y|: away from the axes gradients are (+-2, +-1), and round the middle all four signs are equal
    x, y = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))
    level = ScaleSpace.of((2 * np.abs(x) + np.abs(y)).astype(np.uint8)).levels[0]
    xx, yy = (2 / 255) ** 2, (1 / 255) ** 2
    response = xx * yy - EDGE_WEIGHT * (xx + yy) ** 2
    far = harris_response(level)[20, 20]  # one sign only: det M is 0, the response negative
    near = harris_response(level)[40, 40]
    assert far == 0
    # the axes' own gradients are 0 or 1 there, which takes some of it
    assert 0.5 * response**0.25 < near < response**0.25


# against plain loops


def _response(level: Level, row: int, column: int) -> float:
    """Return det M - k (trace M)^2 of one pixel, one gradient after the other."""
    window = level.sigma / level.step / DIFFERENCE_SHARE
    reach = math.ceil(4 * window)
    xx = yy = xy = total = 0.0
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            r, c = row + down, column + right
            x = float(level.smooth[r, c + 1] - level.smooth[r, c - 1]) / 2 * level.sigma / level.step / 255
            y = float(level.smooth[r + 1, c] - level.smooth[r - 1, c]) / 2 * level.sigma / level.step / 255
            weight = math.exp(-(down * down + right * right) / (2 * window * window))
            xx, yy, xy, total = xx + weight * x * x, yy + weight * y * y, xy + weight * x * y, total + weight
    xx, yy, xy = xx / total, yy / total, xy / total
    return xx * yy - xy * xy - EDGE_WEIGHT * (xx + yy) ** 2


@pytest.mark.parametrize("index", [0, 2, 4])
def test_responses_are_those_of_plain_loops(index: int) -> None:
    level = ScaleSpace.of(make_scene(0, 101, 81)).levels[index]
    height, width = level.smooth.shape
    response = harris_response(level)
    for row, column in ((height // 2, width // 2), (height // 2 - 3, width // 2 + 4), (height // 2 + 2, width // 2)):
        expected = max(0.0, _response(level, row, column)) ** 0.25
        assert float(response[row, column]) == pytest.approx(expected, rel=0.02, abs=1e-4)


def test_keypoints_are_the_highest_of_their_neighbors_in_space_and_size() -> None:
    space = ScaleSpace.of(make_scene(1, 320, 240))
    corners, responses = find_corners(space, 0.02)
    assert len(corners) > 50
    maps = [harris_response(level) for level in space.levels]
    sigmas = np.array([level.sigma for level in space.levels])
    for (x, y, diameter), response in zip(corners.tolist(), responses.tolist(), strict=True):
        own = int(np.argmin(np.abs(sigmas / DIFFERENCE_SHARE * 2 - diameter)))
        for index in (own - 1, own, own + 1):
            if 0 <= index < len(maps):
                step = space.levels[index].step
                # half a pixel of the own level aside at most, so the nearest pixel is among the neighbors
                row, column = round(y / step), round(x / step)
                height, width = maps[index].shape
                assert maps[index][min(row, height - 1), min(column, width - 1)] <= response * (1 + 1e-6)


# properties


@settings(max_examples=50, deadline=None)
@given(st.floats(-0.49, 0.49), st.floats(-0.49, 0.49), st.floats(0.1, 5), st.floats(0.1, 5), st.floats(-0.9, 0.9))
def test_the_peak_of_a_quadratic_is_found(x: float, y: float, a: float, b: float, tilt: float) -> None:
    right, down = np.meshgrid(np.arange(5) - 2 - x, np.arange(5) - 2 - y)
    hill = 3 - a * right**2 - b * down**2 + 2 * tilt * math.sqrt(a * b) * right * down
    offsets = peak_offsets(hill.astype(np.float32), np.array([2]), np.array([2]))
    np.testing.assert_allclose(offsets, [[x, y]], atol=0.01)


def test_a_plane_has_no_peak() -> None:
    plane = np.add.outer(np.arange(5.0), np.arange(5.0)).astype(np.float32)
    assert peak_offsets(plane, np.array([2, 1]), np.array([2, 3])).tolist() == [[0, 0], [0, 0]]
    assert peak_offsets(plane, np.zeros(0, np.intp), np.zeros(0, np.intp)).shape == (0, 2)


def test_a_picture_turned_by_90_degrees_has_the_same_corners_turned() -> None:
    scene = make_scene(2, 161, 121)
    turned = np.ascontiguousarray(np.rot90(scene, -1))
    first, second = (Harris(size=0, max_keypoints=150).extract(picture) for picture in (scene, turned))
    expected = np.column_stack([120 - first.keypoints[:, 1], first.keypoints[:, 0]])
    distance = np.linalg.norm(expected[:, None] - second.keypoints[None], axis=2)
    nearest = distance.argmin(axis=1)
    same = distance.min(axis=1) < 0.2
    assert same.mean() > 0.9
    cosines = np.sum(first.descriptors[same] * second.descriptors[nearest[same]], axis=1)
    assert np.median(cosines) > 0.99


def test_an_enlarged_picture_has_larger_keypoints() -> None:
    scene = make_scene(3, 160, 120)
    large = np.asarray(cv2.resize(scene, (480, 360), interpolation=cv2.INTER_CUBIC), np.uint8)
    small_found, large_found = (Harris(size=0, threshold=0.05).extract(picture) for picture in (scene, large))
    expected = (small_found.keypoints + 0.5) * 3 - 0.5
    distance = np.linalg.norm(expected[:, None] - large_found.keypoints[None], axis=2)
    assert np.median(distance.min(axis=1)) < 3
    sizes = _sizes(large_found.scales)[distance.argmin(axis=1)] / _sizes(small_found.scales)
    assert 2 < np.median(sizes) < 4


def _sizes(scales: Floats | None) -> Floats:
    assert scales is not None
    return scales


def test_corners_repeat_under_a_known_homography(data: Path) -> None:
    folder = data / "oxford_affine" / "graf"
    homography = np.loadtxt(folder / "H1to2p")
    first, second = (
        Harris(size=0, max_keypoints=800, upright=True).extract(read_image(folder / f"img{number}.jpg"))
        for number in (1, 2)
    )
    points = np.column_stack([first.keypoints, np.ones(len(first))]) @ homography.T
    points = points[:, :2] / points[:, 2:]
    width, height = second.image_size
    seen = ((points > 0) & (points < (width, height))).all(axis=1)
    distance = np.linalg.norm(points[seen, None] - second.keypoints[None], axis=2).min(axis=1)
    assert np.mean(distance < 2.5) > 0.5


# parameters and edges


def test_upright_keypoints_have_angle_zero_and_others_follow_the_gradient() -> None:
    upright, turned = (Harris(upright=value).extract(make_scene(4)) for value in (True, False))
    assert not _sizes(upright.angles).any()
    assert len(np.unique(_sizes(turned.angles))) > 50


def test_keypoints_are_spread_over_the_picture() -> None:
    scene = np.zeros((240, 320, 3), np.uint8)
    scene[:, :160] = make_scene(5, 160, 240)
    scene[:, 160:] = make_scene(6, 160, 240) // 3 + 60  # weaker
    share = [np.mean(Harris(cells=n, max_keypoints=100).extract(scene).keypoints[:, 0] > 165) for n in (1, 4)]
    assert share[1] > 0.25 > share[0]


def test_a_higher_threshold_finds_fewer() -> None:
    counts = [len(Harris(threshold=value, max_keypoints=9999).extract(make_scene(0))) for value in (0.02, 0.05, 0.9)]
    assert counts[0] > counts[1] > counts[2] == 0


@pytest.mark.parametrize("shape", [(37, 53), (1, 1), (2, 3), (200, 4)])
def test_pictures_of_any_shape_are_searched(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    found = Harris(size=0).extract(noise)
    assert np.isfinite(found.descriptors).all() and found.image_size == shape[::-1]
