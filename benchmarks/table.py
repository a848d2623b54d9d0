"""Make the tables of benchmarks/README.md of the files in benchmarks/results, and print them.

    python benchmarks/table.py [--check]

With --check nothing is written: the exit status is 1 when the tables there are not those of the files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- tables: made by benchmarks/table.py -->", "<!-- end of tables -->"


def accuracy() -> list[str]:
    """Return the lines of the accuracy table."""
    lines = [
        "| photos | preset | codebook | verified | queries turned by | R@1 (95 % interval) | R@5 | R@10 | mAP "
        "| KB a photo |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted((HERE / "results" / "accuracy").glob("*.json"), key=_order):
        result = json.loads(path.read_text())
        metrics, options = result["metrics"], result["options"]
        low, high = result["intervals"]["recall@1"]
        cells = [
            result["dataset"],
            result["preset"],
            options["codebook"],
            str(options["verify"]) if options["verify"] else "search only",
            f"{options['turn']:g}°" if options["turn"] else "-",
            f"**{100 * metrics['recall@1']:.1f}** ({100 * low:.0f}-{100 * high:.0f})",
            *(f"{100 * metrics[name]:.1f}" for name in ("recall@5", "recall@10", "mAP")),
            f"{result['bytes_per_photo'] / 1000:.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def speed() -> list[str]:
    """Return the lines of the speed table."""
    result: dict[str, Any] = json.loads((HERE / "results" / "speed.json").read_text())
    indexing, start, made = result["indexing"], result["start"], result["made_by"]
    rates = sorted(entry["photos_per_s"] for entry in indexing["rounds"])
    bare = sorted(entry["bare_ms"] for entry in indexing["rounds"])
    middle = len(rates) // 2
    lines = [
        f"Measured {made['date']} on {made['machine']}, Python {made['python']}.",
        "",
        "| what | measured |",
        "|---|---|",
        f"| indexing {indexing['photos']} photos of 640 px, end to end | {rates[middle]:.1f} photos/s: "
        f"{indexing['ratio']:.2f} x (cores / time of the bare network, {bare[middle]:.0f} ms on one core) |",
    ]
    for preset, query in result["query"].items():
        lines.append(
            f"| one warm query against 101 photos, 50 verified, `{preset}` | {query['ms']:.0f} ms: "
            f"{query['times_bare_network']:.1f} x the bare network on one core |"
        )
    lines.append(
        f"| `import placeprint`; `placeprint --help` | {start['import_s']:.2f} s; {start['help_s']:.2f} s "
        f"(an empty Python: {start['python_s']:.2f} s) |"
    )
    return lines


def _order(path: Path) -> tuple[object, ...]:
    dataset, kind, _, codebook, verify, turn = path.stem.rsplit("-", 5)
    return dataset != "sf_landmarks", kind != "xfeat", int(turn), int(verify), codebook != "own", codebook


def main() -> None:
    tables = "\n".join(["", "### Accuracy", "", *accuracy(), "", "### Speed", "", *speed(), ""])
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = f"{before}{BEGIN}\n{tables}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        sys.exit(made != text)
    README.write_text(made, encoding="utf-8")
    print(tables)


if __name__ == "__main__":
    main()
