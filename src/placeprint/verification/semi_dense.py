"""Match the cells of semi-dense XFeat and refine the points (XFeat*, Potje et al., CVPR 2024, section 3.3).

Cells are matched as mutual nearest neighbors. For two matched cells, a small network predicts where in the query's cell
the center of the candidate's cell appears; uncertain matches are dropped (below the paper's 0.25).

Offsets are in pixels of the network's input, where a cell has 8; `LocalFeatures.scales` is the side of a cell in
pixels of the photo, so a point moves by ``offset * scale / 8``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from placeprint.core.options import (
    Cosine,
    Share,
    checked,
)
from placeprint.errors import ShapeError
from placeprint.types import LocalFeatures, Matches
from placeprint.verification.matching import match_candidates

DIM = 64
"""The length of XFeat's descriptors."""


@checked
@dataclass(kw_only=True, eq=False)
class SemiDense:
    """Match the cells of an extractor `XFeat` with ``semi_dense=True``.

    Args:
        min_confidence: the confidence that matches must exceed, in [0, 1).
        min_similarity: the smallest cosine of matched cells.
    """

    min_confidence: Share = 0.25
    min_similarity: Cosine = -1.0

    @property
    def weights(self) -> str:
        """The name of the weights."""
        return "xfeat"

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate, in order, with the network's confidence as scores.

        Their `refined` points are the refined points of the query and the centers of the candidate's cells. A photo
        without features has no matches.

        Raises:
            ShapeError: there are no scales, or the descriptors are not XFeat's.
            WeightsError: the weights are not installed.
        """
        for features in (query, *candidates):
            if len(features) and (features.scales is None or features.descriptors.shape[1] != DIM):
                raise ShapeError(
                    f"semi-dense features have descriptors of shape (any, {DIM}) and scales, got "
                    f"{features.descriptors.shape} {'without' if features.scales is None else 'and'} scales; "
                    "extract them with XFeat(semi_dense=True)"
                )
        found, _ = match_candidates(query.descriptors, [each.descriptors for each in candidates], self.min_similarity)
        return [self._refined(query, candidate, each) for candidate, each in zip(candidates, found, strict=True)]

    def _refined(self, query: LocalFeatures, candidate: LocalFeatures, matches: Matches) -> Matches:
        from placeprint.networks.xfeat import CELL, refine

        first, second = matches.pairs.T
        offsets, confidence = refine(query.descriptors[first], candidate.descriptors[second])
        points = matches.points(query, candidate)
        if query.scales is not None:
            points[:, 0] += offsets * (query.scales[first] / CELL)[:, None]
        return Matches(matches.pairs, confidence, points)[confidence > self.min_confidence]
