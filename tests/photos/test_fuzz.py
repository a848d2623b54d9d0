"""Whatever is done to the file of a photo, the reader gives a good photo or a PhotoError."""

from __future__ import annotations

import contextlib
import functools
import io
import struct

import cv2
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placeprint.errors import PhotoError
from placeprint.photos import as_image, read_photo
from placeprint.photos.decoding import check_header
from placeprint.types import Image
from tests.conftest import make_scene
from tests.photos.pictures import encoded, tiff_exif, with_exif

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "BMP", "GIF", "JPEG2000", "PPM", "MPO", "TIFF of floats")
EXIF_KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF")
RATIONALS = struct.pack("<6I", 33, 1, 51, 1, 30, 1)
EXIF = tiff_exif(
    [(0x0112, 3, 1, b"\x06\0"), (0x010E, 2, 8, b"a scene\0"), (0x0132, 2, 20, b"2024:05:01 12:00:00\0")],
    [(0x9003, 2, 20, b"2024:05:01 12:00:00\0"), (0x9011, 2, 7, b"+02:00\0"), (0xA405, 3, 1, b"\x1c\0")],
    [(1, 2, 2, b"S\0"), (2, 5, 3, RATIONALS), (3, 2, 2, b"E\0"), (4, 5, 3, RATIONALS)],
)


@functools.cache
def original(kind: str) -> bytes:
    if kind == "TIFF of floats":
        return bytes(cv2.imencode(".tif", make_scene(0, 64, 48).astype(np.float32) / 255)[1])
    return with_exif(kind, EXIF) if kind in EXIF_KINDS else encoded(kind)


def check(data: bytes) -> None:
    with contextlib.suppress(PhotoError):
        check_header(io.BytesIO(data))
    try:
        photo = read_photo(data)
    except PhotoError as error:
        assert "\n" not in str(error) and len(str(error)) < 300
        str(error).encode()
        return
    check_image(photo.image)
    if photo.location is not None:
        assert abs(photo.location[0]) <= 90 and abs(photo.location[1]) <= 180
    assert photo.taken is None or photo.taken.tzinfo is None
    assert photo.focal is None or 0 < photo.focal < np.inf


def check_image(image: Image) -> None:
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.flags.c_contiguous
    assert min(image.shape[:2]) >= 16


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a file with bytes changed, most of them near its beginning, cut off, put in twice or taken out."""
    data = bytearray(original(draw(st.sampled_from(KINDS))))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, min(max(len(data) - 1, 0), draw(st.sampled_from([40, 400, 1 << 20])))))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x01\0\0\0"])
        )
        how = draw(st.sampled_from(["change", "insert", "remove", "cut"]))
        end = {"change": place + len(piece), "insert": place, "remove": place + len(piece) + 1, "cut": len(data)}[how]
        data[place:end] = b"" if how in {"remove", "cut"} else piece
    return bytes(data)


SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@SETTINGS
@given(damaged())
def test_damaged_files_give_a_photo_or_a_photo_error(data: bytes) -> None:
    check(data)


@SETTINGS
@given(st.sampled_from(sorted({*EXIF_KINDS} - {"TIFF"})), st.data())  # in a TIFF they stand among the picture's own
def test_damaged_exif_gives_the_photo(kind: str, data: st.DataObject) -> None:
    exif = bytearray(EXIF)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(exif) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        exif[place : place + len(piece)] = piece
    exif = exif[: data.draw(st.integers(len(exif) // 2, len(exif)) | st.just(len(EXIF)))]
    file = with_exif(kind, bytes(exif))
    assert {48, 64, 3} == set(read_photo(file).image.shape)
    check(file)


@SETTINGS
@given(st.sampled_from(KINDS), st.sampled_from(KINDS), st.integers(1, 64))
def test_the_beginning_of_one_format_before_the_rest_of_another(first: str, second: str, place: int) -> None:
    check(original(first)[:place] + original(second)[place:])


@SETTINGS
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    check(data)


@SETTINGS
@given(
    st.tuples(st.integers(0, 40), st.integers(0, 40))
    | st.tuples(st.integers(14, 18), st.integers(14, 18), st.integers(0, 5)),
    st.sampled_from(["?", "u1", "i1", "<u2", ">u2", "i4", "u8", "f2", "f4", "f8", "c8", "U1", "O", "M8[s]"]),
    st.floats() | st.integers(-(2**31), 2**31),
)
def test_any_array(shape: tuple[int, ...], kind: str, value: float) -> None:
    array = np.zeros(shape, kind)
    with contextlib.suppress(ValueError, OverflowError, TypeError), np.errstate(all="ignore"):
        array[...] = value
    try:
        image = as_image(array)
    except PhotoError:
        return
    check_image(image)
