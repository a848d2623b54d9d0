"""What the extractors of keypoints without a network share: a photo at several sizes, and which keypoints are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Keypoints
from placeprint.features.pyramid import Cells, Scales, Size, allowed, over_pyramid
from placeprint.features.selection import spread_order
from placeprint.types import Floats, Image, LocalFeatures, Mask


@dataclass(kw_only=True, eq=False)
class KeypointExtractor(ABC):
    """An extractor that finds keypoints in one picture after the other.

    Args:
        max_keypoints: the most keypoints that are kept, the strongest of each part of the picture first.
        size: the longest side in pixels of the working copy; 0 for full size.
        scales: factors of that size; an extractor of a scale space looks for all sizes of keypoints below it.
        cells: parts of the picture along each side over which keypoints are spread; 1 for the strongest only.
    """

    max_keypoints: Keypoints = 1000
    size: Size = 640
    scales: Scales = (1.0,)
    cells: Cells = 1

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the keypoints of an ``(H, W, 3)`` uint8 RGB image, in the order of `spread_order`.

        Scales are diameters in pixels of the photo.

        Raises:
            PackageError: a package that the extractor needs is not installed.
        """
        return over_pyramid(
            image,
            mask,
            self._detect,
            size=self.size,
            scales=self.scales,
            max_keypoints=self.max_keypoints,
            cells=self.cells,
        )

    @abstractmethod
    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        """Return the keypoints of one picture, in its own pixels, where the mask is True; best first."""

    def _best(self, points: Floats, strengths: Floats, image: Image, mask: Mask | None) -> NDArray[np.intp]:
        """Return the indices of the points ``(n, 2)`` of a picture that are kept, by their strengths, ``(n,)``."""
        inside = np.flatnonzero(allowed(points, mask))
        size = (image.shape[1], image.shape[0])
        return inside[spread_order(points[inside], strengths[inside], size, self.cells)[: self.max_keypoints]]
