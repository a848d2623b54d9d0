"""Resize a photo for a network or an extractor, and map its keypoints back to the photo's pixels.

`InputRule` is the one rule that turns a photo into a network's input. Training, validation, indexing and exported files
all use it, so a preset gives what was measured in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.photos import resize
from placeprint.types import Floats, Image, Mask


@dataclass(frozen=True)
class InputRule:
    """The rule that turns a photo into a network's input; see `pixels.resize` for the interpolation.

    Pictures are uint8 RGB. Networks scale the colors themselves.

    Args:
        longest: the longest side in pixels; 0 keeps the size of the photo. Not used with `stretch`.
        multiple: both sides are rounded down to a multiple of this, at least one. Not used with `stretch`.
        stretch: ``(width, height)`` in pixels of every picture, whatever the shape of the photo; ``(0, 0)`` keeps the
            shape of the photo.
    """

    longest: int = 0
    multiple: int = 1
    stretch: tuple[int, int] = (0, 0)

    def picture(self, image: Image, scale: float = 1.0) -> Image:
        """Return the ``(h, w, 3)`` uint8 picture of an ``(H, W, 3)`` uint8 image, with its sides times a scale.

        Example:
            >>> InputRule(stretch=(64, 32)).picture(np.zeros((90, 50, 3), np.uint8)).shape
            (32, 64, 3)
        """
        if self.stretch != (0, 0):
            width, height = (max(1, round(side * scale)) for side in self.stretch)
            return resize(image, (width, height))
        longest = self.longest or max(image.shape[:2])
        return resize_longest(image, max(1, round(longest * scale)), self.multiple)

    def tensor(self, image: Image) -> NDArray[np.float32]:
        """Return ``(1, 3, h, w)`` float32 in [0, 255], the input of an exported network."""
        return np.ascontiguousarray(self.picture(image).transpose(2, 0, 1)[None], np.float32)


def resize_longest(image: Image, longest: int, multiple: int = 1) -> Image:
    """Scale a photo up or down so that its longest side has ``longest`` pixels.

    Small photos are enlarged: so a network's receptive field covers about the same part of the scene, whatever the
    camera's resolution.

    Args:
        image: ``(H, W, 3)`` uint8.
        longest: the longest side in pixels.
        multiple: both sides are rounded down to a multiple of this, at least one; 1 rounds to the nearest pixel.
    """
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if multiple == 1:
        return resize(image, (max(1, round(width * factor)), max(1, round(height * factor))))
    columns, rows = (max(1, int(side * factor + 1e-6) // multiple) for side in (width, height))
    return resize(image, (columns * multiple, rows * multiple))


def shrink(image: Image, mask: Mask | None, size: int) -> tuple[Image, Mask | None]:
    """Return an image and its mask with a longest side of at most ``size`` pixels; 0 does not change them.

    No side gets shorter than one pixel. The mask is True where all pixels under it are.
    """
    height, width = image.shape[:2]
    factor = size / max(height, width)
    if not size or factor >= 1:
        return image, mask
    shape = max(1, round(width * factor)), max(1, round(height * factor))
    return resize(image, shape), None if mask is None else shrunk_mask(mask, shape)


def shrunk_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return a mask at ``(width, height)``: True where all pixels under it are."""
    import cv2

    return np.asarray(cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) == 255)


def to_photo(points: Floats, resized: tuple[int, int], photo: tuple[int, int]) -> Floats:
    """Map ``(n, 2)`` points of the resized photo to the photo; sizes are ``(width, height)``.

    Pixel centers are at whole numbers, so a factor f maps x to ``(x + 0.5) f - 0.5``.

    Example:
        >>> to_photo(np.array([[0.0, 1.0]], np.float32), (10, 10), (20, 20)).tolist()
        [[0.5, 2.5]]
    """
    factor = np.array(photo, np.float64) / np.array(resized, np.float64)
    return ((np.asarray(points, np.float64) + 0.5) * factor - 0.5).astype(np.float32)
