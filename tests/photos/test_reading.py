from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from placeprint import Atlas, match
from placeprint.errors import PhotoError
from placeprint.photos import as_image, read_image, read_photo
from tests.conftest import make_scene, write_photo
from tests.photos.pictures import encoded, tiff_exif, with_exif

SCENE = make_scene(0, 64, 48)


class Stream:
    """A file object that cannot go back, as a reply of a server."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


def test_a_photo_is_taken_as_whatever_holds_one(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png", SCENE)
    data = path.read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as written:
        written.write(path, "a.png")
    read_already = io.BytesIO(data)
    read_already.read()
    with (
        path.open("rb") as file,
        zipfile.ZipFile(tmp_path / "a.zip").open("a.png") as zipped,
        PIL.Image.open(path) as opened,
    ):
        for source in (
            path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), read_already, file, zipped,
            Stream(data), opened, SCENE, SCENE[::-1][::-1], np.dstack([SCENE, np.full((48, 64), 255, np.uint8)]),
            SCENE.astype(float) / 255, np.ma.masked_array(SCENE),
        ):  # fmt: skip
            image = as_image(source)
            assert image.dtype == np.uint8 and image.flags.c_contiguous
            np.testing.assert_array_equal(image, SCENE)
        assert not file.closed
        np.testing.assert_array_equal(read_image(file), SCENE)


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1)])
def test_gray_arrays_are_taken(shape: tuple[int, ...]) -> None:
    image = as_image(SCENE[..., 0].reshape(shape))
    np.testing.assert_array_equal(image, np.repeat(SCENE[..., :1], 3, axis=2))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_an_image_of_pillow_is_made_upright_once(kind: str) -> None:
    data = with_exif(kind, tiff_exif([(0x0112, 3, 1, b"\x06\0")]))
    opened = PIL.Image.open(io.BytesIO(data))
    for _ in range(2):
        np.testing.assert_array_equal(as_image(opened), np.rot90(read_image(encoded(kind)), -1))
    truncated = PIL.Image.open(io.BytesIO(data[: 9 * len(data) // 10]))
    with pytest.raises(PhotoError, match="damaged"):
        as_image(truncated)


@pytest.mark.parametrize(
    "source",
    [None, 3, 3.5, object(), [[0, 1]], {}, ("a.jpg",), type, iter([]), PIL.Image, float("nan")],
    ids=lambda source: type(source).__name__,
)
def test_what_is_no_photo_is_refused_with_what_is_taken(source: Any) -> None:
    for read in (read_photo, as_image, lambda photo: match(photo, photo, features="sift")):
        with pytest.raises(PhotoError, match="a photo must be the path of a file"):
            read(source)


def closed() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "empty"),
        (b"", "empty"),
        (io.BytesIO(), "empty"),
        (io.StringIO("text"), "binary mode"),
        (io.TextIOWrapper(io.BytesIO(b"text")), "binary mode"),
        (closed(), "closed"),
        (np.zeros((3, 48, 64), np.uint8), "array"),
        (np.zeros((48, 64, 2), np.uint8), "array"),
        (np.zeros((2, 48, 64, 3), np.uint8), "array"),
        (np.zeros(100, np.uint8), "array"),
        (np.zeros((0, 0, 3), np.uint8), "0 x 0"),
        (np.zeros((20, 15, 3), np.uint8), "15 x 20"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000, 3)), "megapixels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(source: Any, reason: str) -> None:
    with pytest.raises(PhotoError, match=reason):
        as_image(source)


def test_an_atlas_and_a_match_take_what_is_a_photo(tmp_path: Path) -> None:
    scene = make_scene(1)
    path = write_photo(tmp_path / "photos" / "a.png", scene)
    atlas = Atlas.create(tmp_path / "atlas", preset="sift-vlad")
    assert atlas.add(str(tmp_path / "photos")).added == 1
    answers = [atlas.search(each) for each in (path, PIL.Image.open(path), io.BytesIO(path.read_bytes()), scene / 255)]
    assert all(answer.best is not None for answer in answers)
    with pytest.raises(PhotoError, match="a photo must be"):
        atlas.search(None)  # type: ignore[arg-type]  # on purpose
    assert match(bytearray(path.read_bytes()), PIL.Image.open(path), features="sift").verdict == "same place"


@pytest.mark.parametrize(("orientation", "size"), [(1, (800, 600)), (6, (600, 800))])
def test_a_large_jpeg_may_come_as_a_smaller_copy_that_has_enough_pixels(
    orientation: int, size: tuple[int, int]
) -> None:
    scene = PIL.Image.fromarray(make_scene(0, 800, 600))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=95, exif=exif)
    whole, smaller = read_photo(file.getvalue()), read_photo(file.getvalue(), 300)
    assert whole.size == smaller.size == size and whole.whole is None
    assert smaller.image.shape == (size[1] // 2, size[0] // 2, 3)  # a fourth would have 200 pixels
    halved = whole.image.reshape(size[1] // 2, 2, size[0] // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - smaller.image).mean() < 3
    assert read_photo(file.getvalue(), 500).image.shape == whole.image.shape
    assert read_photo(encoded("PNG"), 8).whole is None
