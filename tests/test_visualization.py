from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.images import read_image
from placeprint.visualization.matches import BAND, GAP, HEIGHT, draw_matches, write_picture
from tests.conftest import make_scene


def test_both_photos_stand_side_by_side_at_one_height() -> None:
    grey, white = np.full((240, 320, 3), 90, np.uint8), np.full((960, 640, 3), 255, np.uint8)
    picture = draw_matches(grey, white, np.zeros((0, 2, 2), np.float32))
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
