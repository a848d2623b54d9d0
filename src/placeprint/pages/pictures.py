"""Photos as part of a page: small JPEG copies as data URIs, without any metadata."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from placeprint.errors import PhotoError
from placeprint.features.resizing import resize_longest
from placeprint.photos import read_image
from placeprint.types import Image

SIDE = 1100
"""Longest side of a picture in pixels."""
THUMB = 320
"""Longest side of a thumbnail in pixels."""
QUALITY = 78


@dataclass(frozen=True)
class PagePicture:
    """A picture in a page.

    Args:
        uri: its data URI.
        width: of the copy, in pixels.
        height: of the copy, in pixels.
        alt: what it shows, for those who cannot see it.
        scale: pixels of the copy per pixel of the photo.
    """

    uri: str
    width: int
    height: int
    alt: str
    scale: float = 1.0


def picture_of(image: Image, alt: str, *, side: int = SIDE, quality: int = QUALITY) -> PagePicture:
    """Return a picture for a page.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        alt: what it shows.
        side: the longest side of the copy in pixels; smaller pictures keep their size.
        quality: of the JPEG, 1 to 95.
    """
    small = resize_longest(image, side) if max(image.shape[:2]) > side else image
    height, width = small.shape[:2]
    data = base64.b64encode(_jpeg(small, quality)).decode()
    return PagePicture(f"data:image/jpeg;base64,{data}", width, height, alt, width / image.shape[1])


def picture_of_file(path: Path | str, alt: str, *, side: int = SIDE, quality: int = QUALITY) -> PagePicture | None:
    """Return a picture of a photo on disk, upright; None if the photo cannot be read any more."""
    try:
        return picture_of(read_image(Path(path)), alt, side=side, quality=quality)
    except PhotoError:
        return None


def _jpeg(image: Image, quality: int) -> bytes:
    import PIL.Image

    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
