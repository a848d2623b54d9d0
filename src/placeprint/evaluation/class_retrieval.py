"""Metrics of retrieval by class, as in metric learning and UKBench.

With R positives of a query (the photos of its class, except itself) and P(i) the precision of the first i:

- *R-precision*: the share of positives among the first R.
- *MAP@R* (Musgrave et al., "A metric learning reality check", ECCV 2020, equations 3 and 4): the mean over i up to R of
  P(i) where the i-th is a positive, else 0. It rewards finding whole classes, where recall@1 is soon perfect.
- *N-S score* (Nister and Stewenius, CVPR 2006): how many of the first four show the query's object; there are four
  photos of each, including the query itself, so 4 is best.

Recall@k is that of `metrics`: a query counts if one of its class is among the first k.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.evaluation.metrics import positive_ranks, summed_precisions

Values = NDArray[np.float64]

GROUP = 4
"""Number of photos per object in UKBench."""


def average_precisions_at_r(
    rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]
) -> Values:
    """Return the average precision at R of each query; every query needs a positive.

    Raises:
        ShapeError: the two differ in length, or a query has no positive.

    Example:
        >>> average_precisions_at_r([["a", "x", "b", "c"]], [{"a", "b", "c"}]).round(4).tolist()
        [0.5556]
    """
    values = []
    for ranks, wanted in zip(positive_ranks(rankings, positives), positives, strict=True):
        near = ranks[ranks < len(wanted)]
        values.append(summed_precisions(near) / len(wanted))
    return np.array(values, np.float64)


def r_precisions(rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]) -> Values:
    """Return the R-precision of each query; every query needs a positive, errors as `average_precisions_at_r`.

    Example:
        >>> r_precisions([["a", "x", "b", "c"]], [{"a", "b", "c"}]).round(4).tolist()
        [0.6667]
    """
    return np.array(
        [
            np.sum(ranks < len(wanted)) / len(wanted)
            for ranks, wanted in zip(positive_ranks(rankings, positives), positives, strict=True)
        ],
        np.float64,
    )


def ns_scores(rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]) -> Values:
    """Return how many of each query's first four are positives; every query needs one, possibly itself.

    Raises:
        ShapeError: the two differ in length, or a query has no positive.

    Example:
        >>> ns_scores([["q", "x", "a", "b", "c"]], [{"q", "a", "b", "c"}]).tolist()
        [3.0]
    """
    return np.array([np.sum(ranks < GROUP) for ranks in positive_ranks(rankings, positives)], np.float64)
