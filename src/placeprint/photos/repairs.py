"""Files that are not as they should be, but hold the whole picture.

- **A JPEG without its end.** Copies that were cut off lack their last bytes. The file is ended, and decoded; what the
  missing bytes would have drawn is found by ending it in a second way, after noise. Up to `MAX_LOST` of the pixels may
  differ, otherwise the photo is refused.
- **A PNG with a chunk that cannot be read** beside the picture, as a text of megabytes or one with a wrong checksum: it
  is read from the chunks that draw it.
- **HEIC or AVIF with EXIF that their libraries refuse**, and the picture with it: the item is given another name.
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
"""Share of the pixels that may be missing at the end of a JPEG."""
MAX_CHUNK_READS = 1_000_000
_EXIF_ITEM = b"Exif"
_JPEG_END = b"\xff\xd9"
_DRAWING_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def end_jpeg(
    data: bytes, load: Callable[[IO[bytes]], tuple[Image, Metadata]], error: Exception
) -> tuple[Image, Metadata]:
    """Decode a JPEG that lacks its end.

    Args:
        data: of the file.
        load: decodes a whole file.
        error: raised when the file has an end, or when too much is missing.
    """
    if data.endswith(_JPEG_END):
        raise error
    body = data.rstrip(b"\xff")
    noise = (
        np.random.default_rng(0).integers(0, 255, len(body), np.uint8).tobytes()
    )  # without 255, which begins a marker
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
        data: of the file.
        error: raised when it has no such item.
    """
    if _EXIF_ITEM not in data:
        raise error
    return io.BytesIO(data.replace(_EXIF_ITEM, b"skip"))


def bare_png(file: IO[bytes], budget: Callable[[int, int], int]) -> IO[bytes]:
    """Return a PNG with the chunks that draw it, and its EXIF if that is whole.

    Args:
        file: from its beginning.
        budget: from width and height to the bytes that may be read; it may refuse.

    Raises:
        PhotoError: it takes more bytes than that, or the budget refuses.
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
