"""Draw descriptors as a picture: one row per keypoint, one column per value.

Problems show at once: a column that never changes, identical rows (keypoints on a blank wall), a black row.
"""

from __future__ import annotations

import numpy as np

from placeprint.errors import ShapeError
from placeprint.types import Floats, Image


def draw_descriptors(descriptors: Floats, *, max_rows: int = 240, zoom: int = 4) -> Image:
    """Draw ``(n, d)`` descriptors in gray.

    Black is the smallest value and white the largest; if there are negative values, middle gray is zero.

    Args:
        descriptors: at least one column.
        max_rows: the most rows to draw, from the first.
        zoom: the width of a value in pixels; its height is half of that.

    Returns:
        ``(rows * zoom / 2, d * zoom, 3)`` uint8; one white row when there are no descriptors.

    Raises:
        ShapeError: the array is not two-dimensional.

    Example:
        >>> draw_descriptors(np.array([[0.0, 1.0]], np.float32), zoom=2)[0, :, 0].tolist()
        [0, 0, 255, 255]
    """
    if descriptors.ndim != 2 or descriptors.shape[1] == 0:
        raise ShapeError(f"descriptors must have shape (n, d), got {descriptors.shape}")
    rows = np.asarray(descriptors[:max_rows], np.float64)
    if not len(rows):
        return np.full((1, descriptors.shape[1] * zoom, 3), 255, np.uint8)
    low, high = min(float(rows.min()), 0.0), max(float(rows.max()), 0.0)
    if low < 0:
        high = max(high, -low)
        low = -high
    gray = np.rint(255 * (rows - low) / max(high - low, 1e-12)).astype(np.uint8)
    large = np.repeat(np.repeat(gray, max(1, zoom // 2), axis=0), zoom, axis=1)
    return np.repeat(large[..., None], 3, axis=2)
