"""SIFT keypoints (Lowe, IJCV 2004) with RootSIFT descriptors (Arandjelovic and Zisserman, CVPR 2012).

The detector is OpenCV's, the descriptor OpenCV's or our own (`placeprint.features.descriptor`).

``upright=True`` describes every keypoint upright. Photos of places are taken upright, and upright descriptors find far
more of them. Rotated photos are found by describing the query in several rotations (`Atlas.search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from placeprint.core.numerics import normalize
from placeprint.core.options import OneOf, Range, Share, checked
from placeprint.features.descriptor import describe
from placeprint.features.keypoint_extractor import KeypointExtractor
from placeprint.features.root_sift import root_sift
from placeprint.types import Floats, Image, LocalFeatures, Mask

DESCRIPTORS = ("opencv", "own")
OPENCV_SHIFT = 0.25
"""OpenCV's keypoints are this many pixels to the right of and below what they show, because it takes a pixel's corner
for its center when it doubles the picture. Its own descriptors undo that; ours use the real position, which is what is
returned."""


@checked
@dataclass(kw_only=True, eq=False)
class SIFT(KeypointExtractor):
    """SIFT keypoints; see `KeypointExtractor` for the other parameters.

    Args:
        contrast_threshold: lower values find more and weaker keypoints (Lowe's D(x), times OpenCV's layer factor).
        edge_threshold: higher values keep more keypoints on edges.
        upright: whether to describe all keypoints upright.
        root: whether to use RootSIFT; otherwise plain SIFT of unit length.
        descriptor: ``"opencv"`` or ``"own"``; the keypoints are the same.

    Raises:
        OptionError: the descriptor is unknown.
    """

    contrast_threshold: Share = 0.04
    edge_threshold: Annotated[float, Range(0, 10_000, above=True)] = 10.0
    upright: bool = False
    root: bool = True
    descriptor: Annotated[str, OneOf(*DESCRIPTORS)] = "opencv"

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return 128

    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        import cv2

        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        sift = cv2.SIFT.create(contrastThreshold=self.contrast_threshold, edgeThreshold=self.edge_threshold)
        detected = sift.detect(gray, None)
        found = _upright(detected) if self.upright else list(detected)
        size = (image.shape[1], image.shape[0])
        points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
        strengths = np.array([point.response for point in found], np.float32)
        order = self._best(points, strengths, image, mask)
        kept, descriptors = self._describe(gray, sift, [found[index] for index in order])
        return LocalFeatures(
            np.array([point.pt for point in kept], np.float32).reshape(-1, 2) - np.float32(OPENCV_SHIFT),
            descriptors,
            np.array([point.response for point in kept], np.float32),
            size,
            np.array([point.size for point in kept], np.float32),
            np.array([point.angle % 360 for point in kept], np.float32),
        )

    def _describe(self, gray: Image, sift: Any, points: Sequence[Any]) -> tuple[Sequence[Any], Floats]:
        """Return the OpenCV keypoints that can be described, and their ``(n, 128)`` descriptors."""
        if self.descriptor == "own":
            rows = np.array([(*point.pt, point.size, point.angle) for point in points], np.float32).reshape(-1, 4)
            rows[:, :2] -= OPENCV_SHIFT
            descriptors = describe(gray, rows, root=self.root)
            present = np.flatnonzero(descriptors.any(axis=1)).tolist()
            return [points[index] for index in present], descriptors[present]
        described, raw = sift.compute(gray, points) if points else ((), None)
        descriptors = np.asarray(np.zeros((0, 128)) if raw is None else raw, np.float32)
        return described, root_sift(descriptors) if self.root else normalize(descriptors)


def _upright(points: Sequence[Any]) -> list[Any]:
    """Make all keypoints upright and drop those that differed only in angle."""
    kept: dict[tuple[float, float, float], Any] = {}
    for point in points:
        point.angle = 0.0
        kept.setdefault((point.pt[0], point.pt[1], point.size), point)
    return list(kept.values())
