"""The metrics of protocols by name.

For rankings, as means over the queries with an expected answer, 0 for those without a positive:

| name | what it is |
|---|---|
| `recall@K` | a positive is among the first K |
| `mAP`, `mAP@K` | average precision, of the whole ranking or of its first K |
| `mAP trapezoidal`, `mP@K` | as for revisited Oxford and Paris and Holidays |
| `MAP@R`, `R-precision` | for the first R, a query's number of positives |
| `N-S score` | positives among the first four, from 0 to 4 |

For the best candidates of all queries together: `auc_pr`, `recall_at_100_precision` and `micro-AP`, see
`precision_recall`; and, if positions are known, `median_error_m`, `within_5_m` and `within_25_m`, see
`localization`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError
from placeprint.evaluation.class_retrieval import average_precisions_at_r, ns_scores, r_precisions
from placeprint.evaluation.metrics import Hits, average_precisions, bootstrap_interval
from placeprint.evaluation.precision_recall import precision_recall
from placeprint.evaluation.revisited import revisited_precisions, trapezoidal_average_precisions

Values = NDArray[np.float64]

RANKING: dict[str, Callable[[Hits], Values]] = {
    "mAP": average_precisions,
    "mAP trapezoidal": trapezoidal_average_precisions,
    "MAP@R": average_precisions_at_r,
    "R-precision": r_precisions,
    "N-S score": ns_scores,
}
AT_K: dict[str, Callable[[Hits, int], Values]] = {
    "recall": lambda hits, k: (hits.first < k).astype(np.float64),
    "mAP": average_precisions,
    "mP": revisited_precisions,
}
BEST = ("auc_pr", "recall_at_100_precision", "micro-AP")
PERCENT = (100.0, "%", 1)
METERS = (1.0, "m", 1)
SCALES = {
    "median_error_m": METERS,
    "median_error_all_m": METERS,
    "median_error_near_m": METERS,
    "median_radius_m": METERS,
    "N-S score": (1.0, "", 2),
}
"""How values are printed: factor, unit and decimals; the others are shares, in percent."""
LOCATED = ("median_error_m", "within_5_m", "within_25_m")
WITH_RADIUS = ("radius_coverage", "median_radius_m", "answered", "median_error_all_m", "median_error_near_m")
"""Metrics of positions with a radius, see `leave_one_out`."""


class Measured(NamedTuple):
    """A metric.

    Args:
        value: the value over all queries; NaN if there is nothing to measure.
        low: the lower end of its 95 % bootstrap interval.
        high: other end.
        per_query: ``(n,)`` values whose mean it is, or None where it is not a mean.
    """

    value: float
    low: float
    high: float
    per_query: Values | None = None


def in_words(name: str, value: float | None, *, unit: bool = False) -> str:
    """Return the value of a metric, or a difference, as text: meters, a score from 0 to 4, or a share in percent.

    Example:
        >>> in_words("recall@1", 0.5), in_words("median_error_m", 3.21, unit=True), in_words("N-S score", 3.5)
        ('50.0', '3.2 m', '3.50')
    """
    if value is None:
        return "none"
    factor, sign, digits = SCALES.get(name, PERCENT)
    return f"{factor * value:.{digits}f}" + (f" {sign}" if unit and sign else "")


def scaled(name: str, value: float) -> float:
    """Return the value of a metric in its `unit_of`."""
    return SCALES.get(name, PERCENT)[0] * value


def unit_of(name: str) -> str:
    """Return the unit of a metric, ``"%"`` for a share; empty for a score."""
    return SCALES.get(name, PERCENT)[1]


def ranking_metric(name: str) -> Callable[[Hits], Values]:
    """Return the function that computes a ranking metric per query.

    Raises:
        OptionError: the metric is unknown.

    Example:
        >>> ranking_metric("recall@1")(Hits.of([["a", "b"], ["c"]], [{"b"}, {"c"}])).tolist()
        [0.0, 1.0]
    """
    if name in RANKING:
        return RANKING[name]
    found = re.fullmatch(r"(\w+)@([1-9]\d*)", name)
    if found and found[1] in AT_K:
        at, k = AT_K[found[1]], int(found[2])
        return lambda hits: at(hits, k)
    if name in WITH_RADIUS:
        raise OptionError(f"{name!r} is measured with the protocol gps-leave-one-out, by: placeprint evaluate")
    raise OptionError(
        f"no metric called {name!r}; known: {', '.join((*RANKING, *(f'{each}@K' for each in AT_K), *BEST, *LOCATED))}"
    )


def measure_rankings(name: str, hits: Hits) -> Measured:
    """Measure rankings of queries with an expected answer; a query without a positive has 0.

    Raises:
        OptionError: the metric is unknown.
    """
    some = np.flatnonzero(hits.counts)
    values = np.zeros(len(hits))
    values[some] = ranking_metric(name)(hits.rows(some))
    return _mean(values)


def measure_best(name: str, confidences: Values, right: NDArray[np.bool_], answerable: NDArray[np.bool_]) -> Measured:
    """Measure the best candidates of all queries by `precision_recall`.

    Args:
        name: a name in `BEST`.
        confidences: ``(n,)`` confidences of the best candidates, NaN for queries without an answer.
        right: ``(n,)``, whether they are right.
        answerable: ``(n,)``, whether the query's place is in the database.
    """

    def statistic(rows: Values) -> float:
        answered = ~np.isnan(rows[:, 0])
        curve = precision_recall(rows[answered, 0], rows[answered, 1] > 0, int(rows[:, 2].sum()))
        return curve.recall_at_full_precision if name == "recall_at_100_precision" else curve.area

    rows = np.column_stack([confidences, right, answerable]).astype(np.float64)
    return Measured(statistic(rows), *bootstrap_interval(rows, statistic))


def measure_errors(name: str, errors: Values) -> Measured:
    """Measure the errors in meters of all queries (see `localization`); name is one of `LOCATED`."""
    if name == "median_error_m":
        return measure_median(errors)
    return _mean((errors <= float(name.split("_")[1])).astype(np.float64))


def measure_share(held: NDArray[np.bool_]) -> Measured:
    """Measure the share of ``(n,)`` that hold."""
    return _mean(held.astype(np.float64))


def measure_median(values: Values) -> Measured:
    """Measure the median of ``(n,)`` values, of which some may be infinite."""
    return Measured(_median(values), *bootstrap_interval(values, _median))


def _mean(values: Values) -> Measured:
    if not len(values):
        return Measured(float("nan"), float("nan"), float("nan"), values)
    return Measured(float(values.mean()), *bootstrap_interval(values, lambda drawn: float(drawn.mean())), values)


def _median(errors: Values) -> float:
    """Return the median; for an even number, the lower of the two middle errors, because one may be infinite."""
    return float(np.quantile(errors, 0.5, method="lower")) if len(errors) else float("nan")
