"""Bring a photo to an extractor's working size, and its keypoints back to the photo's pixels."""

from __future__ import annotations

import numpy as np

from placeprint.images import resize
from placeprint.types import Floats, Image


def resize_longest(image: Image, longest: int, multiple: int = 1) -> Image:
    """Scale a photo, up or down, so that its longest side has ``longest`` pixels.

    Small photos are enlarged: a network's receptive field sees about the same part of the scene whatever the
    camera's resolution.

    Args:
        image: ``(H, W, 3)`` uint8.
        longest: pixels.
        multiple: both sides are rounded down to a multiple of this, at least one; 1 rounds to the nearest pixel.
    """
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if multiple == 1:
        return resize(image, (max(1, round(width * factor)), max(1, round(height * factor))))
    columns, rows = (max(1, int(side * factor + 1e-6) // multiple) for side in (width, height))
    return resize(image, (columns * multiple, rows * multiple))


def to_photo(points: Floats, resized: tuple[int, int], photo: tuple[int, int]) -> Floats:
    """Map ``(n, 2)`` points of the resized photo to the photo; sizes are ``(width, height)``.

    Pixel centers are at whole numbers, so a factor f maps x to ``(x + 0.5) f - 0.5``.

    Example:
        >>> to_photo(np.array([[0.0, 1.0]], np.float32), (10, 10), (20, 20)).tolist()
        [[0.5, 2.5]]
    """
    factor = np.array(photo, np.float64) / np.array(resized, np.float64)
    return ((np.asarray(points, np.float64) + 0.5) * factor - 0.5).astype(np.float32)
