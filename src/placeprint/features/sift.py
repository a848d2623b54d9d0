"""SIFT keypoints (Lowe, IJCV 2004) with RootSIFT descriptors (Arandjelovic and Zisserman, CVPR 2012).

Detector and descriptor are OpenCV's. RootSIFT: each descriptor is divided by its L1 norm and its square root
taken, which makes rows of unit L2 length whose dot product is the Hellinger kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.features.resizing import resize_longest, to_photo
from placeprint.types import Floats, Image, LocalFeatures


@dataclass(kw_only=True, eq=False)
class SIFT:
    """SIFT keypoints.

    Args:
        max_keypoints: the strongest are kept.
        size: longest side in pixels of the copy that is searched.
        contrast_threshold: lower finds more and weaker keypoints.
        edge_threshold: higher keeps more keypoints on edges.
        upright: describe all keypoints unturned: more distinctive where photos are upright, but then
            turned photos do not match.
        root: RootSIFT, otherwise plain SIFT of unit length.
    """

    max_keypoints: int = 1000
    size: int = 640
    contrast_threshold: float = 0.04
    edge_threshold: float = 10.0
    upright: bool = False
    root: bool = True

    @property
    def dim(self) -> int:
        """Length of one descriptor."""
        return 128

    def extract(self, image: Image) -> LocalFeatures:
        """Return the keypoints of an ``(H, W, 3)`` uint8 RGB image, strongest first."""
        import cv2

        height, width = image.shape[:2]
        resized = resize_longest(image, self.size)
        grey = cv2.cvtColor(resized, cv2.COLOR_RGB2GRAY)
        sift = cv2.SIFT_create(
            contrastThreshold=self.contrast_threshold, edgeThreshold=self.edge_threshold
        )
        found = sorted(sift.detect(grey, None), key=lambda point: -point.response)
        if self.upright:
            found = _upright(found)
        found, raw = sift.compute(grey, found[: self.max_keypoints])
        descriptors = np.zeros((0, 128), np.float32) if raw is None or not len(found) else raw
        points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
        factor = max(width, height) / max(resized.shape[:2])
        return LocalFeatures(
            to_photo(points, (resized.shape[1], resized.shape[0]), (width, height)),
            root_sift(descriptors) if self.root else _unit(descriptors),
            np.array([point.response for point in found], np.float32),
            (width, height),
            np.array([point.size * factor for point in found], np.float32),
            np.array([point.angle % 360 for point in found], np.float32),
        )


def root_sift(descriptors: NDArray[np.floating]) -> Floats:
    """Return the RootSIFT of ``(n, d)`` non-negative rows; zero rows stay zero.

    Example:
        >>> (root_sift(np.array([[1.0, 3.0]])) ** 2).tolist()
        [[0.25, 0.75]]
    """
    values = np.maximum(np.asarray(descriptors, np.float32), 0)
    total = values.sum(axis=1, keepdims=True)
    return np.sqrt(values / np.where(total > 0, total, 1)).astype(np.float32)


def _unit(descriptors: NDArray[np.floating]) -> Floats:
    from placeprint.numerics import normalize

    return normalize(descriptors)


def _upright(points: list[Any]) -> list[Any]:
    """Turn all keypoints upright and drop the copies that differed in angle only."""
    kept: dict[tuple[float, float, float], Any] = {}
    for point in points:
        point.angle = 0.0
        kept.setdefault((point.pt[0], point.pt[1], point.size), point)
    return list(kept.values())
