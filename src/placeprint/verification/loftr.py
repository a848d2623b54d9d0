"""LoFTR: matches of two pictures without keypoints (Sun et al., CVPR 2021).

The network is kornia's, the weights are the authors' (Apache-2.0); users fetch them. Every cell of 8 x 8 pixels of the
query that is a mutual nearest neighbor of a cell of the candidate, by the probability of both directions, is a match;
the point in the candidate is then refined inside its cell.

The network takes gray pictures; sides are rounded down to multiples of 8 here. It was trained without rotated pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from placeprint.core.options import Range, Share, checked
from placeprint.photos import resize
from placeprint.types import Floats, Image, PictureMatches

STRIDE = 8


@checked
@dataclass(kw_only=True, eq=False)
class LoFTR:
    """Match two pictures by LoFTR.

    Args:
        weights: ``"outdoor"`` (trained on MegaDepth), ``"indoor"`` (ScanNet), or the path of a file of weights.
        size: the longest side in pixels of the pictures that the network sees; time grows with its square and more.
        min_certainty: the certainty that a match must exceed.
    """

    weights: str = "outdoor"
    size: Annotated[int, Range(64, 4096)] = 640
    min_certainty: Share = 0.2

    def match_pictures(self, query: Image, candidate: Image) -> PictureMatches:
        """Return the matches, most certain first.

        Raises:
            WeightsError: the weights are not here, or do not fit.
        """
        from placeprint.networks.loftr import matched

        pictures = resized(query, self.size), resized(candidate, self.size)
        points, others, scores = matched(self.weights, *pictures)
        kept = np.argsort(-scores, kind="stable")
        kept = kept[scores[kept] > self.min_certainty]
        return PictureMatches(
            in_photo(points[kept], pictures[0], query), in_photo(others[kept], pictures[1], candidate), scores[kept]
        )


def resized(image: Image, longest: int) -> Image:
    """Return a picture whose longest side has about ``longest`` pixels; both sides are multiples of 8."""
    factor = longest / max(image.shape[:2])
    width, height = (max(1, int(side * factor + 1e-6) // STRIDE) * STRIDE for side in image.shape[1::-1])
    return resize(image, (width, height))


def in_photo(points: Floats, picture: Image, photo: Image) -> Floats:
    """Return ``(m, 2)`` points of a resized picture in pixels of the photo; centers of pixels are at whole numbers."""
    factor = np.array(photo.shape[1::-1]) / np.array(picture.shape[1::-1])
    return np.asarray((points + 0.5) * factor - 0.5, np.float32)
