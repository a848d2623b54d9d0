"""The answer for two photos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.renamed import renamed_attribute
from placeprint.types import NO_KEYPOINTS, LocalFeatures, Verification
from placeprint.verification.transforms import Cameras


@dataclass(frozen=True, eq=False)
class PairAnswer:
    """The answer for two photos.

    Args:
        query: the features of the first photo, in its pixels.
        database: the features of the second photo, in its pixels.
        verification: matches, inliers, transform and significance (``strength``).
        verdict: ``"same place"``, ``"possible"`` or ``"not confirmed"``.
        rotation: degrees counter-clockwise by which the first photo was rotated.
        cameras: the intrinsics of both photos in pixels, if an essential matrix was requested.
        pose: the rotation ``(3, 3)`` and the direction ``(3,)`` of the translation from the first to the second
            camera's coordinates, if an essential matrix was found.
        errors: ``(m,)`` float64 residuals of the matches (`transforms.residuals`), in pixels of a photo whose longest
            side is 640; infinite if there is no transform.
        tolerance: the largest residual of an inlier, in the same pixels.
        seconds: the time of each part: ``describe``, ``match``.
        features: the features of these matches: an extractor, or an opinion of `opinions.OPINIONS`.
        confidence: the probability that both show the same place, if half of such pairs do (`evidence.two_photos`);
            None for extractors, matchers and models that it was not learned for.
        asked: all features that were tried, in order.
        precision: the guaranteed share of right pairs among those called "same place"; None if none was requested.
    """

    query: LocalFeatures
    database: LocalFeatures
    verification: Verification
    verdict: str
    rotation: float
    cameras: Cameras | None
    pose: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    errors: NDArray[np.float64]
    tolerance: float
    seconds: dict[str, float]
    features: str = ""
    confidence: float | None = None
    asked: tuple[str, ...] = ()
    precision: float | None = None

    turn = renamed_attribute("turn", "rotation")

    @property
    def note(self) -> str | None:
        """Why there is no result, or None if both photos have keypoints."""
        blank = [name for name, found in (("first", self.query), ("second", self.database)) if not len(found)]
        return f"{' and '.join(blank)} photo: {NO_KEYPOINTS}" if blank else None
