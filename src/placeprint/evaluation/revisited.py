"""Metrics of revisited Oxford and Paris (Radenovic et al., CVPR 2018).

- *mAP*, the area under precision against recall by trapezoids, as with the first Oxford benchmark (Philbin et al.,
  CVPR 2007): the j-th positive (from 0) at rank r (from 0, with junk removed) adds

      ((j / r if r > 0 else 1) + (j + 1) / (r + 1)) / 2 / number of positives

- *mP@k*, the share of positives among the first k; if the last positive is before rank k, among the photos up to it.

Both follow the paper's definition, which ranks the whole database. Rankings may be shorter here: an unranked positive
adds nothing to the AP and comes after every rank of mP@k.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Count, checked
from placeprint.evaluation.metrics import Hits

Values = NDArray[np.float64]


def trapezoidal_average_precisions(hits: Hits) -> Values:
    """Return the average precision of each query by trapezoids; every query needs a positive.

    Raises:
        ShapeError: a query has no positive.

    Example:
        >>> trapezoidal_average_precisions(Hits.of([["a", "x", "b"]], [{"a", "b"}])).round(4).tolist()
        [0.7917]
    """
    values = []
    for ranks, count in hits.each():
        found = np.arange(len(ranks))
        before = np.where(ranks > 0, found / np.maximum(ranks, 1), 1.0)
        values.append(float(np.sum(before + (found + 1) / (ranks + 1))) / 2 / count)
    return np.array(values, np.float64)


@checked
def revisited_precisions(hits: Hits, k: Count) -> Values:
    """Return the precision at k of each query; every query needs a positive.

    Raises:
        ShapeError: a query has no positive.
        OptionError: k is less than 1.

    Example:
        >>> revisited_precisions(Hits.of([["a", "x", "b", "y"]], [{"a", "b"}]), 10).round(4).tolist()
        [0.6667]
    """
    values = []
    for ranks, count in hits.each():
        reach = min(int(ranks[-1]) + 1, k) if len(ranks) == count else k
        values.append(float(np.sum(ranks < reach)) / reach)
    return np.array(values, np.float64)
