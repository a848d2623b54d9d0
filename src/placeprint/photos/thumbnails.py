"""Small pictures of photos, as JPEG without EXIF."""

from __future__ import annotations

import cv2
import numpy as np

from placeprint.errors import PhotoError
from placeprint.photos.pixels import resize
from placeprint.types import Image

THUMBNAIL = 320
"""Longest side of a thumbnail in pixels."""
QUALITY = 85


def jpeg(image: Image, longest: int = THUMBNAIL) -> bytes:
    """Return a picture as JPEG whose longest side has at most some pixels.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        longest: the longest side in pixels.

    Raises:
        PhotoError: it cannot be written as JPEG.
    """
    height, width = image.shape[:2]
    factor = min(1.0, longest / max(height, width))
    if factor < 1:
        image = resize(image, (max(1, round(width * factor)), max(1, round(height * factor))))
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise PhotoError("the picture cannot be written as JPEG")
    return data.tobytes()
