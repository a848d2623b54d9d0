"""The table of a comparison, in cells and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from placeprint.evaluation.report.comparison import Comparison, Row, compare

COLUMNS = {
    "recall@1": "R@1",
    "recall@5": "R@5",
    "recall@10": "R@10",
    "mAP": "mAP",
    "auc_pr": "PR area",
    "against": "R@1 against the first",
    "p_value": "p",
    "ms_per_photo": "ms a photo",
    "ms_per_query": "ms a query",
    "bytes_per_photo": "KB a photo",
    "peak_bytes": "peak MB",
}
FRONT = "★"


def headline_cells(row: Row) -> dict[str, str]:
    """Return the cells of one method by the keys of `COLUMNS`: shares in percent, ``-`` where nothing is known."""
    if row.error is not None:
        return dict.fromkeys(COLUMNS, "-")
    cells = {name: _percent(row.value(name)) for name in ("recall@1", "recall@5", "recall@10", "mAP")}
    low, high = row.result["intervals"]["recall@1"]
    cells["recall@1"] += f" ({100 * low:.0f}-{100 * high:.0f})"
    cells["auc_pr"] = "-" if row.precision_recall is None else _percent(row.precision_recall.area)
    against = row.against
    cells["against"] = cells["p_value"] = "-"
    if against is not None:
        lower, upper = against.interval
        cells["against"] = f"{100 * against.difference:+.1f} ({100 * lower:+.1f} to {100 * upper:+.1f})"
        cells["p_value"] = "< 0.001" if against.p_value < 0.001 else f"{against.p_value:.3f}"
    for name, factor in (("ms_per_photo", 1.0), ("ms_per_query", 1.0), ("bytes_per_photo", 1e-3), ("peak_bytes", 1e-6)):
        value = row.value(name)
        cells[name] = "-" if value is None else _amount(factor * value)
    for name, on_front in (("ms_per_query", row.on_time_front), ("bytes_per_photo", row.on_size_front)):
        cells[name] += f" {FRONT}" if on_front else ""
    return cells


def markdown_report(
    results: Sequence[Mapping[str, Any]], notes: Mapping[tuple[str, str], str] | None = None, *, level: int = 2
) -> str:
    """Return a table for each set of photos, with a sentence above and the explanations below.

    Args:
        results: as of `html_report`.
        notes: explanations by ``(dataset, method)``.
        level: of the headings.
    """
    lines: list[str] = []
    for comparison in compare(results, notes):
        lines += [f"{'#' * level} {comparison.dataset}", "", *table_lines(comparison), ""]
    return "\n".join(lines)


def table_lines(comparison: Comparison) -> list[str]:
    """Return the sentence, the table and the explanations of one set of photos."""
    queries = max((len(row.result["queries"]) for row in comparison.measured), default=0)
    lines = [
        comparison.summary + f" {queries} queries; {FRONT}: no other method is as cheap and as good.",
        "",
        "| method | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for row in comparison.rows:
        if row.error is not None:
            error = row.error.replace("|", "\\|")
            lines.append(f"| {row.method} | not measured: {error} |" + " |" * (len(COLUMNS) - 1))
        else:
            lines.append(f"| {row.method} | " + " | ".join(headline_cells(row).values()) + " |")
    notes = [f"- {row.method}: {row.note}" for row in comparison.rows if row.note]
    return [*lines, *([""] if notes else []), *notes]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _amount(value: float) -> str:
    """Return an amount to about three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
