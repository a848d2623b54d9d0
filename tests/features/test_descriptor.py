"""Our SIFT descriptor: by hand, against plain loops, against OpenCV, and under known turns and sizes."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeprint.core.numerics import normalize
from placeprint.errors import OptionError, ShapeError
from placeprint.features.dense_sift import DenseSIFT, grid_points
from placeprint.features.descriptor import describe, histograms, orientations
from placeprint.features.root_sift import root_sift
from placeprint.features.scale_space import Level, ScaleSpace
from placeprint.features.sift import SIFT
from placeprint.types import Floats, Image
from tests.conftest import make_scene


def _ramp(degrees: float, size: int = 81) -> Image:
    """Return a gray picture that gets brighter in one direction only, from the x towards the y axis."""
    x, y = np.meshgrid(np.arange(size) - size // 2, np.arange(size) - size // 2)
    angle = math.radians(degrees)
    return np.rint(128 + 1.5 * (x * math.cos(angle) + y * math.sin(angle))).astype(np.uint8)


def _gray(seed: int, width: int, height: int) -> Image:
    return np.asarray(cv2.cvtColor(make_scene(seed, width, height), cv2.COLOR_RGB2GRAY), np.uint8)


def _keypoints(count: int, width: int, height: int, seed: int = 0) -> Floats:
    """Return keypoints within a picture, of 2 to 12 pixels."""
    generator = np.random.default_rng(seed)
    return generator.uniform([0, 0, 2, 0], [width - 1, height - 1, 12, 360], (count, 4)).astype(np.float32)


def _cosines(first: Floats, second: Floats) -> Floats:
    return np.asarray(np.sum(normalize(first) * normalize(second), axis=1), np.float32)


# by hand


@pytest.mark.parametrize(("angle", "expected"), [(0, 0), (45, 1), (90, 2), (135, 3), (180, 4), (270, 6)])
def test_a_ramp_has_all_its_energy_in_one_direction(angle: float, expected: int) -> None:
    # the ramp rises along x; seen from a keypoint turned by a, the gradient is a behind, so it lies in bin a / 45
    row = describe(_ramp(0), np.array([[40, 40, 4, angle]], np.float32))[0].reshape(16, 8)
    share = row.sum(axis=0) / row.sum()
    assert share[expected] == pytest.approx(1, abs=0.01)


def test_a_ramp_weighs_the_cells_as_the_window_does() -> None:
    raw = histograms(_ramp(0), np.array([[40, 40, 4, 0]], np.float32))[0].reshape(4, 4, 8).sum(axis=2)
    np.testing.assert_allclose(raw, raw.T, rtol=0.02)
    np.testing.assert_allclose(raw, raw[::-1, ::-1], rtol=0.02)
    # per axis, a cell's triangle under the Gaussian of sigma 2 cells, as far as 2.5 cells from the middle
    places = np.linspace(-2.5, 2.5, 2001)
    window = np.exp(-(places**2) / 8)
    axis = [np.sum(window * np.maximum(0, 1 - abs(places - center))) for center in (-1.5, -0.5, 0.5, 1.5)]
    np.testing.assert_allclose(raw / raw.sum(), np.outer(axis, axis) / np.sum(axis) ** 2, rtol=0.05)
    # 1.5 gray levels a pixel, less what lies beyond the outer cells
    assert raw.sum() == pytest.approx(1.5 * (np.sum(axis) / window.sum()) ** 2, rel=0.03)


def test_no_value_is_much_above_the_clip() -> None:
    # one direction in each of 16 cells: all are above 0.2 before, so all that is left is a row of equal values
    row = describe(_ramp(0), np.array([[40, 40, 4, 0]], np.float32), clip=0.05)[0]
    assert sorted(np.flatnonzero(row > 0.2)) == list(range(0, 128, 8))
    assert row.max() == pytest.approx(0.25, abs=0.001)


def test_root_is_root_sift() -> None:
    scene, keypoints = _gray(0, 53, 37), _keypoints(20, 53, 37)
    np.testing.assert_array_equal(describe(scene, keypoints, root=True), root_sift(describe(scene, keypoints)))


def test_levels_are_as_smooth_as_they_say() -> None:
    x, y = np.meshgrid(np.arange(161) - 80.0, np.arange(161) - 80.0)
    blob = np.rint(250 * np.exp(-(x**2 + y**2) / (2 * 8.0**2))).astype(np.uint8)
    for level in ScaleSpace.of(blob).levels[:9]:
        smooth = level.smooth.astype(np.float64)
        places = np.arange(smooth.shape[1]) * level.step - 80.0
        profile = smooth.sum(axis=0)
        # variances add up: the blob's, the level's, less the camera's and that of differences
        expected = 8**2 + level.sigma**2 - 0.5**2 - 0.2 * level.step**2
        assert np.sum(profile * places**2) / profile.sum() == pytest.approx(expected, rel=0.02)


def test_gradients_between_pixels_are_those_of_pixels_looked_up() -> None:
    for level in SCENE.levels:
        height, width = level.smooth.shape
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        np.testing.assert_allclose(level.gradient_at(x, y), level.gradient(), atol=1e-3)
        x, y = x[:-1, :-1] + np.float32(0.5), y[:-1, :-1] + np.float32(0.25)
        upper, lower = (level.gradient()[:, rows] for rows in (slice(None, -1), slice(1, None)))
        expected = 0.75 * (upper[..., 1:] + upper[..., :-1]) / 2 + 0.25 * (lower[..., 1:] + lower[..., :-1]) / 2
        np.testing.assert_allclose(level.gradient_at(x, y), expected, atol=0.05)


# against plain loops


def _oracle(space: ScaleSpace, keypoint: NDArray[np.float64], patch: int, cells: int, bins: int) -> list[float]:
    """Describe one keypoint after section 6 of the paper, one gradient after the other."""
    x, y, diameter, degrees = (float(value) for value in keypoint)
    sigma, angle = diameter / 2, math.radians(degrees)
    level = min(space.levels, key=lambda level: abs(math.log(level.sigma / max(sigma, 1.0))))
    histogram = np.zeros((cells, cells, bins))
    for down in range(patch):
        for right in range(patch):
            # in cells from the middle of the square
            u, v = (((step + 0.5) / patch - 0.5) * (cells + 1) for step in (right, down))
            place_x = (x + 3 * sigma * (u * math.cos(angle) - v * math.sin(angle))) / level.step
            place_y = (y + 3 * sigma * (u * math.sin(angle) + v * math.cos(angle))) / level.step
            gradient_x = (_gray_at(level, place_x + 1, place_y) - _gray_at(level, place_x - 1, place_y)) / 2
            gradient_y = (_gray_at(level, place_x, place_y + 1) - _gray_at(level, place_x, place_y - 1)) / 2
            if math.hypot(gradient_x, gradient_y) < 1e-3:  # rounding
                continue
            height, width = level.smooth.shape
            if not (-0.5 <= place_x <= width - 0.5 and -0.5 <= place_y <= height - 0.5):
                continue
            length = math.hypot(gradient_x, gradient_y) * math.exp(-(u * u + v * v) / (2 * (cells / 2) ** 2))
            turned = (angle - math.atan2(gradient_y, gradient_x)) / (2 * math.pi) * bins
            row, column = v + cells / 2 - 0.5, u + cells / 2 - 0.5
            for r, row_share in _shares(row):
                for c, column_share in _shares(column):
                    for b, bin_share in _shares(turned):
                        if 0 <= r < cells and 0 <= c < cells:
                            histogram[r, c, b % bins] += length * row_share * column_share * bin_share
    values = [float(value) for value in histogram.ravel()]
    total = math.sqrt(sum(value * value for value in values)) or 1.0
    values = [min(value / total, 0.2) for value in values]
    total = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / total for value in values]


def _shares(place: float) -> list[tuple[int, float]]:
    lower = math.floor(place)
    return [(lower, 1 - (place - lower)), (lower + 1, place - lower)]


def _gray_at(level: Level, x: float, y: float) -> float:
    """Look up between pixels; the outermost pixels go on outside the picture."""
    height, width = level.smooth.shape
    total = 0.0
    for row, row_share in _shares(y):
        for column, column_share in _shares(x):
            inside = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
            total += row_share * column_share * float(level.smooth[inside])
    return total


@pytest.mark.parametrize(("patch", "cells", "bins"), [(16, 4, 8), (16, 4, 2), (12, 3, 6), (10, 1, 9), (7, 2, 1)])
def test_it_is_what_plain_loops_make_of_the_paper(patch: int, cells: int, bins: int) -> None:
    space = ScaleSpace.of(make_scene(0, 53, 37))
    keypoints = np.concatenate([_keypoints(12, 53, 37), [[1, 1, 6, 30], [52, 36, 3, 200], [26, 18, 40, 10]]])
    expected = np.array([_oracle(space, keypoint, patch, cells, bins) for keypoint in keypoints])
    found = describe(space, keypoints.astype(np.float32), patch=patch, cells=cells, bins=bins)
    assert found.shape == (15, cells * cells * bins)
    np.testing.assert_allclose(found, expected, atol=1e-3)


# against OpenCV


def _opencv(gray: Image) -> tuple[Floats, Floats]:
    """Return OpenCV's keypoints where they really are, and its descriptors."""
    found, raw = cv2.SIFT.create(nfeatures=500, enable_precise_upscale=True).detectAndCompute(gray, None)
    rows = np.array([(*point.pt, point.size, point.angle) for point in found], np.float32)
    return rows, normalize(np.asarray(raw, np.float32))


def test_descriptors_are_much_like_those_of_opencv() -> None:
    for seed in range(3):
        keypoints, expected = _opencv(_gray(seed, 320, 240))
        cosines = _cosines(describe(_gray(seed, 320, 240), keypoints), expected)
        assert len(cosines) > 100
        assert cosines.mean() > 0.98
        assert np.percentile(cosines, 5) > 0.95


def test_descriptors_are_much_like_those_of_opencv_on_photos(data: Path) -> None:
    for name in ("graf/img1", "bikes/img4"):
        gray = cv2.imread(str(data / "oxford_affine" / f"{name}.jpg"), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        keypoints, expected = _opencv(np.asarray(gray, np.uint8))
        assert _cosines(describe(np.asarray(gray, np.uint8), keypoints), expected).mean() > 0.99


def test_directions_are_those_of_opencv() -> None:
    gray = _gray(4, 320, 240)
    keypoints, _ = _opencv(gray)
    rows, angles = orientations(gray, keypoints[:, :2], keypoints[:, 2])
    assert (np.diff(rows) >= 0).all()
    apart = np.abs((angles[:, None] - keypoints[None, :, 3] + 180) % 360 - 180)
    apart[rows[:, None] != np.arange(len(keypoints))] = 360
    assert np.mean(apart.min(axis=0) < 10) > 0.85


# under known turns and sizes


def test_a_turned_picture_gives_the_same_descriptors() -> None:
    # two octaves of odd sides: the pixels kept are the same from either side
    scene = _gray(2, 53, 37)
    keypoints = _keypoints(40, 53, 37)
    keypoints[:, 2] = np.minimum(keypoints[:, 2], 6)
    turned = keypoints.copy()
    turned[:, 0], turned[:, 1], turned[:, 3] = 36 - keypoints[:, 1], keypoints[:, 0], keypoints[:, 3] + 90
    found = describe(np.ascontiguousarray(np.rot90(scene, -1)), turned)
    np.testing.assert_allclose(found, describe(scene, keypoints), atol=2e-3)


def test_a_larger_picture_gives_the_same_descriptors() -> None:
    scene = _gray(3, 160, 120)
    keypoints = _keypoints(60, 160, 120)
    keypoints[:, 2] += 2
    large = np.asarray(cv2.resize(scene, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    grown = np.column_stack([(keypoints[:, :2] + 0.5) * 2 - 0.5, keypoints[:, 2] * 2, keypoints[:, 3]])
    assert np.percentile(_cosines(describe(scene, keypoints), describe(large, grown)), 5) > 0.97


@pytest.mark.parametrize("degrees", [0, 33, 90, 147, 270, 355])
def test_the_direction_of_a_ramp_is_found(degrees: float) -> None:
    rows, angles = orientations(_ramp(degrees), np.array([[40, 40], [38, 41]]), np.array([6.0, 4.0]))
    assert rows.tolist() == [0, 1]
    assert (np.abs((angles - degrees + 180) % 360 - 180) < 1).all()
    assert ((angles >= 0) & (angles < 360)).all()


def test_a_corner_has_both_directions_of_its_sides() -> None:
    corner = np.zeros((81, 81), np.uint8)
    corner[40:, 40:] = 200
    rows, angles = orientations(corner, np.array([[40, 40]]), np.array([4.0]))
    assert rows.tolist() == [0, 0]
    assert sorted(angles.tolist()) == pytest.approx([0, 90], abs=15)  # the blurred corner is round


# edges


def test_no_keypoints_give_no_rows() -> None:
    scene = make_scene(0, 53, 37)
    assert describe(scene, np.zeros((0, 4), np.float32)).shape == (0, 128)
    rows, angles = orientations(scene, np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
    assert rows.shape == angles.shape == (0,)


def test_a_blank_picture_gives_zeros_and_no_direction() -> None:
    blank = np.full((37, 53, 3), 127, np.uint8)
    assert not describe(blank, _keypoints(9, 53, 37)).any()
    assert not describe(blank, _keypoints(9, 53, 37), root=True).any()
    assert len(orientations(blank, np.array([[20, 20]]), np.array([4.0]))[0]) == 0


def test_keypoints_outside_the_picture_give_zeros() -> None:
    far = np.array([[-500, 10, 4, 0], [1e6, 1e6, 8, 45], [20, 300, 3, 90]], np.float32)
    assert not describe(make_scene(0, 53, 37), far).any()


def test_what_is_outside_the_picture_counts_for_nothing() -> None:
    # left of the picture there is nothing: the two columns of cells there stay empty
    row = describe(_gray(0, 53, 37), np.array([[-0.5, 18, 4, 0]], np.float32))[0].reshape(4, 4, 8)
    assert not row[:, 0].any() and row[:, 2:].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (2, 2), (53, 3)])
def test_tiny_pictures_are_no_trouble(shape: tuple[int, int]) -> None:
    tiny = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert np.isfinite(describe(tiny, np.array([[0, 0, 4, 0]], np.float32))).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-60, 120), st.floats(-60, 120), st.floats(0, 200), st.floats(-720, 720)),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(1, 17),
)
def test_rows_are_unit_or_zero_and_never_negative(
    keypoints: list[tuple[float, float, float, float]], cells: int, bins: int, patch: int
) -> None:
    rows = describe(SCENE, np.array(keypoints, np.float32), cells=cells, bins=bins, patch=patch)
    lengths = np.linalg.norm(rows, axis=1)
    assert rows.dtype == np.float32 and rows.shape == (len(keypoints), cells * cells * bins)
    assert (rows >= 0).all()
    assert (np.isclose(lengths, 1, atol=1e-5) | (lengths == 0)).all()


SCENE = ScaleSpace.of(make_scene(7, 53, 37))


def test_many_keypoints_are_described_as_each_alone() -> None:
    keypoints = _keypoints(300, 53, 37)
    alone = np.concatenate([describe(SCENE, keypoint[None]) for keypoint in keypoints[::50]])
    np.testing.assert_allclose(describe(SCENE, keypoints)[::50], alone, atol=1e-6)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"keypoints must have shape \(k, 4\), got \(3, 2\)"):
        describe(SCENE, np.zeros((3, 2), np.float32))
    with pytest.raises(ShapeError, match=r"diameters must have shape \(3,\), got \(2,\)"):
        orientations(SCENE, np.zeros((3, 2), np.float32), np.zeros(2, np.float32))
    with pytest.raises(ShapeError, match=r"uint8 and not empty, got \(5, 5, 4\)"):
        ScaleSpace.of(np.zeros((5, 5, 4), np.uint8))
    with pytest.raises(OptionError, match="must be above 0, got 16, 0, 8"):
        describe(SCENE, np.zeros((3, 4), np.float32), cells=0)


# what uses it


def test_sift_with_our_descriptor_has_the_same_keypoints() -> None:
    scene = make_scene(1, 320, 240)
    theirs, ours = (SIFT(descriptor=name).extract(scene) for name in ("opencv", "own"))
    np.testing.assert_array_equal(theirs.keypoints, ours.keypoints)
    np.testing.assert_array_equal(theirs.angles, ours.angles)
    assert _cosines(theirs.descriptors, ours.descriptors).mean() > 0.98
    with pytest.raises(OptionError, match="descriptor must be one of opencv, own, got 'mine'"):
        SIFT(descriptor="mine")


def test_a_grid_lies_in_the_middle() -> None:
    points = grid_points((53, 37), 10)
    assert len(points) == 5 * 3
    np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, [26, 18])
    assert grid_points((3, 2), 10).tolist() == [[1.0, 0.5]]


def test_dense_sift_leaves_blank_patches_out() -> None:
    scene = make_scene(2, 320, 240)
    scene[:, :160] = 90
    extractor = DenseSIFT(size=0, step=8, diameters=(4.0,), max_keypoints=10_000)
    found = extractor.extract(scene)
    assert (found.keypoints[:, 0] > 140).all()
    assert 400 < len(found) <= 40 * 30
    assert (np.diff(found.scores) <= 0).all() and found.scores.min() > extractor.min_contrast
    assert set(np.asarray(found.scales).tolist()) == {4.0}
    assert len(DenseSIFT(min_contrast=1).extract(scene)) == 0


def test_the_contrast_of_a_straight_edge_is_a_fourteenth() -> None:
    edge = np.zeros((81, 81, 3), np.uint8)
    edge[:, 41:] = 255
    found = DenseSIFT(size=0, step=81, diameters=(4.0, 8.0)).extract(edge)
    np.testing.assert_allclose(found.scores, 1 / 14, rtol=0.03)


def test_dense_sift_refuses_no_step() -> None:
    with pytest.raises(OptionError, match="step must be a number from 1 to 1000, got 0"):
        DenseSIFT(step=0)
    with pytest.raises(OptionError, match="diameters must be a list of 1 to 32 values"):
        DenseSIFT(diameters=())
