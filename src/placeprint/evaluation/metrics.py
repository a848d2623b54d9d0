"""Recall@k, mean average precision, and their intervals.

A query counts for recall@k if one of its positives is among the first k (the place-recognition convention,
Arandjelovic et al., CVPR 2016). Average precision is the mean, over all positives, of the precision at the
rank of each (a positive that is not in the ranking counts 0). Queries without positives are excluded from both. The
metrics of particular benchmarks are in `revisited`, `class_retrieval`, `precision_recall` and `localization`.

The intervals are percentile bootstrap intervals over queries (Efron 1979): with 101 queries a recall of 0.85
is known to about 0.07, which a table without intervals hides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Count, Range, Seed, checked
from placeprint.errors import ShapeError

Values = NDArray[np.float64]
Samples = Annotated[int, Range(1, 1_000_000)]
"""Number of resampled sets of queries."""
Level = Annotated[float, Range(0, 1, above=True, below=True)]
"""Level of a confidence interval."""


def first_hits(rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]) -> Values:
    """Return the rank (from 0) of the first positive of each query, ``inf`` if none is ranked.

    Raises:
        ShapeError: the two do not have the same length.

    Example:
        >>> first_hits([["a", "b"], ["c"]], [{"b"}, {"a"}]).tolist()
        [1.0, inf]
    """
    _check(rankings, positives)
    return np.array(
        [
            next((rank for rank, photo in enumerate(ranking) if photo in wanted), np.inf)
            for ranking, wanted in zip(rankings, positives, strict=True)
        ],
        np.float64,
    )


@checked
def recall_at(hits: Values, k: Count) -> float:
    """Return the share of queries whose first positive is among the first k, NaN without queries.

    Example:
        >>> recall_at(np.array([0.0, 3.0, np.inf]), 1)
        0.3333333333333333
    """
    return float(np.mean(hits < k)) if len(hits) else float("nan")


def positive_ranks(
    rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]
) -> list[NDArray[np.int64]]:
    """Return the increasing ranks (from 0) of each query's ranked positives; every query needs a positive.

    Raises:
        ShapeError: the two do not have the same length, or a query has no positive.

    Example:
        >>> [ranks.tolist() for ranks in positive_ranks([["a", "x", "b"]], [{"a", "b", "c"}])]
        [[0, 2]]
    """
    _check(rankings, positives)
    if any(not wanted for wanted in positives):
        raise ShapeError("each query needs at least one positive; exclude those without")
    return [
        np.flatnonzero(np.array([photo in wanted for photo in ranking], bool))
        for ranking, wanted in zip(rankings, positives, strict=True)
    ]


@checked
def average_precisions(
    rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]], at: Count | None = None
) -> Values:
    """Return the average precision of each query; every query needs a positive.

    Args:
        rankings: the ranking of each query, best first.
        positives: the positives of each query.
        at: the number of ranks that count, and the most positives that are required, as in mAP@100 of Google Landmarks
            v2 (Weyand et al., CVPR 2020, equation 2); None for the whole ranking.

    Raises:
        ShapeError: the two do not have the same length, or a query has no positive.
        OptionError: `at` is less than 1.

    Example:
        >>> average_precisions([["a", "x", "b"]], [{"a", "b"}]).round(3).tolist()
        [0.833]
        >>> average_precisions([["a", "x", "b"]], [{"a", "b"}], at=1).tolist()
        [1.0]
    """
    values = []
    for ranks, wanted in zip(positive_ranks(rankings, positives), positives, strict=True):
        near = ranks if at is None else ranks[ranks < at]
        asked = len(wanted) if at is None else min(len(wanted), at)
        values.append(summed_precisions(near) / asked)
    return np.array(values, np.float64)


def summed_precisions(ranks: NDArray[np.int64]) -> float:
    """Return the sum of the precisions at the increasing ranks (from 0) of positives.

    Example:
        >>> summed_precisions(np.array([0, 3]))
        1.5
    """
    return float(np.sum(np.arange(1, len(ranks) + 1) / (ranks + 1)))


@checked
def bootstrap_interval(
    per_query: Values,
    statistic: Callable[[Values], float],
    *,
    samples: Samples = 2000,
    level: Level = 0.95,
    seed: Seed = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic of per-query values.

    Args:
        per_query: ``(n,)`` values, resampled with replacement.
        statistic: a function from ``(n,)`` values to a number.
        samples: the number of resamples.
        level: the confidence level.
        seed: the seed of the resampling.

    Example:
        >>> low, high = bootstrap_interval(np.array([0.0, 1.0] * 50), lambda v: float(v.mean()))
        >>> 0.35 < low < 0.5 < high < 0.65
        True
    """
    if not len(per_query):
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    drawn = [statistic(per_query[generator.integers(0, len(per_query), len(per_query))]) for _ in range(samples)]
    ends = [(1 - level) / 2, (1 + level) / 2]
    if np.isfinite(drawn).all():
        low, high = np.quantile(drawn, ends)
    else:  # there is no interpolation between a number and infinity
        low, high = np.quantile(drawn, ends, method="nearest")
    return float(low), float(high)


def _check(rankings: Sequence[object], positives: Sequence[object]) -> None:
    if len(rankings) != len(positives):
        raise ShapeError(f"there are {len(rankings)} rankings and {len(positives)} sets of positives")
