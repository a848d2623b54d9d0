"""The table of a comparison, in cells and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from placeprint.evaluation.measures import LOCATED, in_words
from placeprint.evaluation.report.differences import Comparison, Row, compare
from placeprint.evaluation.results import Result

OTHERS = {
    "auc_pr": "PR area",
    "against": "against the first",
    "p_value": "p",
    "ms_per_photo": "ms per photo",
    "ms_per_query": "ms per query",
    "bytes_per_photo": "KB per photo",
    "peak_bytes": "peak MB",
}
"""Columns after those of the protocol's metrics."""
METRICS = 5
"""Most metrics of the protocol."""
FRONT = "★"


def columns_of(comparison: Comparison) -> dict[str, str]:
    """Return the columns of a table by the keys of `headline_cells`: the metric, its levels, others of the protocol."""
    metric = comparison.metric
    known = list(comparison.measured[0].result.metrics) if comparison.measured else []
    names = [name for name in known if name == metric or name not in (*OTHERS, *LOCATED, "recall_at_100_precision")]
    names.sort(key=lambda name: (name != metric, not name.startswith(f"{metric} ")))
    words = {name: name.replace("recall@", "R@") for name in names[:METRICS]}
    against = {"against": f"{words[metric]} {OTHERS['against']}"} if metric else {}
    return words | OTHERS | against


def headline_cells(row: Row, comparison: Comparison) -> dict[str, str]:
    """Return the cells of one method by the keys of `columns_of`: shares in percent, ``-`` if unknown."""
    columns, metric = columns_of(comparison), comparison.metric
    cells = dict.fromkeys(columns, "-")
    if row.error is not None:
        return cells
    for name in columns:
        if name not in OTHERS and row.value(name) is not None:
            cells[name] = in_words(name, row.value(name))
    low, high = (in_words(metric, end) for end in row.result.intervals[metric])
    cells[metric] += f" ({low}-{high})"
    if row.precision_recall is not None:
        cells["auc_pr"] = in_words("auc_pr", row.precision_recall.area)
    against = row.against
    if against is not None:
        ends = (against.difference, against.low, against.high)
        difference, lower, upper = (f"{'+' if end >= 0 else ''}{in_words(metric, end)}" for end in ends)
        cells["against"] = f"{difference} ({lower} to {upper})"
        cells["p_value"] = "< 0.001" if against.p < 0.001 else f"{against.p:.3f}"
    for name, factor in (("ms_per_photo", 1.0), ("ms_per_query", 1.0), ("bytes_per_photo", 1e-3), ("peak_bytes", 1e-6)):
        value = row.value(name)
        cells[name] = "-" if value is None else _amount(factor * value)
    for name, on_front in (("ms_per_query", row.on_time_front), ("bytes_per_photo", row.on_size_front)):
        cells[name] += f" {FRONT}" if on_front else ""
    return cells


def unread_in_words(results: Sequence[Result]) -> str:
    """Return how many photos and queries could not be read, at most over the results; empty for none."""
    counts = {
        "photos": max(result.skipped_photos for result in results),
        "queries": max(result.failed_queries for result in results),
    }
    return " and ".join(f"{count} of the {what}" for what, count in counts.items() if count)


def counts_in_words(comparison: Comparison) -> str:
    """Return what was searched, and what could not be read; empty if nothing could be measured."""
    if not comparison.measured:
        return ""
    one = comparison.measured[0].result
    absent = len(one.not_in_database)
    words = f"{one.database_photos} photos searched, {len(one.queries)} queries"
    words += f" and {absent} that are not in the database" if absent else ""
    words += f", {one.queries_without_positives} without a right photo; protocol {one.protocol}"
    unread = unread_in_words([row.result for row in comparison.measured])
    return words + (f". Could not be read: {unread}" if unread else "") + "."


def markdown_report(
    results: Sequence[Result], notes: Mapping[tuple[str, str], str] | None = None, *, level: int = 2
) -> str:
    """Return a table for each set of photos, with a sentence above and the explanations below.

    Args:
        results: see `html_report`.
        notes: explanations by ``(dataset, method)``.
        level: the level of the headings.
    """
    lines: list[str] = []
    for comparison in compare(results, notes):
        lines += [f"{'#' * level} {comparison.dataset}", "", *table_lines(comparison), ""]
    return "\n".join(lines)


def table_lines(comparison: Comparison) -> list[str]:
    """Return the sentence, the table and the explanations of one set of photos."""
    columns = columns_of(comparison)
    lines = [
        f"{comparison.summary} {counts_in_words(comparison)}".rstrip(),
        f"{FRONT}: no other method is at least as cheap and as accurate, and better in one of the two.",
        "",
        "| method | " + " | ".join(columns.values()) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row in comparison.rows:
        if row.error is not None:
            error = row.error.replace("|", "\\|")
            lines.append(f"| {row.method} | not measured: {error} |" + " |" * (len(columns) - 1))
        else:
            lines.append(f"| {row.method} | " + " | ".join(headline_cells(row, comparison).values()) + " |")
    notes = [f"- {row.method}: {row.note}" for row in comparison.rows if row.note]
    return [*lines, *([""] if notes else []), *notes]


def _amount(value: float) -> str:
    """Return an amount with about three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
