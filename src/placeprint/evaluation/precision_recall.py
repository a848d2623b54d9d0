"""Precision against recall over queries: how far the score of an answer can be trusted.

Each query gives one answer, its best candidate, with a score and whether it is right. If only answers with a score of
at least t are accepted, precision is the share of right ones among the accepted, and recall is the share of answerable
queries that are accepted and right. Queries whose place is not in the database have an answer too, which is never
right: they lower precision and are not answerable.

- *Area*: the sum over thresholds of precision times the recall gained there (average precision). Trapezoids between the
  points are not used, because precision is not linear between them, so they are too optimistic (Davis and Goadrich,
  ICML 2006).
- *Recall at full precision*: the highest recall with no wrong answer accepted, which matters for a robot that must
  never close a false loop (Cummins and Newman, FAB-MAP, IJRR 2008).
- *Micro-AP* or GAP (Perronnin et al., CVPR 2009; Weyand et al., GLDv2, CVPR 2020, section 4): the same area, over one
  prediction per query, whose recall counts all queries that show a landmark. Departure: there, predictions of equal
  score keep the order of the file; here they are accepted together, so that the order of queries does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import ShapeError

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall by decreasing threshold.

    Args:
        precision: ``(t,)`` float64 in [0, 1].
        recall: ``(t,)`` float64 in [0, 1], non-decreasing.
        thresholds: ``(t,)`` float64, decreasing; each accepts the answers with at least this score.
    """

    precision: Values
    recall: Values
    thresholds: Values

    @property
    def area(self) -> float:
        """Average precision, in [0, 1]; 0 without answers."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    @property
    def recall_at_full_precision(self) -> float:
        """The highest recall at which no wrong answer is accepted, 0 if the best score is wrong."""
        full = self.recall[self.precision == 1.0]
        return float(full.max()) if len(full) else 0.0


def precision_recall(
    scores: Sequence[float] | Values, right: Sequence[bool] | NDArray[np.bool_], num_positives: int
) -> PrecisionRecall:
    """Return the curve of one answer per query.

    Args:
        scores: ``(n,)`` scores of the answers, higher is more confident; queries without an answer are omitted.
        right: ``(n,)`` bool, whether each is right.
        num_positives: the number of answerable queries, including omitted ones.

    Raises:
        ShapeError: the two differ in length, a score is not finite, or more answers are right than queries are
            answerable.

    Example:
        >>> curve = precision_recall([0.9, 0.8, 0.7], [True, False, True], 4)
        >>> curve.recall.tolist(), curve.precision.round(2).tolist(), curve.recall_at_full_precision
        ([0.25, 0.25, 0.5], [1.0, 0.5, 0.67], 0.25)
    """
    scores, right = np.asarray(scores, np.float64), np.asarray(right, bool)
    if scores.ndim != 1 or scores.shape != right.shape or not np.isfinite(scores).all():
        raise ShapeError(f"scores and right must be (n,), the scores finite, got {scores.shape} and {right.shape}")
    if num_positives < right.sum():
        raise ShapeError(f"{int(right.sum())} answers are right, but only {num_positives} queries could be answered")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.diff(ordered, append=-np.inf))  # equal scores are accepted together
    accepted = np.cumsum(right[order])[last]
    recall = accepted / num_positives if num_positives else np.zeros(len(last))
    return PrecisionRecall(accepted / (last + 1), recall, ordered[last])
