"""Matches of semi-dense XFeat, moved to where the points are (XFeat*, Potje et al., CVPR 2024, section 3.3).

Cells are matched as mutual nearest neighbors. Of two matched cells a small network says where in the query's cell the
point is that the center of the candidate's cell shows; matches it is not sure of are dropped (the paper's 0.25).

Offsets are pixels of what the network saw, in which a cell has 8; `LocalFeatures.scales` is the side of a cell in
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
"""Length of XFeat's descriptors."""


@checked
@dataclass(kw_only=True, eq=False)
class SemiDense:
    """Match the cells of an extractor `XFeat` with ``semi_dense=True``.

    Args:
        min_confidence: matches must be above, in [0, 1).
        min_similarity: cosine that matched cells must have.
    """

    min_confidence: Share = 0.25
    min_similarity: Cosine = -1.0

    @property
    def weights(self) -> str:
        """Name of the weights used."""
        return "xfeat"

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate, in their order, with the network's confidence as scores.

        Their `refined` points are those of the query, moved, and the centers of the candidate's cells. Without
        features on a side there are no matches.

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
