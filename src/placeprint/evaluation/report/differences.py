"""Compare methods on the same queries: the values of a table, and the Pareto front.

Every method is compared with the first one of its photos, query by query, in one metric: the protocol's first that is a
mean over queries, usually recall@1. Its difference has the interval of a paired bootstrap and the p-value of a paired
test (`placeprint.evaluation.comparison`). Queries measured by only one of the two are excluded. The Pareto fronts are
over milliseconds per query and over bytes per photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from placeprint.evaluation.comparison import difference_in
from placeprint.evaluation.measures import in_words
from placeprint.evaluation.pareto import pareto_front
from placeprint.evaluation.precision_recall import PrecisionRecall, precision_recall
from placeprint.evaluation.results import Difference, Result

COSTS = ("ms_per_photo", "ms_per_query", "bytes_per_photo", "peak_bytes")


@dataclass(frozen=True)
class Row:
    """One method on one set of photos.

    Args:
        number: the number of the row, from 1.
        method: the name of the method.
        result: the measured result, or the error.
        error: why there are no numbers, or None.
        against: the comparison with the first method; None for the first itself, or if no query is common.
        precision_recall: over the queries' first answers; None with an error.
        on_time_front: whether no other method is at least as fast per query and as accurate, and better in one of the
            two; None if the time is unknown.
        on_size_front: the same for bytes per photo.
        note: an explanation for the row.
    """

    number: int
    method: str
    result: Result
    error: str | None = None
    against: Difference | None = None
    precision_recall: PrecisionRecall | None = None
    on_time_front: bool | None = None
    on_size_front: bool | None = None
    note: str = ""

    def value(self, name: str) -> float | None:
        """Return a metric, or one of `COSTS`, by name; None where it is not known."""
        if name in self.result.metrics:
            return self.result.metrics[name]
        cost: float | None = getattr(self.result, name) if name in COSTS else None
        return cost


@dataclass(frozen=True)
class Comparison:
    """All methods on one set of photos.

    Args:
        dataset: the name of the data set.
        rows: the rows in the order of the results.
        metric: the metric of the comparison; empty if none could be measured.
    """

    dataset: str
    rows: tuple[Row, ...]
    metric: str

    @property
    def measured(self) -> tuple[Row, ...]:
        """The rows without an error."""
        return tuple(row for row in self.rows if row.error is None)

    @property
    def summary(self) -> str:
        """One or two sentences: which method is best, and how the first one compares."""
        if not self.measured:
            return "No method could be measured."
        first = self.measured[0]
        best = max(self.measured, key=lambda row: row.value(self.metric) or 0.0)
        score, own = (in_words(self.metric, row.value(self.metric), unit=True) for row in (best, first))
        if best.method == first.method:
            near = [row for row in self.measured[1:] if row.against and row.against.words == "no difference shown"]
            rest = f"; for {len(near)} of the {len(self.measured) - 1} others the test shows no difference"
            return f"{first.method} has the best {self.metric}, {score}{rest if len(self.measured) > 1 else ''}."
        tested = f" (p = {best.against.p:.2g}: {best.against.words})" if best.against else ""
        return f"{best.method} has the best {self.metric}, {score}{tested}; {first.method} has {own}."


def compare(results: Sequence[Result], notes: Mapping[tuple[str, str], str] | None = None) -> list[Comparison]:
    """Return one comparison per set of photos, in order of appearance.

    Args:
        results: the results of methods on photos; others are compared with the first of each set without an error.
        notes: explanations by ``(dataset, method)``.
    """
    datasets = list(dict.fromkeys(result.dataset for result in results))
    return [_comparison(name, [each for each in results if each.dataset == name], notes or {}) for name in datasets]


def _comparison(dataset: str, results: Sequence[Result], notes: Mapping[tuple[str, str], str]) -> Comparison:
    first = next((result for result in results if result.error is None), None)
    metric = "" if first is None else _metric_of(first)
    rows = []
    for number, result in enumerate(results, start=1):
        row = Row(number, result.method, result, result.error, note=notes.get((dataset, result.method), ""))
        if row.error is None:
            row = replace(
                row,
                against=None if first is None or result is first else difference_in(metric, result, first),
                precision_recall=_curve(result),
            )
        rows.append(row)
    times, sizes = _front(rows, "ms_per_query", metric), _front(rows, "bytes_per_photo", metric)
    fronts = (replace(row, on_time_front=times.get(row.number), on_size_front=sizes.get(row.number)) for row in rows)
    return Comparison(dataset, tuple(fronts), metric)


def _metric_of(result: Result) -> str:
    """Return the first metric that is a mean over queries, or the first metric if none is, such as micro-AP."""
    names = list(result.metrics)
    return next((name for name in names if name in result.per_query), names[0])


def _curve(result: Result) -> PrecisionRecall:
    answered = [query for query in (*result.queries, *result.not_in_database) if query.confidence is not None]
    confidences = [query.confidence for query in answered if query.confidence is not None]
    positives = sum(query.expected for query in result.queries)
    return precision_recall(confidences, [query.right for query in answered], positives)


def _front(rows: Sequence[Row], cost: str, metric: str) -> dict[int, bool]:
    """Return by number whether a row is on the front, for rows with a known cost."""
    known = [(row.number, row.value(cost), row.value(metric)) for row in rows]
    kept = [(number, price, value) for number, price, value in known if price is not None and value is not None]
    front = pareto_front([price for _, price, _ in kept], [value for _, _, value in kept])
    return {number: on_it for (number, _, _), on_it in zip(kept, front, strict=True)}
