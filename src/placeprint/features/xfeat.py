"""XFeat: fast learned keypoints with 64-D descriptors (Potje et al., CVPR 2024).

The network is kornia's, the weights are the authors'. It runs on a copy of the photo whose longest side has `size`
pixels, rounded down to multiples of 32, because it responds to patterns of a certain size in pixels.

XFeat does not survive a rotation of 90 degrees; `Atlas.search` tries the promising rotations of a query when nothing
is found upright (`features.steering`).

Semi-dense (XFeat*, section 3.3 of the paper): instead of keypoints, every cell of 8 x 8 pixels is a feature, at its
center, with the network's reliability as score, on copies 0.6 and 1.3 times the size. The matcher ``semi-dense``
then refines the matched points inside the cells. Departures: the paper takes a fifth of the features from the small
copy, here the most reliable of both are kept; uniform cells are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placeprint.core.options import Share, checked
from placeprint.features.batching import Pyramid
from placeprint.features.network_extractor import NetworkExtractor
from placeprint.features.pyramid import allowed
from placeprint.features.selection import MIN_CONTRAST, contrast_around
from placeprint.types import Image, LocalFeatures, Mask

STRIDE = 32
"""The network halves the picture five times."""
SEMI_DENSE_SCALES = (0.6, 1.3)
"""Factors of the size for semi-dense features."""


@checked
@dataclass(kw_only=True, eq=False)
class XFeat(NetworkExtractor):
    """Extract Extract XFeat keypoints.

    Args:
        scales: semi-dense, two passes of the network each; the others are as of `NetworkExtractor`.
        detection_threshold: the probability that a keypoint must exceed, in [0, 1]; no effect for semi-dense features.
        semi_dense: whether to extract the cells of XFeat* instead of keypoints; their `scales` are the sides of the
            cells in pixels of the photo, 8 pixels of the network's input.
    """

    TOGETHER = 32

    detection_threshold: Share = 0.05
    semi_dense: bool = False

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return 64

    @property
    def weights(self) -> str:
        """The name of the weights."""
        return "xfeat"

    def _pyramid(self) -> Pyramid:
        scales = self.scales
        if self.semi_dense:
            scales = tuple(scale * factor for scale in scales for factor in SEMI_DENSE_SCALES)
        return {"size": self.size, "scales": scales, "max_keypoints": self.max_keypoints, "multiple": STRIDE}

    def _detect_together(self, images: list[Image], masks: list[Mask | None]) -> list[LocalFeatures]:
        from placeprint.networks.xfeat import CELL, detect_batch, detect_cells

        size = (images[0].shape[1], images[0].shape[0])
        if not self.semi_dense:
            keypoints = detect_batch(images, self.max_keypoints, self.detection_threshold, masks)
            return [LocalFeatures(*found, size) for found in keypoints]
        features = []
        for image, mask, (centers, descriptors, scores) in zip(images, masks, detect_cells(images), strict=True):
            kept = (contrast_around(image, centers, CELL) >= MIN_CONTRAST) & allowed(centers, mask)
            sides = np.full(len(centers), CELL, np.float32)
            cells = LocalFeatures(centers, descriptors, scores, size, sides)
            features.append(cells[kept].strongest(self.max_keypoints))
        return features
