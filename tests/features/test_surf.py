"""SURF against boxes summed one by one, mahotas, and pictures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from placeprint.features.surf import SURF, box_sums, describe, find_keypoints, haar, hessian_determinants, integral_of
from placeprint.types import Image
from placeprint.verification.matching import mutual_matches
from tests.conftest import make_scene
from tests.features.test_orb import turned_points


def blob(center: tuple[float, float], sigma: float, width: int = 301, height: int = 237) -> Image:
    """Return a bright spot on dark ground."""
    y, x = np.mgrid[:height, :width]
    bright = 20 + 200 * np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / (2 * sigma**2))
    return np.asarray(np.rint(bright)[..., None].repeat(3, axis=2), np.uint8)


def plain_determinant(gray: NDArray[np.float64], x: int, y: int, lobe: int) -> float:
    """Sum the boxes of one filter pixel by pixel."""
    reach = (3 * lobe - 1) // 2
    xx = yy = xy = 0.0
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            value = float(gray[y + dy, x + dx])
            if abs(dy) < lobe:
                xx += value * (-2 if abs(dx) <= lobe // 2 else 1)
            if abs(dx) < lobe:
                yy += value * (-2 if abs(dy) <= lobe // 2 else 1)
            if 0 < abs(dx) <= lobe and 0 < abs(dy) <= lobe:
                xy += value * np.sign(dx * dy)
    area = (3 * lobe) ** 2
    return xx / area * yy / area - (0.9 * xy / area) ** 2


@pytest.mark.parametrize(("lobe", "step"), [(3, 1), (5, 2), (9, 4)])
def test_determinants_are_those_of_boxes_summed_one_by_one(lobe: int, step: int) -> None:
    import cv2

    noise = np.random.default_rng(lobe).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    gray = np.asarray(cv2.cvtColor(noise, cv2.COLOR_RGB2GRAY), np.float64)
    found = hessian_determinants(integral_of(noise), lobe, step)
    reach = (3 * lobe - 1) // 2
    for row in range(found.shape[0]):
        for column in range(found.shape[1]):
            x, y = column * step, row * step
            fits = reach <= x < 53 - reach and reach <= y < 37 - reach
            expected = plain_determinant(gray, x, y, lobe) if fits else 0.0
            assert found[row, column] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("sigma", [3.0, 5.0, 8.0])
@pytest.mark.parametrize("center", [(150.0, 118.0), (150.5, 117.5), (151.3, 118.2)])
def test_a_blob_is_found_where_it_is_at_its_scale(center: tuple[float, float], sigma: float) -> None:
    points, scales, strengths = find_keypoints(integral_of(blob(center, sigma)), 100.0)
    best = strengths.argmax()
    np.testing.assert_allclose(points[best], center, atol=0.2)
    # the response to a Gaussian is largest at about 0.7 of its deviation, for all sizes alike
    assert scales[best] / sigma == pytest.approx(0.72, abs=0.06)


def test_mahotas_has_the_same_determinants_but_moves_maxima_the_wrong_way() -> None:
    surf = pytest.importorskip("mahotas.features.surf")
    image = blob((150.5, 118.25), 4.0, 500, 400)
    theirs = surf.interest_points(image[..., 0], 1, 6, 1, 1.0)
    theirs = theirs[theirs[:, 3].argmax()]
    points, _, strengths = find_keypoints(integral_of(image), 1.0)
    assert strengths.max() == pytest.approx(theirs[3], rel=1e-4)
    assert np.abs(points[strengths.argmax()] - (150.5, 118.25)).max() < 0.2
    assert np.abs(theirs[[1, 0]] - (150.5, 118.25)).max() > 0.4


@given(x=st.floats(8, 40), y=st.floats(8, 24), half=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_wavelets_measure_a_ramp_anywhere(x: float, y: float, half: int) -> None:
    rows, columns = np.mgrid[:37, :53]
    ramp = (3 * columns + 2 * rows).astype(np.uint8)[..., None].repeat(3, axis=2)
    found = haar(integral_of(ramp), np.array([[[x, y]]]), np.array([half], float))[0, 0]
    # the means of the two halves are `half` pixels apart; OpenCV looks between pixels in steps of 1 / 32
    np.testing.assert_allclose(found, [3 * half, 2 * half], atol=0.2)


def test_the_angle_points_to_where_it_gets_brighter() -> None:
    step = np.full((120, 160, 3), 60, np.uint8)
    for angle, part in ((0, np.s_[:, 80:]), (90, np.s_[60:, :]), (180, np.s_[:, :80]), (270, np.s_[:60, :])):
        picture = step.copy()
        picture[part] = 200
        picture[52:68, 72:88] = 130  # something to find on the edge
        features = SURF(size=0, hessian_threshold=1).extract(picture)
        near = np.linalg.norm(features.keypoints - np.array([79.5, 59.5]), axis=1) < 12
        assert features.angles is not None and near.any()
        turn = (features.angles[near] - angle + 180) % 360 - 180
        assert np.abs(turn).min() < 15


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_turned_picture_gives_turned_keypoints_and_the_same_descriptors(quarter: int) -> None:
    scene = make_scene(4, 321, 241)
    first, second = SURF(size=0).extract(scene), SURF(size=0).extract(np.rot90(scene, quarter).copy())
    matches = mutual_matches(first.descriptors, second.descriptors)
    pairs = matches.pairs
    expected = turned_points(first.keypoints[pairs[:, 0]], scene, quarter)
    right = np.linalg.norm(expected - second.keypoints[pairs[:, 1]], axis=1) < 0.5
    assert right.mean() > 0.85
    assert first.angles is not None and second.angles is not None
    turn = (second.angles[pairs[right, 1]] - first.angles[pairs[right, 0]] + 90 * quarter + 180) % 360 - 180
    assert np.median(np.abs(turn)) < 1
    assert np.median(matches.scores[right]) > 0.99


def test_matches_follow_a_turn_by_thirty_degrees() -> None:
    import cv2

    scene = make_scene(4, 320, 240)
    turn = cv2.getRotationMatrix2D((159.5, 119.5), 30, 1.0)
    turned = np.asarray(cv2.warpAffine(scene, turn, (320, 240), borderMode=cv2.BORDER_REFLECT_101), np.uint8)
    first, second = SURF().extract(scene), SURF().extract(turned)
    pairs = mutual_matches(first.descriptors, second.descriptors, 0.9).pairs
    expected = first.keypoints[pairs[:, 0]] @ turn[:, :2].T + turn[:, 2]
    right = np.linalg.norm(expected - second.keypoints[pairs[:, 1]], axis=1) < 3
    assert right.sum() > 40 and right.mean() > 0.8
    upright = SURF(upright=True)
    a, b = upright.extract(scene), upright.extract(turned)
    assert a.angles is not None and not a.angles.any()
    lost = mutual_matches(a.descriptors, b.descriptors, 0.9).pairs
    expected = a.keypoints[lost[:, 0]] @ turn[:, :2].T + turn[:, 2]
    assert (np.linalg.norm(expected - b.keypoints[lost[:, 1]], axis=1) < 3).sum() < right.sum() / 2


def test_the_descriptor_of_a_ramp_by_hand() -> None:
    ramp = (2 * np.arange(100, dtype=np.uint8))[None, :, None].repeat(90, axis=0).repeat(3, axis=2)
    row = describe(integral_of(ramp), np.array([[50.0, 45.0]]), np.array([2.0]), np.zeros(1))[0].reshape(4, 4, 4)
    np.testing.assert_allclose(row[..., 0], row[..., 2], atol=1e-6)  # brighter to the right everywhere
    np.testing.assert_allclose(row[..., [1, 3]], 0, atol=1e-6)  # the same from top to bottom
    np.testing.assert_allclose(row, row[::-1], atol=1e-6)
    assert row[1, 1, 0] > row[0, 0, 0]  # the middle weighs more


def test_light_and_contrast_do_not_matter() -> None:
    scene = make_scene(0)
    bright = SURF().extract(scene // 2 + 100)
    first, second = SURF(hessian_threshold=40).extract(scene), bright
    pairs = mutual_matches(first.descriptors, second.descriptors).pairs
    same = np.linalg.norm(first.keypoints[pairs[:, 0]] - second.keypoints[pairs[:, 1]], axis=1) < 1
    assert same.mean() > 0.85


@pytest.mark.parametrize("shape", [(37, 53), (16, 16), (700, 40), (1, 1), (2, 300)])
def test_noise_of_any_size_is_no_problem(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for size in (0, 640):
        features = SURF(size=size).extract(noise)
        assert np.isfinite(features.descriptors).all()
        assert features.image_size == shape[::-1]


def test_wavelets_between_pixels_are_exact() -> None:
    # a plane a x + b y + c: over a square of side 2 h the right half has a h more a pixel than the left one
    y, x = np.mgrid[:40, :50].astype(np.float64)
    integral = np.zeros((41, 51))
    integral[1:, 1:] = (2.5 * x - 1.5 * y).cumsum(0).cumsum(1)
    generator = np.random.default_rng(0)
    where = generator.uniform(12, 27, (20, 30, 2))
    # corners on whole pixels, one axis at a time, where the interpolated sums of a plane have no error
    whole = np.floor(where) + 0.5
    half = generator.integers(1, 6, 20).astype(np.float64)
    found = haar(integral, whole, half)
    expected = np.broadcast_to(np.array([2.5, -1.5]), found.shape)
    np.testing.assert_allclose(found / half[:, None, None], expected, atol=1e-9)


def test_box_sums_are_those_of_pixels_weighted_by_how_much_of_them_is_inside() -> None:
    picture = np.random.default_rng(1).normal(size=(12, 15)) * 100
    integral = np.zeros((13, 16))
    integral[1:, 1:] = picture.cumsum(0).cumsum(1)
    for left, right, top, bottom in np.random.default_rng(2).uniform(0, 12, (40, 4)):
        shares = [
            np.clip(np.minimum(np.arange(count) + 1, max(ends)) - np.maximum(np.arange(count), min(ends)), 0, 1)
            for ends, count in (((top, bottom), 12), ((left, right), 15))
        ]
        corners = box_sums(integral, np.sort([left, right])[None], np.sort([top, bottom])[None])[0]
        expected = shares[0] @ picture @ shares[1]
        assert corners[1, 1] - corners[0, 1] - corners[1, 0] + corners[0, 0] == pytest.approx(expected, abs=1e-9)
