"""Tables of retrieval by other packages."""

from __future__ import annotations

from typing import Any

from benchmarks.tables.results import amount, read


def retrieval_peers() -> list[str]:
    """Return the lines of the detailed tables of retrieval by other packages, one table per data set."""
    result = read("peers-retrieval")
    made = result["made_by"]
    lines = [
        f"`python -m benchmarks.peers.retrieval`, {made['date']}, {made['machine']}: one core each, times in CPU "
        "milliseconds. p: McNemar's exact test of R@1 against the first row. ★: no other method is at least as fast "
        "per query and at least as accurate, and better in one of the two.",
    ]
    for part in result["datasets"]:
        counts = part["counts"]
        lines += [
            "",
            f"{part['dataset']} ({part['protocol']}): {counts['database']} photos, {counts['queries']} queries.",
            "",
            "| method | R@1 (95 %) | R@5 | R@10 | mAP | p | ms per photo | ms per query | KB per photo | peak MB |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *map(_peer_line, part["rows"]),
            *([""] if any(row.get("note") for row in part["rows"]) else []),
            *(f"- {row['method']}: {row['note']}" for row in part["rows"] if row.get("note")),
        ]
    return lines


def beside() -> list[str]:
    """Return the lines of the short table of retrieval by other packages."""
    result = read("peers-retrieval")
    made = result["made_by"]
    parts = {part["dataset"]: {row["method"]: row for row in part["rows"]} for part in result["datasets"]}
    methods = dict.fromkeys(name for rows in parts.values() for name in rows)
    return [
        f"`python -m benchmarks.peers.retrieval`, {made['date']}, {made['machine']}, commit {made['commit']}: recall@1 "
        "and CPU milliseconds per query, one core each. Rows marked (published) use the authors' own scores.",
        "",
        "| | " + " | ".join(f"{name} | ms" for name in parts) + " |",
        "|---" * (1 + 2 * len(parts)) + "|",
        *(
            f"| {method} | " + " | ".join(_recall_and_time(rows.get(method)) for rows in parts.values()) + " |"
            for method in methods
        ),
    ]


def _recall_and_time(row: dict[str, Any] | None) -> str:
    if row is None:
        return "- | -"
    return "cannot run | -" if "error" in row else f"{100 * row['recall@1']:.1f} | {amount(row['ms_per_query'])}"


def _peer_line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"| {row['method']} | {row['error']} | | | | | | | | |"
    low, high = (100 * end for end in row["interval"])
    query, photo = (amount(row[name]) for name in ("ms_per_query", "ms_per_photo"))
    cells = [
        row["method"],
        f"{100 * row['recall@1']:.1f} ({low:.0f}-{high:.0f})",
        *(f"{100 * row[name]:.1f}" for name in ("recall@5", "recall@10", "mAP")),
        "-" if row["against"] is None else "< 0.001" if row["against"]["p"] < 0.001 else f"{row['against']['p']:.3f}",
        photo,
        query + (" ★" if row["on_time_front"] else ""),
        amount(row["bytes_per_photo"], 1e-3),
        amount(row["peak_bytes"], 1e-6),
    ]
    return "| " + " | ".join(cells) + " |"
