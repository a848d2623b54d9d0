"""HOG: histograms of oriented gradients on a dense grid (Dalal and Triggs, CVPR 2005), by scikit-image.

The picture is cut into square cells; each has a histogram of gradient orientations: unsigned, weighted by magnitude,
using the color channel with the longest gradient. Each square of ``block x block`` cells is one local feature: its
histograms, concatenated and normalized as "L2-Hys": ``v / sqrt(|v|^2 + e^2)``, clipped at 0.2, and normalized again.
Blocks overlap: they are one cell apart.

Departures: no detector window and no classifier; blocks without contrast are dropped, and the score of a block is its
    mean gradient magnitude, so that ``max_keypoints`` keeps the blocks that show something. A block has 4 x 4 cells,
    like the square of SIFT, not 2 x 2: those were made to be read together by a classifier and look too much alike to
    be matched one by one. The descriptor is not invariant to scale or rotation, and a keypoint is only as exact as the
    grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import normalize
from placeprint.core.options import Range, checked
from placeprint.core.packages import required
from placeprint.features.keypoint_extractor import KeypointExtractor
from placeprint.types import Floats, Image, LocalFeatures, Mask


@checked
@dataclass(kw_only=True, eq=False)
class HOG(KeypointExtractor):
    """Dense HOG blocks; see `KeypointExtractor` for the other parameters.

    Keypoints are the centers of the blocks, scales the diameters of the circles inside them.

    Args:
        orientations: the number of orientations of a histogram, over 180 degrees.
        cell: the side of a cell, which is also the step of the grid, in pixels of the copy.
        block: the number of cells along each side of a block.
        min_contrast: the mean gradient magnitude that a block must exceed, in gray levels per pixel.
    """

    orientations: Annotated[int, Range(1, 360)] = 9
    cell: Annotated[int, Range(1, 1024)] = 8
    block: Annotated[int, Range(1, 64)] = 4
    min_contrast: Annotated[float, Range(0, 255)] = 1.0

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return self.orientations * self.block**2

    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        size = (image.shape[1], image.shape[0])
        blocks = hog_blocks(image, self.orientations, self.cell, self.block)
        rows, columns = blocks.shape[:2]
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
        # a block starts at pixel grid * cell, whose left edge is half a pixel before its center
        points = ((grid + self.block / 2) * self.cell - 0.5).astype(np.float32)
        strengths = mean_gradients(image, grid * self.cell, self.block * self.cell)
        shown = np.flatnonzero(strengths > self.min_contrast)
        order = shown[self._best(points[shown], strengths[shown], image, mask)]
        chosen = blocks.reshape(-1, self.dim)[order]
        diameters = np.full(len(order), self.block * self.cell, np.float32)
        return LocalFeatures(points[order], normalize(chosen), strengths[order], size, diameters)


def hog_blocks(image: Image, orientations: int, cell: int, block: int) -> Floats:
    """Return ``(rows, columns, block * block * orientations)`` float32, empty if no block fits.

    Args:
        image: ``(H, W, 3)`` uint8.
        orientations: the number of orientations of a histogram, over 180 degrees.
        cell: the side of a cell in pixels; the remainder at the right and bottom belongs to no cell.
        block: the number of cells along each side of a block.

    Raises:
        PackageError: scikit-image is not installed.
    """
    with required("HOG needs scikit-image", "classic"):
        from skimage.feature import hog
    if min(image.shape[:2]) < cell * block:
        return np.zeros((0, 0, block * block * orientations), np.float32)
    blocks = hog(
        image,
        orientations=orientations,
        pixels_per_cell=(cell, cell),
        cells_per_block=(block, block),
        block_norm="L2-Hys",
        feature_vector=False,
        channel_axis=-1,
    )
    return np.asarray(blocks.reshape(*blocks.shape[:2], -1), np.float32)


def mean_gradients(image: Image, corners: NDArray[np.intp], side: int) -> Floats:
    """Return ``(n,)`` mean gradient magnitudes in squares, in gray levels per pixel.

    Gradients are half the difference of the two neighbors, 0 at the border, in the channel where they are longest.

    Args:
        image: ``(H, W, 3)`` uint8.
        corners: ``(n, 2)`` x and y of the first pixel of each square.
        side: the side of the squares in pixels.

    Example:
        >>> ramp = np.repeat(np.arange(16, dtype=np.uint8)[None, :, None], 9, axis=0).repeat(3, axis=2)
        >>> mean_gradients(ramp, np.array([[0, 0], [8, 0]]), 8).tolist()
        [0.875, 0.875]
    """
    import cv2

    values = image.astype(np.float32)
    across, down = np.zeros_like(values), np.zeros_like(values)
    across[:, 1:-1] = (values[:, 2:] - values[:, :-2]) / 2
    down[1:-1] = (values[2:] - values[:-2]) / 2
    sums = cv2.integral(np.hypot(across, down).max(axis=2))
    x, y = corners.T
    totals = sums[y + side, x + side] - sums[y, x + side] - sums[y + side, x] + sums[y, x]
    return np.asarray(totals / side**2, np.float32)
