from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from placeprint.errors import PhotoError
from placeprint.photos import read_image, read_photo
from placeprint.photos.decoding import MAX_PIXELS, check_header
from placeprint.photos.formats import SUFFIXES
from placeprint.types import Image
from tests.conftest import make_scene
from tests.photos.pictures import encoded, insert_png_chunk, png_chunk, tiff_exif, with_exif, with_tiff_tag

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "BMP", "GIF", "JPEG2000", "PPM", "MPO")


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_as_pillow_reads_it(kind: str) -> None:
    data = encoded(kind)
    with PIL.Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(read_image(data), expected)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("TIFF", "CMYK"),
        ("TIFF", "LAB"),
        ("TIFF", "1"),
    ],
)
def test_every_mode_is_read_as_pillow_reads_it(kind: str, mode: str) -> None:
    data = encoded(kind, mode)
    with PIL.Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(read_image(data), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_black(mode: str) -> None:
    picture = PIL.Image.fromarray(make_scene(0, 64, 48)).convert("RGBA")
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:20] = 0
    picture.putalpha(PIL.Image.fromarray(alpha))
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, "PNG")
    image = read_image(buffer.getvalue())
    assert image[:20].max() == 0 and image[20:].std() > 5


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("PNG", {})])
def test_the_first_of_several_pictures_is_read(kind: str, options: dict[str, bool]) -> None:
    frames = [PIL.Image.fromarray(make_scene(seed, 64, 48)).quantize(64).convert("RGB") for seed in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], **options)
    assert np.abs(read_image(buffer.getvalue()).astype(int) - np.asarray(frames[0])).mean() < 3


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colors_of_twelve_bits_in_sixteen_keep_their_contrast(tmp_path: Path, suffix: str, channels: int) -> None:
    scene = np.dstack([make_scene(0, 64, 48), np.full((48, 64), 255, np.uint8)])[..., :channels]
    for bits in (12, 16):
        deep = scene.astype(np.uint16) * (16 if bits == 12 else 257)
        if channels == 4:
            deep[..., 3] = 65535
        path = tmp_path / f"{bits}{suffix}"
        cv2.imwrite(str(path), deep[..., [2, 1, 0, 3][:channels] if channels == 4 else [2, 1, 0]])
        np.testing.assert_allclose(read_image(path), scene[..., :3], atol=1)


def turned(upright: Image, orientation: int) -> Image:
    """Return the picture that a viewer shows."""
    return {
        2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, -1), 7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright),
    }.get(orientation, upright)  # fmt: skip


@pytest.mark.parametrize("turn", range(10))
@pytest.mark.parametrize(
    ("suffix", "kind", "white"), [(".tif", np.uint16, 65535), (".png", np.uint16, 65535), (".tif", np.float32, 1)]
)
def test_every_orientation_of_deep_colors_is_applied_once(suffix: str, kind: Any, white: int, turn: int) -> None:
    scene = make_scene(0, 64, 48)
    data = cv2.imencode(suffix, (scene[..., ::-1] / 255 * white).astype(kind))[1].tobytes()
    if suffix == ".tif":
        data = with_tiff_tag(data, 0x0112, turn)
    else:
        data = insert_png_chunk(data, png_chunk(b"eXIf", tiff_exif([(0x0112, 3, 1, struct.pack("<H", turn))])))
    np.testing.assert_allclose(read_image(data), turned(scene, turn), atol=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", range(10))
def test_every_orientation_is_applied_and_odd_ones_are_upright(kind: str, turn: int) -> None:
    data = with_exif(kind, tiff_exif([(0x0112, 3, 1, struct.pack("<H", turn))]))
    np.testing.assert_array_equal(read_image(data), turned(read_image(encoded(kind)), turn))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"garbage" * 9,
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\x7f",
    ],
)
def test_damaged_exif_costs_the_metadata_not_the_photo(kind: str, exif: bytes) -> None:
    photo = read_photo(with_exif(kind, exif))
    assert photo.image.shape == (48, 64, 3)
    assert photo.location is None and photo.taken is None and photo.focal is None


@pytest.mark.parametrize(
    "turn", [(2, 4, b"six\0"), (5, 1, b"\0" * 8), (3, 2, b"\x06\0\x06\0"), (9, 1, struct.pack("<i", -6))]
)
def test_an_orientation_of_another_type_is_upright(turn: tuple[int, int, bytes]) -> None:
    assert read_image(with_exif("JPEG", tiff_exif([(0x0112, *turn)]))).shape in {(48, 64, 3), (64, 48, 3)}


def test_damaged_exif_of_a_tiff_costs_the_metadata() -> None:
    data = bytearray(encoded("TIFF", exif=tiff_exif([], camera=[(0x9003, 2, 20, b"2024:05:01 12:00:00\0")])))
    assert read_photo(bytes(data)).taken is not None
    place = data.index(struct.pack("<HHI", 0x8769, 4, 1)) + 8
    data[place : place + 4] = b"\xff\xff\xff\x7f"  # where the camera's tags are said to be
    photo = read_photo(bytes(data))
    assert photo.taken is None and photo.image.std() > 20


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "restart_marker_rows": 1}])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_last_bytes_is_read(options: dict[str, Any], cut: int) -> None:
    whole = encoded("JPEG", "RGB", width=320, height=240, **options)
    np.testing.assert_array_equal(read_image(whole[:-cut]), read_image(whole))


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("share", [0.97, 0.9, 0.6, 0.3, 0.1])
def test_a_jpeg_that_lacks_rows_is_refused(options: dict[str, Any], share: float) -> None:
    whole = encoded("JPEG", "RGB", width=320, height=240, **options)
    with pytest.raises(PhotoError, match="damaged"):
        read_image(whole[: int(share * len(whole))])


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 5_000_000)),
        png_chunk(b"tEXt", b"Comment\0" + b"x" * 5_000_000),
        png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"x" * 50_000_000)),
        png_chunk(b"tEXt", b"Comment\0x", whole=False),
        png_chunk(b"iCCP", b"p\0\0" + zlib.compress(b"x" * 5_000_000)),
        png_chunk(b"acTL", b""),
        png_chunk(b"pHYs", b"1"),
    ],
    ids=["long zTXt", "long tEXt", "bomb", "wrong checksum", "profile", "short acTL", "short pHYs"],
)
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_a_png_chunk_that_cannot_be_read_costs_the_chunk(chunk: bytes, before: bytes) -> None:
    data = insert_png_chunk(
        with_exif("PNG", tiff_exif([(0x0132, 2, 20, b"2024:05:01 12:00:00\0")])), chunk, before=before
    )
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.image, make_scene(0, 64, 48))
    assert photo.taken is not None


def test_a_png_that_lacks_rows_is_refused() -> None:
    data = encoded("PNG")
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(PhotoError, match="damaged"):
            read_image(data[: int(share * len(data))])


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "HEIF", "AVIF", "GIF", "BMP", "JPEG2000", "PPM"])
def test_half_a_file_is_refused(kind: str) -> None:
    data = encoded(kind)
    with pytest.raises(PhotoError, match="damaged"):
        read_image(data[: len(data) // 2])


def bomb(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b""))
        + png_chunk(b"IEND", b"")
    )


def test_the_limit_in_the_message_is_the_one_that_refuses() -> None:
    for width, height in ((MAX_PIXELS // 10_000 + 1, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(PhotoError, match=f"{width} x {height} pixels, more than 200 megapixels"):
            read_image(bomb(width, height))
    with pytest.raises(PhotoError, match="damaged"):  # of a size that is taken: Pillow's own limit is 179 megapixels
        read_image(bomb(19_999, 10_000))
    for width, height in ((1, 1), (65_535, 1), (15, 4000)):
        with pytest.raises(PhotoError, match=f"{width} x {height} pixels, each side must have at least 16"):
            read_image(bomb(width, height))


class CountingFile(io.BytesIO):
    """A file that says it has gigabytes after what it holds, and counts what is read of it."""

    def __init__(self, start: bytes, filler: bytes = b"\0") -> None:
        super().__init__(start)
        self.start, self.filler, self.count, self.place = start, filler, 0, 0

    def seek(self, place: int, whence: int = 0) -> int:
        self.place = place + {0: 0, 1: self.place, 2: 1 << 32}[whence]
        return self.place

    def tell(self) -> int:
        return self.place

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None and 0 <= size < 1 << 30, "the file was read whole"
        part = self.start[self.place : self.place + size]
        self.place += size
        self.count += size
        return part + self.filler * (size - len(part))


@pytest.mark.parametrize(
    "start",
    [
        b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\x10JFIF", b"GIF89a@\x000\0", b"P6 64 48 #", b"BM",
        b"P6 64" + b" " * 99, b"II*\0\x08\0\0\0", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51",
    ],
)  # fmt: skip
@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_gigabytes_that_begin_like_a_photo_are_not_read(
    start: bytes, filler: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("decoding.MAX_HEADER_BYTES", "decoding.MAX_WHOLE_BYTES", "repairs.MAX_HEADER_BYTES"):
        monkeypatch.setattr(f"placeprint.photos.{name}", 1 << 20)
    file = CountingFile(start, filler)
    with pytest.raises(PhotoError):
        read_photo(file)
    assert file.count <= 8 << 20
    file = CountingFile(start, filler)
    with contextlib.suppress(PhotoError):
        check_header(file)
    assert file.count <= 2 << 20


def test_no_program_is_run_for_a_photo() -> None:
    with pytest.raises(PhotoError, match="not a picture"):
        read_image(encoded("EPS"))


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    for path, reason in {
        tmp_path / "pipe.jpg": "a pipe, not a file",
        tmp_path / "link.jpg": "a pipe, not a file",
        Path("/dev/zero"): "a device, not a file",
        tmp_path: "a folder, not a file",
        tmp_path / ("n" * 300): "File name too long",
        Path("nul\0"): "null byte",
    }.items():
        with pytest.raises(PhotoError, match=reason):
            read_photo(path)


def test_every_suffix_of_a_photo_is_one_that_is_read() -> None:
    assert {".jpg", ".jfif", ".jpe", ".hif", ".avif", ".bmp", ".jp2", ".gif", ".tif"} <= SUFFIXES


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_colors_in_floats_are_read(kind: type[np.floating[Any]]) -> None:
    scene = make_scene(0, 64, 48)
    _, data = cv2.imencode(".tif", scene[..., ::-1].astype(kind) / 255)
    np.testing.assert_allclose(read_image(data.tobytes()), scene, atol=1)
    check_header(io.BytesIO(data.tobytes()))
    assert read_photo(with_tiff_tag(data.tobytes(), 0x0112, 6)).image.shape == (64, 48, 3)
    text = b"2024:05:01 12:00:00\0"
    place = len(data) + len(data) % 2 + 2 + 12 * 40  # after the tags, wherever they end
    dated = with_tiff_tag(data.tobytes(), 0x0132, 0, entry=struct.pack("<HHII", 0x0132, 2, len(text), place))
    assert read_photo(dated.ljust(place, b"\0") + text).taken is not None
    half = data.tobytes()[: len(data) // 2]
    with pytest.raises(PhotoError, match="damaged"):
        read_image(half)


def test_the_small_copy_in_a_raw_file_is_not_taken_for_the_photo() -> None:
    with pytest.raises(PhotoError, match="raw camera files"):
        read_image(encoded("TIFF", tiffinfo={254: 1}))
    assert read_image(encoded("TIFF", tiffinfo={254: 2})).shape == (48, 64, 3)


def test_a_deep_file_too_long_to_be_read_whole_keeps_its_upper_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene(0, 64, 48)
    _, data = cv2.imencode(".tif", scene[..., ::-1].astype(np.uint16) * 257)
    monkeypatch.setattr("placeprint.photos.decoding.MAX_HEADER_BYTES", 1 << 16)
    np.testing.assert_allclose(read_image(data.tobytes() + b"\0" * (1 << 17)), scene, atol=1)
