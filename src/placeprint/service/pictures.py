"""Pictures that are sent: shrunk, as JPEG, without EXIF, and never a file as it is."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import cv2
import numpy as np

from placeprint.errors import PhotoError
from placeprint.photos import read_photo, resize
from placeprint.service.problems import Refused
from placeprint.types import Image

THUMBNAIL, LARGEST = 320, 2048
"""Longest sides in pixels of thumbnails and of pictures."""
QUALITY = 85
KEPT = 512
"""Thumbnails that stay in memory."""


def image_of(path: str) -> Image:
    """Return a photo of the atlas.

    Raises:
        Refused: its file is gone or changed.
    """
    try:
        return read_photo(path).image
    except PhotoError as error:
        raise Refused(404, "the file of this photo is gone or cannot be read") from error


def jpeg(image: Image, longest: int) -> bytes:
    """Return a picture as JPEG whose longest side has at most some pixels.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        longest: the longest side in pixels.
    """
    height, width = image.shape[:2]
    factor = min(1.0, longest / max(height, width))
    if factor < 1:
        image = resize(image, (max(1, round(width * factor)), max(1, round(height * factor))))
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise Refused(500, "the picture cannot be written as JPEG")
    return data.tobytes()


@functools.lru_cache(KEPT)
def thumbnail(path: str, sha256: str) -> bytes:
    """Return the thumbnail of a photo of the atlas.

    Args:
        path: the path of its file.
        sha256: the hash of its content, by which it is remembered.

    Raises:
        Refused: its file is gone or cannot be read.
    """
    return jpeg(image_of(path), THUMBNAIL)


def etag(*parts: Any) -> str:
    """Return a tag by which browsers know a picture that they have."""
    return '"' + hashlib.sha256(repr(parts).encode()).hexdigest()[:32] + '"'
