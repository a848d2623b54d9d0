"""Matches by LightGlue (Lindenberger et al., ICCV 2023), and LighterGlue, a smaller one by the authors of XFeat.

A network sees all keypoints of both photos, and matches by what is around them too; nearest neighbors compare one
keypoint with one. It finds more right matches under large changes and costs some hundred times as much, so it is for
the few best candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from placeprint.core.options import Range, Share, checked
from placeprint.types import LocalFeatures, Matches

Confidence = Annotated[float, Range(-1, 1)]
"""A share, or -1 for never."""


@checked
@dataclass(kw_only=True, eq=False)
class LightGlue:
    """Match by a network.

    Args:
        features: the kind it was trained for: ``"xfeat"`` or ``"aliked"`` (the models with 128-D descriptors).
        min_confidence: matches must be above, in [0, 1).
        depth_confidence: share of keypoints the network must be confident of to stop before its last layer, -1 never
            to stop; None as its authors use it.
        width_confidence: how sure the network must be that a keypoint has no match to drop it on the way, -1 to drop
            none; None as its authors use it.

    Raises:
        OptionError: LightGlue was not trained for such features.
    """

    features: str = "xfeat"
    min_confidence: Share = 0.1
    depth_confidence: Confidence | None = None
    width_confidence: Confidence | None = None

    def __post_init__(self) -> None:
        from placeprint.networks.lightglue import check_features

        check_features(self.features)

    @property
    def weights(self) -> str:
        """Name of the weights used."""
        from placeprint.networks.lightglue import WEIGHTS_OF

        return WEIGHTS_OF[self.features]

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate, in their order, with the network's confidence as scores.

        Without features on a side there are no matches.

        Raises:
            ShapeError: descriptors have another length than the network takes.
            WeightsError: the weights are not installed.
        """
        return [self._match(query, candidate) for candidate in candidates]

    def _match(self, query: LocalFeatures, candidate: LocalFeatures) -> Matches:
        from placeprint.networks.lightglue import match

        matches = match(self.features, query, candidate, self.depth_confidence, self.width_confidence)
        return matches[matches.scores > self.min_confidence]
