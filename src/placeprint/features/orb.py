"""ORB: oriented FAST keypoints with 256-bit steered BRIEF descriptors (Rublee et al., ICCV 2011).

Detector and descriptor are OpenCV's: FAST corners of an image pyramid, ranked by the Harris measure and oriented by the
intensity centroid ``angle = atan2(m01, m10)`` of their patch. The b = 256 bits of a descriptor become ``±1 / sqrt(b)``,
so that ``a . b = 1 - 2 h / 256`` for the Hamming distance h.

As in OpenCV, each level contributes in proportion to its width, because the Harris measures of levels are not
comparable. Here all corners are ordered (`level_order`) so that any prefix may be kept, and a mask or cells leave no
gap.

Departure: OpenCV multiplies a corner's pixel on its level by the level's factor f, which is off by ``(f - 1) / 2``
    pixels (pixel centers are at whole numbers, see `to_photo`); here that is corrected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Range, checked
from placeprint.features.keypoint_extractor import KeypointExtractor
from placeprint.features.pyramid import allowed
from placeprint.types import Floats, Image, LocalFeatures, Mask

MANY = 100_000
"""Number of corners requested from OpenCV, large enough that the choice among them is made here."""


@checked
@dataclass(kw_only=True, eq=False)
class ORB(KeypointExtractor):
    """ORB keypoints; see `KeypointExtractor` for the other parameters.

    Scales are diameters of the described patch.

    Args:
        fast_threshold: the gray levels by which the ring around a corner must be brighter or darker; lower values find
            more.
        scale_factor: the ratio between the sizes of neighboring levels, above 1.
        levels: the number of levels.
    """

    fast_threshold: Annotated[int, Range(1, 255)] = 20
    scale_factor: Annotated[float, Range(1, 10, above=True)] = 1.2
    levels: Annotated[int, Range(1, 32)] = 8

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return 256

    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        import cv2

        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        orb = cv2.ORB.create(
            nfeatures=MANY,
            scaleFactor=self.scale_factor,
            nlevels=self.levels,
            fastThreshold=self.fast_threshold,
        )
        found = orb.detect(gray, None)
        size = (image.shape[1], image.shape[0])
        points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
        strengths = np.array([point.response for point in found], np.float32)
        levels = np.array([point.octave for point in found], np.int64)
        inside = np.flatnonzero(allowed(points, mask))
        by_level = level_order(strengths[inside], levels[inside], self.scale_factor)
        places = np.empty(len(inside), np.float32)
        places[by_level] = -np.arange(len(inside))
        order = inside[self._best(points[inside], places, image, None)]
        for rank, index in enumerate(order):
            found[index].class_id = rank  # OpenCV describes level by level; this restores the order
        kept, bits = orb.compute(gray, [found[index] for index in order]) if len(order) else ((), None)
        back = np.argsort([point.class_id for point in kept])
        factors = np.array([self.scale_factor**point.octave for point in kept], np.float32).reshape(-1, 1)
        corners = np.array([point.pt for point in kept], np.float32).reshape(-1, 2) + (factors - 1) / 2
        return LocalFeatures(
            corners.astype(np.float32),
            signed_bits(np.zeros((0, 32), np.uint8) if bits is None else np.asarray(bits, np.uint8)),
            np.array([point.response for point in kept], np.float32),
            size,
            np.array([point.size for point in kept], np.float32),
            np.array([point.angle % 360 for point in kept], np.float32),
        )[back.astype(np.intp)]


def level_order(strengths: Floats, levels: NDArray[np.int64], scale_factor: float) -> NDArray[np.intp]:
    """Return an order of all corners in which every prefix has each level in proportion to its width.

    Args:
        strengths: ``(n,)``, compared only within a level.
        levels: ``(n,)`` level of each corner; level l is ``scale_factor ** l`` times smaller than level 0.
        scale_factor: the ratio between the sizes of neighboring levels, above 1.

    Example:
        >>> level_order(np.array([1.0, 3.0, 2.0, 9.0], np.float32), np.array([0, 0, 0, 1]), 2.0).tolist()
        [1, 2, 3, 0]
    """
    by_level = np.lexsort((-strengths, levels))
    _, starts, counts = np.unique(levels[by_level], return_index=True, return_counts=True)
    rank = np.empty(len(levels))
    rank[by_level] = np.arange(1, len(levels) + 1) - np.repeat(starts, counts)
    return np.lexsort((levels, rank * scale_factor ** levels.astype(np.float64)))


def signed_bits(packed: NDArray[np.uint8]) -> Floats:
    """Return ``(n, b)`` float32 rows of ``±1 / sqrt(b)`` for the b bits of ``(n, b / 8)`` bytes, high bits first.

    Example:
        >>> signed_bits(np.array([[0b10100000, 0]], np.uint8))[0, :4].tolist()
        [0.25, -0.25, 0.25, -0.25]
    """
    bits = np.unpackbits(packed, axis=1).astype(np.float32)
    return np.asarray((2 * bits - 1) / np.sqrt(np.float32(max(bits.shape[1], 1))), np.float32)
