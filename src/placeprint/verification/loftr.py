"""LoFTR: matches of two pictures without keypoints (Sun et al., CVPR 2021).

The network is kornia's, the weights are the authors' (Apache-2.0), fetched by whoever uses them. Every cell of 8 x 8
pixels of the query that is a mutual nearest neighbor of a cell of the candidate, by the probability of both directions,
is a match; the point in the candidate is then refined inside its cell.

The network takes gray pictures; sides are rounded down to multiples of 8 here. It was trained without rotated pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from placeprint.core.options import Range, Share, checked
from placeprint.features.resizing import InputRule, to_photo
from placeprint.types import Image, PictureMatches

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

        rule = InputRule(self.size, STRIDE)
        pictures = rule.picture(query), rule.picture(candidate)
        points, others, scores = matched(self.weights, *pictures)
        kept = np.argsort(-scores, kind="stable")
        kept = kept[scores[kept] > self.min_certainty]
        sizes = [(each.shape[1], each.shape[0]) for each in (*pictures, query, candidate)]
        return PictureMatches(
            to_photo(points[kept], sizes[0], sizes[2]), to_photo(others[kept], sizes[1], sizes[3]), scores[kept]
        )
