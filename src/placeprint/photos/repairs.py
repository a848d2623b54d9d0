"""Repair damaged files that still contain the whole picture.

- **A JPEG without its end.** Truncated copies lack their last bytes. The file is completed and decoded. Completing it a
  second time, with noise before the end, shows which pixels the missing bytes would have drawn. If more than `MAX_LOST`
  of the pixels differ, the photo is refused.
- **A PNG with an unreadable chunk** besides the picture, such as megabytes of text or a wrong checksum: only the chunks
  that draw the picture are read.
- **HEIC or AVIF with EXIF that makes their libraries refuse the file**: the EXIF item is renamed.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import IO

import numpy as np

from placeprint.errors import PhotoError
from placeprint.photos.exif import Metadata
from placeprint.photos.opening import MAX_HEADER_BYTES, MeteredFile
from placeprint.types import Image

MAX_LOST = 0.01
"""Largest share of pixels that may be missing at the end of a JPEG."""
MAX_CHUNK_READS = 1_000_000
_EXIF_ITEM = b"Exif"
_JPEG_END = b"\xff\xd9"
_DRAWING_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def end_jpeg(
    data: bytes, load: Callable[[IO[bytes]], tuple[Image, Metadata]], error: Exception
) -> tuple[Image, Metadata]:
    """Decode a JPEG that lacks its end.

    Args:
        data: the content of the file.
        load: a function that decodes a complete file.
        error: the error to raise if the file has an end, or if too much is missing.
    """
    if data.endswith(_JPEG_END):
        raise error
    body = data.rstrip(b"\xff")
    noise = (
        np.random.default_rng(0).integers(0, 255, len(body), np.uint8).tobytes()
    )  # without 255, which starts a marker
    try:
        (image, metadata), (other, _) = (load(io.BytesIO(body + each + _JPEG_END)) for each in (b"", noise))
    except Exception:
        raise error from None
    lost = float((image != other).any(axis=2).mean())
    if lost > MAX_LOST:
        raise PhotoError(
            f"the picture is damaged (the file ends early, {max(1, round(100 * lost))} % of it is missing)"
        )
    return image, metadata


def hide_exif(data: bytes, error: Exception) -> IO[bytes]:
    """Return a HEIC or AVIF whose EXIF is an item of no known type.

    Args:
        data: the content of the file.
        error: the error to raise if there is no such item.
    """
    if _EXIF_ITEM not in data:
        raise error
    return io.BytesIO(data.replace(_EXIF_ITEM, b"skip"))


def bare_png(file: IO[bytes], budget: Callable[[int, int], int]) -> IO[bytes]:
    """Return a PNG with only the chunks that draw it, and its EXIF if that is intact.

    Args:
        file: a file object at its start.
        budget: a function from width and height to the most bytes to read; it may raise.

    Raises:
        PhotoError: the file needs more bytes than that, or the budget refuses.
    """
    file.seek(0)
    metered = MeteredFile(file, MAX_HEADER_BYTES, MAX_CHUNK_READS)
    bare = io.BytesIO()
    bare.write(metered.read(8))
    while len(head := metered.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind not in _DRAWING_CHUNKS and (kind != b"eXIf" or length > MAX_HEADER_BYTES // 2):
            file.seek(length + 4, io.SEEK_CUR)
            continue
        body = metered.read(length + 4)
        if kind == b"IHDR":
            metered.allow(budget(int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")), MAX_CHUNK_READS)
        if kind != b"eXIf" or zlib.crc32(kind + body[:-4]) == int.from_bytes(body[-4:], "big"):
            bare.write(head + body)
        if kind == b"IEND":
            break
    return bare
