from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placeprint.errors import OptionError, ShapeError
from placeprint.photos import read_image
from placeprint.types import LocalFeatures
from placeprint.visualization.canvas import BAND, HEIGHT, write_picture
from placeprint.visualization.descriptors import draw_descriptors
from placeprint.visualization.keypoints import CHOSEN, draw_keypoints, draw_selection
from placeprint.visualization.matches import GAP, draw_matches
from placeprint.visualization.overlay import draw_overlay
from tests.conftest import make_scene, random_features


def test_both_photos_stand_side_by_side_at_one_height() -> None:
    gray, white = np.full((240, 320, 3), 90, np.uint8), np.full((960, 640, 3), 255, np.uint8)
    picture = draw_matches(gray, white, np.zeros((0, 2, 2), np.float32))
    assert picture.shape == (HEIGHT + BAND, 640 + GAP + 320, 3)
    assert (picture[BAND:, :640] == 90).all() and (picture[BAND:, 640 + GAP :] == 255).all()


def test_a_match_is_drawn_at_its_two_points() -> None:
    black = np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    points = np.array([[[100, 50], [300, 200]]], np.float32)
    picture = draw_matches(black, black, points)
    assert picture[BAND + 50, 100].max() > 100
    assert picture[BAND + 200, HEIGHT + GAP + 300].max() > 100
    assert picture[BAND + 400, 100].max() == 0


def test_many_matches_get_dots_and_a_title_is_written() -> None:
    generator = np.random.default_rng(0)
    points = generator.uniform(20, 200, (500, 2, 2)).astype(np.float32)
    plain = draw_matches(make_scene(0), make_scene(1), points)
    titled = draw_matches(make_scene(0), make_scene(1), points, "same place: a.jpg")
    assert (plain[:BAND] == 255).all() and (titled[:BAND] != 255).any()
    np.testing.assert_array_equal(plain[BAND:], titled[BAND:])


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_is_written_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / f"a.{suffix}", make_scene(0))
    assert np.abs(read_image(tmp_path / f"a.{suffix}").astype(int) - make_scene(0)).mean() < 8


def test_inliers_are_colored_by_error_and_outliers_are_gray() -> None:
    black = np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    points = np.array([[[100, 50], [300, 200]], [[100, 350], [300, 400]]], np.float32)
    picture = draw_matches(black, black, points, errors=np.array([0.0, 3.0]), tolerance=3.0)
    red, green, _ = picture[BAND + 50, 100]
    assert green > 2 * red
    red, green, _ = picture[BAND + 350, 100]
    assert red > 2 * green
    with_outliers = draw_matches(black, black, points[:0], outliers=points)
    drawn = with_outliers[BAND:][with_outliers[BAND:].max(axis=2) > 100]
    assert len(drawn) > 100 and (np.ptp(drawn.astype(int), axis=1) < 20).all()


def test_a_keypoint_is_a_circle_of_its_diameter_with_its_direction() -> None:
    black = np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    features = LocalFeatures(
        np.array([[200, 100]], np.float32),
        np.ones((1, 2), np.float32),
        np.ones(1, np.float32),
        (HEIGHT, HEIGHT),
        np.array([60], np.float32),
        np.array([90], np.float32),
    )
    picture = draw_keypoints(black, features)[BAND:]
    lit = picture.max(axis=2) > 60
    assert lit[100, 230] and lit[130, 200] and lit[70, 200]  # the circle of radius 30
    assert lit[115, 200] and not lit[85, 200] and not lit[100, 215]  # the direction is down, from x to y
    dots = draw_keypoints(black, LocalFeatures(features.keypoints, features.descriptors, features.scores, (480, 480)))
    assert dots[BAND + 100, 200].max() > 60


def test_chosen_keypoints_stand_out() -> None:
    black = np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    features = random_features(30, 4)
    chosen = np.arange(30) == 7
    picture = draw_selection(black, replace(features, image_size=(HEIGHT, HEIGHT)), chosen)
    x, y = np.rint(features.keypoints[7]).astype(int)
    assert tuple(picture[BAND + y, x]) == CHOSEN


def test_descriptors_are_rows_of_gray() -> None:
    rows = np.array([[0.0, 0.5, 1.0], [1.0, 1.0, 1.0]], np.float32)
    picture = draw_descriptors(rows, zoom=2)
    assert picture.shape == (2, 6, 3)
    assert picture[:, ::2, 0].tolist() == [[0, 128, 255], [255, 255, 255]]
    signed = draw_descriptors(np.array([[-1.0, 0.0, 0.5]], np.float32), zoom=2)
    assert signed[0, ::2, 0].tolist() == [0, 128, 191]
    assert draw_descriptors(np.zeros((0, 4), np.float32)).shape == (1, 16, 3)
    with pytest.raises(ShapeError, match=r"shape \(n, d\), got \(3,\)"):
        draw_descriptors(np.zeros(3, np.float32))


def test_an_overlay_of_a_photo_with_itself_is_gray_and_a_wrong_one_is_not() -> None:
    scene = make_scene(1)
    right = draw_overlay(scene, scene, np.eye(3))[BAND:].astype(int)
    assert np.ptp(right, axis=2).mean() < 2
    shifted = draw_overlay(scene, scene, np.array([[1.0, 0, 30], [0, 1, 0], [0, 0, 1]]))[BAND:].astype(int)
    assert np.ptp(shifted, axis=2).mean() > 10


def test_a_picture_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"must end in .png, .jpg or .webp, got 'a.txt'"):
        write_picture(tmp_path / "a.txt", make_scene(0))
