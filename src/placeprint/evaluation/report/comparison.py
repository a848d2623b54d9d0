"""Methods beside each other on the same queries: what a table says of each, and which are not beaten.

Every method is compared with the first one of its photos, query by query: the difference of recall@1 with the interval
of a paired bootstrap, and the p-value of McNemar's exact test (`placeprint.evaluation.paired`). Queries that only one
of the two has measured are left out. The Pareto front is over milliseconds a query, and over bytes a photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from placeprint.evaluation.paired import mcnemar, paired_bootstrap
from placeprint.evaluation.pareto import pareto_front
from placeprint.evaluation.precision_recall import PrecisionRecall, precision_recall

Result = Mapping[str, Any]

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Against:
    """One method against the first.

    Args:
        difference: of recall@1, this one minus the first.
        interval: 95 % of the difference.
        p_value: of McNemar's exact test.
        queries: compared.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    queries: int

    @property
    def words(self) -> str:
        """Which of the two is better, as far as the test can tell."""
        if self.p_value >= SIGNIFICANT:
            return "no difference shown"
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True)
class Row:
    """One method on one set of photos.

    Args:
        number: of the row, from 1.
        method: name.
        result: all that was measured, or the error.
        error: why there are no numbers, or None.
        against: comparison with the first method; None for the first itself and where no query is common.
        precision_recall: over the queries' first answers; None with an error.
        on_time_front: no other method is as quick a query and as good; None where the time is not known.
        on_size_front: no other method takes as few bytes a photo and is as good; None where they are not known.
        note: an explanation that stands beside the row.
    """

    number: int
    method: str
    result: Result
    error: str | None = None
    against: Against | None = None
    precision_recall: PrecisionRecall | None = None
    on_time_front: bool | None = None
    on_size_front: bool | None = None
    note: str = ""

    def value(self, name: str) -> float | None:
        """Return a number by name: of ``metrics``, ``timing``, or ``bytes_per_photo`` and ``peak_bytes``."""
        if self.error is not None:
            return None
        if name == "peak_bytes":
            return max((peak for peak in self.result.get("memory", {}).values() if peak is not None), default=None)
        for part in (self.result["metrics"], self.result["timing"], self.result):
            if part.get(name) is not None:
                return float(part[name])
        return None


@dataclass(frozen=True)
class Comparison:
    """All methods on one set of photos.

    Args:
        dataset: name.
        rows: in the order of the results.
    """

    dataset: str
    rows: tuple[Row, ...]

    @property
    def measured(self) -> tuple[Row, ...]:
        """The rows without error."""
        return tuple(row for row in self.rows if row.error is None)

    @property
    def summary(self) -> str:
        """One sentence or two: what is best, and what the first method's place is."""
        if not self.measured:
            return "No method could be measured."
        first = self.measured[0]
        best = max(self.measured, key=lambda row: row.value("recall@1") or 0.0)
        score = 100 * (best.value("recall@1") or 0.0)
        if best.method == first.method:
            near = [row for row in self.measured[1:] if row.against and row.against.words == "no difference shown"]
            rest = f"; for {len(near)} of the {len(self.measured) - 1} others the test shows no difference"
            return f"{first.method} has the best recall@1, {score:.1f} %{rest if len(self.measured) > 1 else ''}."
        tested = f" (p = {best.against.p_value:.2g}: {best.against.words})" if best.against else ""
        own = 100 * (first.value("recall@1") or 0.0)
        return f"{best.method} has the best recall@1, {score:.1f} %{tested}; {first.method} has {own:.1f} %."


def compare(results: Sequence[Result], notes: Mapping[tuple[str, str], str] | None = None) -> list[Comparison]:
    """Return a comparison for each set of photos, in the order they first come.

    Args:
        results: of methods on photos; the first of each set that has no error is what others are compared with.
        notes: explanations by ``(dataset, method)``.
    """
    datasets = list(dict.fromkeys(str(result["dataset"]) for result in results))
    return [_comparison(name, [each for each in results if each["dataset"] == name], notes or {}) for name in datasets]


def _comparison(dataset: str, results: Sequence[Result], notes: Mapping[tuple[str, str], str]) -> Comparison:
    first = next((result for result in results if "error" not in result), None)
    rows = []
    for number, result in enumerate(results, start=1):
        method = str(result["method"])
        row = Row(number, method, result, result.get("error"), note=notes.get((dataset, method), ""))
        if row.error is None:
            row = replace(
                row,
                against=None if first is None or result is first else _against(first, result),
                precision_recall=_curve(result),
            )
        rows.append(row)
    times, sizes = _front(rows, "ms_per_query"), _front(rows, "bytes_per_photo")
    return Comparison(
        dataset,
        tuple(replace(row, on_time_front=times.get(row.number), on_size_front=sizes.get(row.number)) for row in rows),
    )


def _against(first: Result, other: Result) -> Against | None:
    ours = {row["query"]: row["first_hit"] == 0 for row in first["queries"] if row["expected"]}
    theirs = {row["query"]: row["first_hit"] == 0 for row in other["queries"] if row["expected"]}
    common = [query for query in ours if query in theirs]
    if not common:
        return None
    a, b = np.array([theirs[query] for query in common]), np.array([ours[query] for query in common])
    difference, low, high = paired_bootstrap(a.astype(np.float64), b.astype(np.float64))
    return Against(difference, (low, high), mcnemar(a, b), len(common))


def _curve(result: Result) -> PrecisionRecall:
    rows = [*result["queries"], *result.get("not_in_database", ())]
    answered = [row for row in rows if row["confidence"] is not None]
    positives = sum(row["expected"] for row in result["queries"])
    return precision_recall([row["confidence"] for row in answered], [row["right"] for row in answered], positives)


def _front(rows: Sequence[Row], cost: str) -> dict[int, bool]:
    """Return by number whether a row is on the front, for those whose cost is known."""
    known = [(row.number, row.value(cost), row.value("recall@1")) for row in rows]
    kept = [(number, price, recall) for number, price, recall in known if price is not None and recall is not None]
    front = pareto_front([price for _, price, _ in kept], [recall for _, _, recall in kept])
    return {number: on_it for (number, _, _), on_it in zip(kept, front, strict=True)}
