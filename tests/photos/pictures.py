"""Files of photos, whole and damaged, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import PIL.Image

from tests.conftest import make_scene

Tag = tuple[int, int, int, bytes]


def encoded(kind: str, mode: str = "RGB", *, width: int = 64, height: int = 48, **options: Any) -> bytes:
    """Return a scene as the bytes of a file."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    PIL.Image.fromarray(make_scene(0, width, height)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes, *, whole: bool = True) -> bytes:
    """Return a chunk of a PNG, with a wrong checksum unless it is whole."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ (not whole))


def insert_png_chunk(data: bytes, chunk: bytes, *, before: bytes = b"IDAT") -> bytes:
    """Return a PNG with one more chunk before the first of a kind."""
    place = data.index(before) - 4
    return data[:place] + chunk + data[place:]


def tiff_exif(
    main: Sequence[Tag],
    camera: Sequence[Tag] = (),
    gps: Sequence[Tag] = (),
) -> bytes:
    """Return EXIF from ``(tag, type, count, data)``, little-endian, as it stands in files after ``Exif\\0\\0``."""
    main = sorted([*main, *([(0x8769, 4, 1, b"")] if camera else []), *([(0x8825, 4, 1, b"")] if gps else [])])
    sizes = [_size(each) for each in (main, camera, gps)]
    starts = [8, 8 + sizes[0], 8 + sizes[0] + sizes[1]]
    places = {0x8769: struct.pack("<I", starts[1]), 0x8825: struct.pack("<I", starts[2])}
    main = [(tag, kind, count, places[tag] if tag in places and not data else data) for tag, kind, count, data in main]
    parts = [_ifd(each, start) for each, start in zip((main, camera, gps), starts, strict=True)]
    return b"II*\0\x08\0\0\0" + b"".join(parts)


def _size(tags: Sequence[Tag]) -> int:
    return 2 + 12 * len(tags) + 4 + sum(len(data) for *_, data in tags if len(data) > 4)


def _ifd(tags: Sequence[Tag], start: int) -> bytes:
    head, extra = struct.pack("<H", len(tags)), b""
    after = start + 2 + 12 * len(tags) + 4
    for tag, kind, count, data in tags:
        value = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", after + len(extra))
        head, extra = head + struct.pack("<HHI", tag, kind, count) + value, extra + (data if len(data) > 4 else b"")
    return head + struct.pack("<I", 0) + extra


def with_exif(kind: str, exif: bytes) -> bytes:
    """Return a file of a format with these bytes as its EXIF, valid or not."""
    if kind == "PNG":
        return insert_png_chunk(encoded(kind), png_chunk(b"eXIf", exif))
    if kind == "TIFF":
        return encoded(kind, exif=exif)
    if kind in {"AVIF", "HEIF"}:  # their writers check it
        valid = tiff_exif([(0x010E, 2, size := max(len(exif), 9), b"x" * size)])
        return encoded(kind, exif=b"Exif\0\0" + valid).replace(valid, exif.ljust(len(valid), b"\0"))
    return encoded(kind, exif=b"Exif\0\0" + exif)


def with_tiff_tag(data: bytes, tag: int, value: int, *, entry: bytes | None = None) -> bytes:
    """Return a little-endian TIFF whose first picture has one more tag, of a short number or as given."""
    start = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[start : start + 2])[0]
    entries = [data[start + 2 + 12 * row : start + 14 + 12 * row] for row in range(count)]
    entries.append(entry or struct.pack("<HHIHH", tag, 3, 1, value, 0))
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    data += b"\0" * (len(data) % 2)
    header = data[:4] + struct.pack("<I", len(data)) + data[8:]
    return header + struct.pack("<H", count + 1) + b"".join(entries) + b"\0" * 4
