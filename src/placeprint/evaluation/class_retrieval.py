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

import numpy as np
from numpy.typing import NDArray

from placeprint.evaluation.metrics import Hits, summed_precisions

Values = NDArray[np.float64]

GROUP = 4
"""Number of photos per object in UKBench."""


def average_precisions_at_r(hits: Hits) -> Values:
    """Return the average precision at R of each query; every query needs a positive.

    Raises:
        ShapeError: a query has no positive.

    Example:
        >>> average_precisions_at_r(Hits.of([["a", "x", "b", "c"]], [{"a", "b", "c"}])).round(4).tolist()
        [0.5556]
    """
    values = [summed_precisions(ranks[ranks < count]) / count for ranks, count in hits.each()]
    return np.array(values, np.float64)


def r_precisions(hits: Hits) -> Values:
    """Return the R-precision of each query; every query needs a positive, errors as `average_precisions_at_r`.

    Example:
        >>> r_precisions(Hits.of([["a", "x", "b", "c"]], [{"a", "b", "c"}])).round(4).tolist()
        [0.6667]
    """
    return np.array([np.sum(ranks < count) / count for ranks, count in hits.each()], np.float64)


def ns_scores(hits: Hits) -> Values:
    """Return how many of each query's first four are positives; every query needs one, possibly itself.

    Raises:
        ShapeError: a query has no positive.

    Example:
        >>> ns_scores(Hits.of([["q", "x", "a", "b", "c"]], [{"q", "a", "b", "c"}])).tolist()
        [3.0]
    """
    return np.array([np.sum(ranks < GROUP) for ranks, _ in hits.each()], np.float64)
