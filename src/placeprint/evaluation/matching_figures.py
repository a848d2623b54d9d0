"""The figures of one method on pairs of pictures: protocol ``matching-1`` (see `pair_benchmark`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.datasets.photos.image_pairs import ImagePair, residuals
from placeprint.errors import DatasetError
from placeprint.evaluation.matching_metrics import (
    RIGHT,
    THRESHOLDS,
    best_matches_right,
    corner_error,
    error_auc,
    matching_accuracy,
    matching_score,
    repeatability,
)
from placeprint.types import Floats, Matches

CORNER_THRESHOLDS = (3, 5, 10)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a method on one pair.

    Args:
        pair: the pair with its ground truth.
        keypoints: ``(n, 2)`` and ``(m, 2)`` keypoints of the query and of the database picture, in pixels.
        sizes: ``(width, height)`` of the two pictures.
        matches: the matches of keypoint rows.
        points: ``(k, 2, 2)``, the matched points in the two pictures.
        homography: the estimated ``(3, 3)`` homography, or None if none was found or requested.
        seconds: the matching time.
    """

    pair: ImagePair
    keypoints: tuple[Floats, Floats]
    sizes: tuple[tuple[int, int], tuple[int, int]]
    matches: Matches
    points: Floats
    homography: NDArray[np.float64] | None
    seconds: float


@dataclass(frozen=True)
class MatchingFigures:
    """The means over pairs of one method's metrics; shares are in [0, 1], None where no pair has the metric.

    Args:
        pairs: the number of pairs.
        keypoints: the mean number per picture.
        matches: the mean number per pair.
        accuracy: the share of matches within each of `THRESHOLDS` pixels.
        right_matches: the mean number of matches within 3 pixels.
        repeatability: the share of keypoints found again.
        matching_score: the share of keypoints that are matched right.
        corner_auc: the area under the curve of corner errors up to each of `CORNER_THRESHOLDS` pixels.
        homographies_right: the share of corner errors of at most 3 pixels.
        corner_errors: pixels by name of the pair, None without a homography.
        best_100_right: the share of right ones among the best 100 matches of pairs with hand-made correspondences.
        best_100_not_judged: the share of them that no correspondence is near to.
        ms_per_pair: the median matching time, in milliseconds.
    """

    pairs: int
    keypoints: float
    matches: float
    accuracy: tuple[float | None, ...]
    right_matches: float | None
    repeatability: float | None
    matching_score: float | None
    corner_auc: tuple[float | None, ...]
    homographies_right: float | None
    corner_errors: Mapping[str, float | None]
    best_100_right: float | None
    best_100_not_judged: float | None
    ms_per_pair: float

    def as_row(self) -> dict[str, Any]:
        """Return the figures as JSON values, by the names of the result file."""
        return {
            "pairs": self.pairs,
            "keypoints": self.keypoints,
            "matches": self.matches,
            **{f"mma@{pixels:g}": share for pixels, share in zip(THRESHOLDS, self.accuracy, strict=True)},
            "right_matches": self.right_matches,
            "repeatability": self.repeatability,
            "matching_score": self.matching_score,
            **{f"auc@{pixels}": area for pixels, area in zip(CORNER_THRESHOLDS, self.corner_auc, strict=True)},
            "homographies_right": self.homographies_right,
            "corner_errors": dict(self.corner_errors),
            "best_100_right": self.best_100_right,
            "best_100_not_judged": self.best_100_not_judged,
            "ms_per_pair": self.ms_per_pair,
        }


def summarize(outcomes: Sequence[Outcome]) -> MatchingFigures:
    """Return the figures of one method's outcomes.

    Raises:
        DatasetError: there are no outcomes.
    """
    if not outcomes:
        raise DatasetError("there is nothing to summarize")
    exact = [outcome for outcome in outcomes if outcome.pair.correspondences is None]
    flat = [outcome for outcome in outcomes if outcome.pair.homography is not None]
    judged = [
        best_matches_right(outcome.matches, outcome.points, outcome.pair)
        for outcome in outcomes
        if outcome.pair.correspondences is not None
    ]
    errors = [residuals(outcome.pair, outcome.points) for outcome in exact]
    shares = [matching_accuracy(each) for each in errors]
    corners = [_corner_error(outcome) for outcome in flat]
    areas = error_auc(corners, CORNER_THRESHOLDS)
    return MatchingFigures(
        pairs=len(outcomes),
        keypoints=mean(len(points) for outcome in outcomes for points in outcome.keypoints),
        matches=mean(len(outcome.matches) for outcome in outcomes),
        accuracy=tuple(_mean([share[i] for share in shares]) for i in range(len(THRESHOLDS))),
        right_matches=_mean([float((each <= RIGHT).sum()) for each in errors]),
        repeatability=_mean([_repeatability(outcome) for outcome in flat]),
        matching_score=_mean([_matching_score(outcome) for outcome in flat]),
        corner_auc=tuple(_mean([area] if corners else []) for area in areas),
        homographies_right=_mean([float(corner <= RIGHT) for corner in corners]),
        corner_errors={
            outcome.pair.name: round(corner, 2) if np.isfinite(corner) else None
            for outcome, corner in zip(flat, corners, strict=True)
        },
        best_100_right=_mean([right for right, _ in judged]),
        best_100_not_judged=_mean([unjudged for _, unjudged in judged]),
        ms_per_pair=round(1000 * median(outcome.seconds for outcome in outcomes), 2),
    )


def _corner_error(outcome: Outcome) -> float:
    assert outcome.pair.homography is not None
    return corner_error(outcome.homography, outcome.pair.homography, outcome.sizes[0])


def _repeatability(outcome: Outcome) -> float:
    return repeatability(*outcome.keypoints, outcome.pair, outcome.sizes)


def _matching_score(outcome: Outcome) -> float:
    right = int((residuals(outcome.pair, outcome.points) <= RIGHT).sum())
    return matching_score(right, *outcome.keypoints, outcome.pair, outcome.sizes)


def _mean(values: Sequence[float]) -> float | None:
    """Return the mean of the values that are numbers, or None if there are none."""
    numbers = [float(value) for value in values if not np.isnan(value)]
    return mean(numbers) if numbers else None
