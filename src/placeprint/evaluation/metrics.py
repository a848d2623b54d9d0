"""Recall@k, mean average precision, and their intervals.

A query counts for recall@k if one of its positives is among the first k (the place-recognition convention,
Arandjelovic et al., CVPR 2016). Average precision is the mean, over all positives, of the precision at the
rank of each (a positive that is not in the ranking counts 0). Queries without positives are excluded from both. The
metrics of particular benchmarks are in `revisited`, `class_retrieval`, `precision_recall` and `localization`.

The intervals are percentile bootstrap intervals over queries (Efron 1979): with 101 queries a recall of 0.85
is known to about 0.07, which a table without intervals hides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class Hits:
    """Where the positives of queries stand in their rankings: all that metrics of rankings look at.

    Args:
        ranks: for each query ``(p,)`` int64, rising, the ranks (from 0) of its positives that are ranked.
        counts: ``(q,)`` int64, the positives of each query, ranked or not.
    """

    ranks: Sequence[NDArray[np.int64]]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]) -> Hits:
        """Return the hits of rankings, each best first.

        Raises:
            ShapeError: the two do not have the same length.

        Example:
            >>> hits = Hits.of([["a", "x", "b"], ["c"]], [{"a", "b", "d"}, {"a"}])
            >>> [ranks.tolist() for ranks in hits.ranks], hits.counts.tolist()
            ([[0, 2], []], [3, 1])
        """
        if len(rankings) != len(positives):
            raise ShapeError(f"there are {len(rankings)} rankings and {len(positives)} sets of positives")
        ranks = [
            np.flatnonzero(np.array([photo in wanted for photo in ranking], bool))
            for ranking, wanted in zip(rankings, positives, strict=True)
        ]
        return cls(ranks, np.array([len(wanted) for wanted in positives], np.int64))

    def __len__(self) -> int:
        return len(self.ranks)

    def rows(self, chosen: Sequence[int] | NDArray[np.int64]) -> Hits:
        """Return the hits of some of the queries."""
        return Hits([self.ranks[row] for row in chosen], self.counts[np.asarray(chosen, np.int64)])

    @property
    def first(self) -> Values:
        """``(q,)`` float64 rank (from 0) of the first positive of each query, ``inf`` if none is ranked."""
        return np.array([ranks[0] if len(ranks) else np.inf for ranks in self.ranks], np.float64)

    def each(self) -> Iterator[tuple[NDArray[np.int64], int]]:
        """Yield the ranks and the count of every query.

        Raises:
            ShapeError: a query has no positive.
        """
        if not self.counts.all():
            raise ShapeError("each query needs at least one positive; leave out those without")
        return zip(self.ranks, self.counts.tolist(), strict=True)


@checked
def recall_at(first: Values, k: Count) -> float:
    """Return the share of queries whose first positive is among the first k, NaN without queries.

    Args:
        first: ``(q,)`` ranks of the first positives, see `Hits.first`.
        k: 1 for recall@1.

    Example:
        >>> recall_at(np.array([0.0, 3.0, np.inf]), 1)
        0.3333333333333333
    """
    return float(np.mean(first < k)) if len(first) else float("nan")


@checked
def average_precisions(hits: Hits, at: Count | None = None) -> Values:
    """Return the average precision of each query; every query needs a positive.

    Args:
        hits: the hits of the queries.
        at: the number of ranks that count, and the most positives that are required, as in mAP@100 of Google Landmarks
            v2 (Weyand et al., CVPR 2020, equation 2); None for the whole ranking.

    Raises:
        ShapeError: a query has no positive.
        OptionError: `at` is less than 1.

    Example:
        >>> hits = Hits.of([["a", "x", "b"]], [{"a", "b"}])
        >>> average_precisions(hits).round(3).tolist()
        [0.833]
        >>> average_precisions(hits, at=1).tolist()
        [1.0]
    """
    values = []
    for ranks, count in hits.each():
        near = ranks if at is None else ranks[ranks < at]
        asked = count if at is None else min(count, at)
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
