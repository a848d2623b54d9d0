"""Pictures and matches of pages: bounded, without metadata, in the right places."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from placeprint.pages import match_view, picture_of, picture_of_file, render
from placeprint.pages.match_view import MOST

WIDE = np.full((300, 600, 3), 90, np.uint8)


def decoded(uri: str) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_picture_is_bounded_and_keeps_its_shape() -> None:
    picture = picture_of(WIDE, "a wall", side=100)
    assert (picture.width, picture.height) == (100, 50)
    assert picture.scale == pytest.approx(1 / 6)
    assert decoded(picture.uri).size == (100, 50)


def test_small_pictures_keep_their_size() -> None:
    assert picture_of(WIDE, "a wall", side=1000).width == 600


def test_a_picture_of_a_file_has_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = PIL.Image.Exif()
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    PIL.Image.fromarray(WIDE).save(path, exif=exif)
    picture = picture_of_file(path, "a wall")
    assert picture is not None
    assert len(decoded(picture.uri).getexif()) == 0
    assert b"A camera" not in base64.b64decode(picture.uri.partition(",")[2])


def test_a_photo_that_is_gone_has_no_picture(tmp_path: Path) -> None:
    assert picture_of_file(tmp_path / "gone.jpg", "gone") is None


def test_matches_are_where_the_points_are() -> None:
    first, second = picture_of(WIDE, "a", side=300), picture_of(WIDE, "b", side=600)
    points = np.array([[[299.5, 149.5], [599.5, 299.5]]], np.float32)
    beside, below = match_view(first, second, points, "one match").layouts
    (match,) = beside.matches
    assert (match.x1, match.y1) == pytest.approx((beside.first.width / 2, beside.first.height / 2), abs=0.1)
    assert match.x2 == pytest.approx(beside.second.x + beside.second.width, abs=0.1)
    assert match.y2 == pytest.approx(beside.second.height, abs=0.1)
    assert below.matches[0].y2 == pytest.approx(below.height, abs=0.1)


def test_only_some_of_many_matches_are_drawn_and_none_of_none() -> None:
    picture = picture_of(WIDE, "a")
    many = np.random.default_rng(0).uniform(0, 300, (500, 2, 2)).astype(np.float32)
    view = match_view(picture, picture, many, "many")
    assert view.total == 500
    assert len(view.layouts[0].matches) == MOST
    assert match_view(picture, picture, many[:0], "none").layouts[0].matches == ()


def test_the_names_of_photos_are_escaped_in_pictures() -> None:
    page = render("base.html.j2", title=picture_of(WIDE, '"><img src=x onerror=alert(1)>').alt)
    assert "<img src=x" not in page
