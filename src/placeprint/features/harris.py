"""Harris corners of several sizes (Harris and Stephens, AVC 1988) with our SIFT descriptors.

At each level of the scale space, of sigma s, the gradients (times s, so that sizes are comparable) give the matrix
M = G(s / 0.7) * [[gx^2, gx gy], [gx gy, gy^2]] and the response det M - k (trace M)^2 (Harris and Stephens' equations
with k = 0.05; the scales of differences and windows of Mikolajczyk and Schmid, IJCV 2004, section 2). Gray goes from 0
to 1, and responses are the fourth root, which is proportional to contrast. A keypoint is a point whose response is the
highest of its 3 x 3 pixels and of those beside it at the next finer and next coarser level; a quadratic function
through the nine responses gives the subpixel position.

Departure from Harris-Laplace: the size is that of the highest Harris response, not of the highest Laplacian.

``upright=True`` describes every keypoint upright, as in `SIFT`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Range, Share, checked
from placeprint.features.descriptor import describe, orientations
from placeprint.features.keypoint_extractor import KeypointExtractor
from placeprint.features.scale_space import Level, ScaleSpace
from placeprint.types import Floats, Image, LocalFeatures, Mask

EDGE_WEIGHT = 0.05
"""k: how much a strong edge counts against a corner."""
DIFFERENCE_SHARE = 0.7
"""Ratio of the sigma of the differences to that of the window."""


@checked
@dataclass(kw_only=True, eq=False)
class Harris(KeypointExtractor):
    """Harris corners; see `KeypointExtractor` for the other parameters.

    Scales are twice the window's sigma.

    Args:
        threshold: the fourth root of the smallest response; a right angle of contrast c, from 0 to 1, gives about c /
            6.
        upright: whether to describe all keypoints upright.
        root: whether to use RootSIFT; otherwise plain SIFT of unit length.
        width: the side of a descriptor's cell in sigmas of the window.
    """

    threshold: Share = 0.02
    upright: bool = False
    root: bool = True
    width: Annotated[float, Range(0.1, 100)] = 3.0

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return 128

    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        space = ScaleSpace.of(image)
        size = (image.shape[1], image.shape[0])
        corners, responses = find_corners(space, self.threshold)
        order = self._best(corners[:, :2], responses, image, mask)
        rows, angles = np.arange(len(order)), np.zeros(len(order), np.float32)
        if not self.upright:
            rows, angles = orientations(space, corners[order, :2], corners[order, 2])
        chosen = order[rows]
        keypoints = np.column_stack([corners[chosen], angles])
        descriptors = describe(space, keypoints, width=self.width, root=self.root)
        found = LocalFeatures(keypoints[:, :2], descriptors, responses[chosen], size, keypoints[:, 2], keypoints[:, 3])
        return found[np.flatnonzero(descriptors.any(axis=1))][: self.max_keypoints]


def find_corners(space: ScaleSpace, threshold: float) -> tuple[Floats, Floats]:
    """Find the corners of a picture at all levels of its scale space.

    Args:
        space: the scale space of the picture.
        threshold: the smallest response.

    Returns:
        ``(n, 3)`` float32: x, y and diameter (twice the window's sigma) in pixels, and ``(n,)`` responses.
    """
    import cv2

    responses = [harris_response(level) for level in space.levels]
    highest = [np.asarray(cv2.dilate(response, np.ones((3, 3), np.uint8)), np.float32) for response in responses]
    parts = [np.zeros((0, 4), np.float32)]
    for index, level in enumerate(space.levels):
        response = responses[index]
        found = (response >= highest[index]) & (response > threshold)
        found[[0, -1]] = found[:, [0, -1]] = False
        row, column = np.nonzero(found)
        beside = [other for other in (index - 1, index + 1) if 0 <= other < len(responses)]
        around = [_nearest(highest[other], row, column, level.step / space.levels[other].step) for other in beside]
        kept = (response[row, column] >= np.max(around, axis=0)) if around else np.ones(len(row), bool)
        row, column = row[kept], column[kept]
        places = (np.column_stack([column, row]) + peak_offsets(response, row, column)) * level.step
        diameters = np.full(len(row), 2 * level.sigma / DIFFERENCE_SHARE)
        parts.append(np.column_stack([places, diameters, response[row, column]]).astype(np.float32))
    corners = np.concatenate(parts)
    return corners[:, :3], corners[:, 3]


def harris_response(level: Level) -> Floats:
    """Return ``(h, w)`` float32: the fourth root of the response of each pixel of a level, 0 where it is negative."""
    import cv2

    x, y = level.gradient() * np.float32(level.sigma / 255)
    window = level.sigma / level.step / DIFFERENCE_SHARE
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), window) for product in (x * x, y * y, x * y))
    response = xx * yy - xy * xy - EDGE_WEIGHT * np.square(xx + yy)
    return np.asarray(np.sqrt(np.sqrt(np.maximum(response, 0))), np.float32)


def peak_offsets(values: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """Return the position of the peak of a quadratic function through each pixel and its eight neighbors.

    Args:
        values: ``(h, w)``.
        rows: ``(n,)``, from 1 to h - 2.
        columns: ``(n,)``, from 1 to w - 2.

    Returns:
        ``(n, 2)`` float32 ``(x, y)`` from the pixel, each in [-0.5, 0.5]; 0 if there is no peak.

    Example:
        >>> hill = -((np.arange(5) - 2.25) ** 2) - (np.arange(5)[:, None] - 1.9) ** 2
        >>> peak_offsets(hill, np.array([2]), np.array([2])).round(3).tolist()
        [[0.25, -0.10000000149011612]]
    """

    def at(down: int, right: int) -> NDArray[np.float64]:
        return values[rows + down, columns + right].astype(np.float64)

    middle = at(0, 0)
    slope_x, slope_y = (at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2
    xx, yy = at(0, 1) - 2 * middle + at(0, -1), at(1, 0) - 2 * middle + at(-1, 0)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    determinant = xx * yy - xy * xy
    peak = (determinant > 0) & (xx < 0)
    safe = np.where(peak, determinant, 1)
    offsets = np.column_stack([(xy * slope_y - yy * slope_x) / safe, (xy * slope_x - xx * slope_y) / safe])
    return np.where(peak[:, None], np.clip(offsets, -0.5, 0.5), 0).astype(np.float32)


def _nearest(values: Floats, row: NDArray[np.intp], column: NDArray[np.intp], factor: float) -> Floats:
    """Sample another level at the nearest pixels; ``factor`` of this level's pixels make one of the other."""
    height, width = values.shape
    down = np.minimum(np.rint(row * factor).astype(np.intp), height - 1)
    right = np.minimum(np.rint(column * factor).astype(np.intp), width - 1)
    return np.asarray(values[down, right], np.float32)
