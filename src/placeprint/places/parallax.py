"""Motion that remains between two aligned pictures, which comes from parallax but not from resampling.

Corners are followed from one picture to the other (Lucas and Kanade, IJCAI 1981). Single corners move in random
directions because of noise and compression, while near objects move together against far ones. So each cell of a grid
takes the median of its corners, and the cells that moved most measure the remaining motion.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Image

CORNERS = 400
GRID = 5
"""Cells along each side."""
FEWEST = 4
"""Corners of a cell that says something."""
SHARE = 80
"""Percentile of the cells: a fifth of the picture has moved at least so much."""


def motion_left(first: Image, second: Image, inside: NDArray[np.bool_]) -> float:
    """Return how many pixels parts of two pictures are apart, 0 where there are too few corners.

    Args:
        first: ``(h, w)`` uint8 gray, aligned with the second and as sharp.
        second: ``(h, w)`` uint8 gray.
        inside: ``(h, w)`` where both are whole.
    """
    import cv2

    first = _as_bright(first, second, inside)
    corners = cv2.goodFeaturesToTrack(second, CORNERS, 0.005, 5, mask=inside.astype(np.uint8) * 255)
    if corners is None or not len(corners):
        return 0.0
    moved, tracked, _ = cv2.calcOpticalFlowPyrLK(
        second, first, corners, np.zeros_like(corners), winSize=(13, 13), maxLevel=1, criteria=(3, 20, 0.005)
    )
    followed = tracked.ravel() > 0
    points, motion = corners[followed, 0], (moved - corners)[followed, 0]
    size = np.array([second.shape[1], second.shape[0]])
    cells: defaultdict[tuple[int, ...], list[NDArray[np.float32]]] = defaultdict(list)
    for cell, each in zip((points * GRID / size).astype(int).tolist(), motion, strict=True):
        cells[tuple(cell)].append(each)
    apart = [np.linalg.norm(np.median(each, axis=0)) for each in cells.values() if len(each) >= FEWEST]
    return float(np.percentile(apart, SHARE)) if apart else 0.0


def _as_bright(first: Image, second: Image, inside: NDArray[np.bool_]) -> Image:
    """Return the first picture with the mean and the contrast of the second."""
    mean, deviation = (np.array([function(each[inside]) for each in (first, second)]) for function in (np.mean, np.std))
    levels = (first - mean[0]) * (deviation[1] / max(deviation[0], 1.0)) + mean[1]
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)
