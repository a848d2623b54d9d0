"""Choose keypoints: the strongest, spread over the picture, and none where a picture shows nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats, Image

MIN_CONTRAST = 1.0
"""Standard deviation in gray levels below which a part of a picture shows nothing."""


def spread_order(points: Floats, strengths: Floats, size: tuple[int, int], cells: int) -> NDArray[np.intp]:
    """Return an order of all points in which every prefix is spread over the picture.

    The picture is cut into ``cells x cells``; first comes the strongest point of each cell, then the second
    strongest of each, and so on, within a round by decreasing strength.

    Args:
        points: ``(n, 2)`` pixels.
        strengths: ``(n,)``.
        size: ``(width, height)`` of the picture.
        cells: the number of cells along each side.

    Example:
        >>> points = np.array([[1.0, 1.0], [2.0, 2.0], [9.0, 9.0]], np.float32)
        >>> spread_order(points, np.array([3.0, 2.0, 1.0]), (10, 10), 2).tolist()
        [0, 2, 1]
    """
    column, row = np.clip((points * cells / np.array(size)).astype(int), 0, cells - 1).T
    cell = row * cells + column
    by_cell = np.lexsort((-strengths, cell))
    _, starts, counts = np.unique(cell[by_cell], return_index=True, return_counts=True)
    rounds = np.empty(len(points), int)
    rounds[by_cell] = np.arange(len(points)) - np.repeat(starts, counts)
    return np.lexsort((-strengths, rounds))


def contrast_around(image: Image, points: NDArray[np.floating], side: int) -> Floats:
    """Return ``(n,)``: the standard deviation of the gray levels in a square around each of ``(n, 2)`` points.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, mirrored at its border.
        points: pixels inside the image.
        side: the side of the square in pixels.
    """
    import cv2

    gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
    mean = cv2.blur(gray, (side, side))
    variance = cv2.blur(gray * gray, (side, side)) - mean * mean
    column, row = np.clip(np.rint(points).astype(int), 0, np.array(gray.shape[::-1]) - 1).T
    return np.asarray(np.sqrt(np.maximum(variance[row, column], 0)), np.float32)
