"""Read result files and format their values the same way in all tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"


def read(name: str) -> dict[str, Any]:
    """Return the JSON of a benchmark's result file."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def origin(result: dict[str, Any], command: str = "") -> str:
    """Return what made a result, for the sentence above its table: the command, the date and the machine."""
    made = result["made_by"]
    return (f"`python {command}`, " if command else "") + f"{made['date']}, {made['machine']}"


def table(columns: str, rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table.

    Args:
        columns: the titles of the columns, with `` | `` between them.
        rows: the cells of each row.
    """
    head = f"| {columns} |"
    return [head, "|---" * (head.count("|") - 1) + "|", *("| " + " | ".join(cells) + " |" for cells in rows)]


def spread(rows: list[dict[str, Any]], name: str) -> str:
    """Return the mean of percentages, and their range where there are several."""
    values = [100 * row[name] for row in rows]
    mean = f"{sum(values) / len(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.1f}-{max(values):.1f})"


def amount(value: float | None, factor: float = 1.0) -> str:
    """Return a number with digits that fit its size: none from 10 on, two below."""
    return "-" if value is None else f"{factor * value:,.0f}" if factor * value >= 10 else f"{factor * value:.2f}"


def with_interval(row: dict[str, Any], name: str) -> str:
    """Return a metric in percent with its interval."""
    low, high = row["intervals"][name]
    return f"{100 * row['metrics'][name]:.1f} ({100 * low:.0f}-{100 * high:.0f})"


def percent(row: dict[str, Any], *names: str) -> str:
    """Return values in whole percent."""
    return " / ".join("-" if row[name] is None else f"{100 * row[name]:.0f}" for name in names)
