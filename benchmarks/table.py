"""Make the tables of benchmarks/README.md and README.md of the files in benchmarks/results, and print them.

    python benchmarks/table.py [--check]

With --check nothing is written: the exit status is 1 when the tables there are not those of the files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PRESETS = ("xfeat-vlad", "sift-vlad")
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


def verdicts() -> list[str]:
    """Return the lines of the table of verdicts."""
    result: dict[str, Any] = json.loads((HERE / "results" / "verdicts.json").read_text())
    kinds = {
        "right": "in the atlas, the right photo first",
        "wrong": "in the atlas, a wrong photo first",
        "elsewhere": "not in the atlas",
    }
    lines = ["| preset | queries | count | same place | possible | not confirmed |", "|---|---|---|---|---|---|"]
    for preset in (name for name in result if name not in {"format", "made_by"}):
        for kind, words in kinds.items():
            row = result[preset][kind]
            counts = " | ".join(str(count) for count in row["verdicts"].values())
            lines.append(f"| {preset} | {words} | {row['count']} | {counts} |")
    return lines


def headline() -> list[str]:
    """Return the lines of the short table of the README."""
    made = json.loads((HERE / "results" / "speed.json").read_text())
    lines = [
        "| | `xfeat-vlad` | `sift-vlad` |",
        "|---|---|---|",
        "| recall@1 on sf_landmarks, search only | " + _cells("sf_landmarks", "own-0-0") + " |",
        "| the same, 50 verified | " + _cells("sf_landmarks", "own-50-0") + " |",
        "| recall@1 on corridor, search only (best published: 90.1) | " + _cells("corridor", "own-0-0") + " |",
        "| the same, 50 verified | " + _cells("corridor", "own-50-0") + " |",
    ]
    times = " | ".join(f"{made['query'][preset]['ms']:.0f} ms" for preset in PRESETS)
    sizes = " | ".join(
        f"{_accuracy('sf_landmarks', preset, 'own-0-0')['bytes_per_photo'] / 1000:.0f} KB" for preset in PRESETS
    )
    return [*lines, f"| one query against 101 photos, 50 verified | {times} |", f"| disk a photo | {sizes} |"]


def _cells(dataset: str, run: str) -> str:
    values = (_accuracy(dataset, preset, run)["metrics"]["recall@1"] for preset in PRESETS)
    return " | ".join(f"{100 * value:.1f}" for value in values)


def _accuracy(dataset: str, preset: str, run: str) -> dict[str, Any]:
    path = HERE / "results" / "accuracy" / f"{dataset}-{preset}-{run}.json"
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def _order(path: Path) -> tuple[object, ...]:
    dataset, kind, _, codebook, verify, turn = path.stem.rsplit("-", 5)
    return dataset != "sf_landmarks", kind != "xfeat", int(turn), int(verify), codebook != "own", codebook


def _fill(path: Path, lines: list[str]) -> tuple[str, str]:
    """Return a document as it is, and with these lines between its marks."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return text, f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}"


def main() -> None:
    tables = ["### Accuracy", "", *accuracy(), "", "### Verdicts", "", *verdicts(), "", "### Speed", "", *speed()]
    stale = False
    for path, lines in ((HERE / "README.md", tables), (HERE.parent / "README.md", headline())):
        text, filled = _fill(path, lines)
        stale |= text != filled
        if "--check" not in sys.argv[1:]:
            path.write_text(filled, encoding="utf-8")
    if "--check" in sys.argv[1:]:
        sys.exit(stale)
    print("\n".join(tables))


if __name__ == "__main__":
    main()
