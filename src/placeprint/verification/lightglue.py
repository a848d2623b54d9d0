"""Match by LightGlue (Lindenberger et al., ICCV 2023) or LighterGlue, a smaller one by the authors of XFeat.

The network sees all keypoints of both photos and matches them in context; nearest neighbors compare keypoints one by
one. It finds more right matches under large changes and takes about a hundred times as long, so use it for the few best
candidates.
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
        features: the features it was trained for: ``"xfeat"`` or ``"aliked"`` (the models with 128-D descriptors).
        min_confidence: the confidence that matches must exceed, in [0, 1).
        depth_confidence: the share of confident keypoints at which to stop before the last layer; -1 never stops early;
            None is the authors' value.
        width_confidence: the confidence that a keypoint has no match at which to drop it; -1 drops none; None is the
            authors' value.

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
        """The name of the weights."""
        from placeprint.networks.lightglue import WEIGHTS_OF

        return WEIGHTS_OF[self.features]

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate, in order, with the network's confidence as scores.

        A photo without features has no matches.

        Raises:
            ShapeError: the descriptors do not have the network's length.
            WeightsError: the weights are not installed.
        """
        return [self._match(query, candidate) for candidate in candidates]

    def _match(self, query: LocalFeatures, candidate: LocalFeatures) -> Matches:
        from placeprint.networks.lightglue import match

        matches = match(self.features, query, candidate, self.depth_confidence, self.width_confidence)
        return matches[matches.scores > self.min_confidence]
