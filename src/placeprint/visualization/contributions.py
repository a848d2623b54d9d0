"""Draw where in a photo the evidence is: warm colors where much of a similarity comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import ShapeError
from placeprint.photos import resize
from placeprint.types import Floats, Image

SPREAD = 0.028
"""Standard deviation of what a keypoint colors, as a share of the longest side."""
LONGEST = 1100
"""Longest side of a drawn map in pixels."""
TOP = 99.0
"""Percentile of the map with the warmest color."""
GRAY = 0.6
"""Brightness of the gray photo under the colors."""
OPACITY = 0.75
"""Opacity of the warmest color."""
LIT = 105.0
"""Mean brightness to which a dark photo is lit, by up to `MOST_LIT` times, so that its bright places can be seen."""
MOST_LIT = 2.5
CELLS = 24
"""Cells along each side in which the area of the evidence is counted."""


def heat_map(keypoints: Floats, values: NDArray[np.floating], size: tuple[int, int]) -> Floats:
    """Return a map of what keypoints add: each a Gaussian of its value, so the map's sum is nearly that of the values.

    Args:
        keypoints: ``(n, 2)`` in pixels.
        values: ``(n,)``, of any sign.
        size: ``(width, height)`` of the map in the same pixels.

    Returns:
        ``(height, width)`` float32.

    Raises:
        ShapeError: there is another count of values than of keypoints.
    """
    import cv2

    if len(values) != len(keypoints):
        raise ShapeError(f"values must have shape ({len(keypoints)},), got {np.shape(values)}")
    width, height = size
    heat = np.zeros((height, width), np.float32)
    if len(keypoints):
        columns, rows = np.rint(keypoints).astype(int).clip(0, (width - 1, height - 1)).T
        np.add.at(heat, (rows, columns), np.asarray(values, np.float32))
        heat = np.asarray(
            cv2.GaussianBlur(heat, (0, 0), SPREAD * max(size), borderType=cv2.BORDER_CONSTANT), np.float32
        )
    return heat


def heat_levels(keypoints: Floats, values: NDArray[np.floating], size: tuple[int, int], longest: int) -> Floats:
    """Return how warm each part of a photo is: 0 where nothing adds to a similarity, 1 where the most does.

    Args:
        keypoints: ``(n, 2)`` in pixels of the photo.
        values: ``(n,)`` what they add; what lowers the similarity counts as nothing.
        size: ``(width, height)`` of the photo in pixels.
        longest: the longest side of the levels, at most.

    Returns:
        ``(h, w)`` float32 in [0, 1].
    """
    factor = min(1.0, longest / max(size))
    width, height = (max(1, round(side * factor)) for side in size)
    heat = np.maximum(heat_map(np.asarray((keypoints + 0.5) * factor - 0.5, np.float32), values, (width, height)), 0)
    top = float(np.percentile(heat, TOP)) or float(heat.max())
    return np.asarray(np.clip(heat / max(top, 1e-12), 0, 1), np.float32)


def draw_contributions(image: Image, keypoints: Floats, values: NDArray[np.floating]) -> Image:
    """Draw what adds to a similarity in warm colors over a gray photo.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        keypoints: ``(n, 2)`` in its pixels.
        values: ``(n,)`` what they add; what lowers the similarity is drawn as nothing.

    Returns:
        ``(h, w, 3)`` uint8 RGB of at most 1100 pixels a side.
    """
    import cv2

    level = heat_levels(keypoints, values, (image.shape[1], image.shape[0]), LONGEST)
    gray = cv2.cvtColor(resize(image, level.shape[::-1]), cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    gray *= GRAY * np.clip(LIT / max(float(gray.mean()), 1.0), 1, MOST_LIT)
    colors = cv2.applyColorMap(np.rint(255 * level**0.7).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opacity = (OPACITY * np.sqrt(level))[..., None]
    mixed = (1 - opacity) * gray + opacity * (0.75 * colors + gray)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def area_of_half(keypoints: Floats, values: NDArray[np.floating], size: tuple[int, int]) -> float:
    """Return the smallest share of a photo's area that has half of what raises a similarity; NaN if nothing does.

    Args:
        keypoints: ``(n, 2)`` in pixels.
        values: ``(n,)``.
        size: ``(width, height)`` of the photo in pixels.
    """
    places = np.floor((keypoints + 0.5) / np.asarray(size) * CELLS).astype(int).clip(0, CELLS - 1)
    cells = np.bincount(places[:, 1] * CELLS + places[:, 0], np.asarray(values, np.float64), CELLS**2)
    raised = np.sort(np.maximum(cells, 0))[::-1]
    if not raised.sum():
        return float("nan")
    return float(np.searchsorted(np.cumsum(raised), raised.sum() / 2) + 1) / CELLS**2
