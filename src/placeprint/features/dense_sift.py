"""SIFT descriptors on a regular grid (Lowe, IJCV 2004; dense for places as in Torii et al., CVPR 2015).

Each grid point has one upright keypoint per diameter; points without contrast (sky, plain walls) are dropped. Contrast
is the mean length of the gradients under the descriptor's window times sigma, so that sizes compare, as a share of the
contrast of black and white: a straight edge of contrast c through the middle gives c / 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from placeprint.core.options import Keypoints, Length, Range, Share, checked
from placeprint.features.descriptor import from_histograms, histograms
from placeprint.features.pyramid import Scales, Size, allowed, over_pyramid
from placeprint.features.scale_space import ScaleSpace
from placeprint.types import Floats, Image, LocalFeatures, Mask

Diameter = Annotated[float, Range(0.5, 1000)]


@checked
@dataclass(kw_only=True, eq=False)
class DenseSIFT:
    """Extract SIFT descriptors on a regular grid.

    Args:
        max_keypoints: the most keypoints to keep, those of most contrast.
        size: the longest side in pixels of the working copy; 0 for full size.
        scales: factors of that size.
        step: the distance between grid points in pixels of the copy.
        diameters: the diameters of the keypoints at each point, in pixels of the copy; a descriptor covers six
            diameters.
        min_contrast: the smallest contrast of a keypoint, from 0 to 1.
        root: whether to use RootSIFT; otherwise plain SIFT of unit length.

    Raises:
        OptionError: the step or a diameter is not above 0, or there is no diameter.
    """

    max_keypoints: Keypoints = 4000
    size: Size = 640
    scales: Scales = (1.0,)
    step: Annotated[float, Range(1, 1000)] = 10.0
    diameters: Annotated[tuple[Diameter, ...], Length(1, 32)] = (4.0, 8.0)
    min_contrast: Share = 0.01
    root: bool = True

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return 128

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the descriptors of an ``(H, W, 3)`` uint8 RGB image, most contrast first.

        Scales are diameters in pixels of the photo, angles are 0.
        """
        return over_pyramid(
            image, mask, self._detect, size=self.size, scales=self.scales, max_keypoints=self.max_keypoints
        )

    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        size = (image.shape[1], image.shape[0])
        points = grid_points(size, self.step)
        points = points[allowed(points, mask)]
        count = len(self.diameters)
        diameters = np.tile(np.asarray(self.diameters, np.float32), len(points))
        keypoints = np.column_stack([np.repeat(points, count, axis=0), diameters, np.zeros_like(diameters)])
        raw = histograms(ScaleSpace.of(image), keypoints)
        contrast = raw.sum(axis=1) * diameters / (2 * 255)
        order = np.argsort(-contrast, kind="stable")
        order = order[contrast[order] > self.min_contrast][: self.max_keypoints]
        return LocalFeatures(
            keypoints[order, :2],
            from_histograms(raw[order], root=self.root),
            contrast[order],
            size,
            diameters[order],
            np.zeros(len(order), np.float32),
        )


def grid_points(size: tuple[int, int], step: float) -> Floats:
    """Return the ``(n, 2)`` points ``(x, y)`` of a grid centered in a picture, row by row; at least one.

    Args:
        size: ``(width, height)`` in pixels.
        step: the distance between points in pixels.

    Example:
        >>> grid_points((7, 4), 3).tolist()
        [[1.5, 1.5], [4.5, 1.5]]
    """
    axes = []
    for side in size:
        count = max(1, int(side // step))
        axes.append((side - 1) / 2 + (np.arange(count) - (count - 1) / 2) * step)
    x, y = np.meshgrid(*axes)
    return np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)
