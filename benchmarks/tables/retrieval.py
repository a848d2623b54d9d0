"""Tables of search: presets, methods, verdicts, protocols, and the summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.tables.results import origin, read, table, with_interval

PRESETS = ("xfeat-vlad", "fusion", "sift-vlad")
"""The columns of the summary table."""


def accuracy() -> list[str]:
    """Return the lines of the accuracy table."""
    rows = []
    runs = read("accuracy")["runs"]
    for name in sorted(runs, key=_order):
        result = runs[name]
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
        rows.append(cells)
    return table(
        "photos | preset | codebook | verified | queries rotated by | R@1 (95 % interval) | R@5 | R@10 | mAP "
        "| KB per photo",
        rows,
    )


def descriptors() -> list[str]:
    """Return the lines of the table of methods on the same local features."""
    result = read("descriptors")
    return [
        f"{origin(result, 'benchmarks/accuracy/descriptors.py')}: search only; R@1 is the mean "
        f"of {result['seeds']} codebooks, lowest and highest in parentheses; CPU ms per photo of "
        "sf_landmarks.",
        "",
        *_methods(result, lambda _: True),
    ]


def of_method(words: tuple[str, ...]) -> list[str]:
    """Return the lines of the table of a method's own page: the rows whose method contains one of the words."""
    result = read("descriptors")
    return [
        f"Search only, {origin(result)}; R@1 is the mean of {result['seeds']} codebooks, with the "
        "lowest and highest in parentheses; CPU ms per photo of sf_landmarks.",
        "",
        *_methods(result, lambda name: " with " not in name and any(f" {word}" in name for word in words)),
    ]


def _methods(result: dict[str, Any], wanted: Callable[[str], bool]) -> list[str]:
    by_method: dict[str, dict[str, dict[str, Any]]] = {}
    for row in result["rows"]:
        if wanted(row["method"]):
            by_method.setdefault(row["method"], {})[row["dataset"]] = row
    lines = []
    for method, rows in by_method.items():
        first = rows.get("sf_landmarks") or next(iter(rows.values()))
        grocery = rows.get("grocery")
        cells = [
            method,
            f"{first['dim']:,}",
            *(_recall(rows.get(name)) for name in ("sf_landmarks", "corridor")),
            "-" if grocery is None else f"{100 * grocery['recall@1']:.1f} / {100 * grocery['mAP']:.1f}",
            f"{first['ms_features']:.0f}" if "ms_features" in first else "-",
            f"{first['ms_aggregate']:.1f}" if "ms_aggregate" in first else "-",
        ]
        lines.append(cells)
    return table(
        "features, method | values | sf_landmarks R@1 | corridor R@1 | grocery R@1 / mAP | ms features | ms method",
        lines,
    )


def _recall(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    low, high = (f"{100 * row[f'recall@1 {end}']:.1f}" for end in ("lowest", "highest"))
    return f"{100 * row['recall@1']:.1f}" + (f" ({low}-{high})" if row["runs"] > 1 else "")


def short() -> list[str]:
    """Return the lines of the table of whole and shortened descriptors."""
    result = read("short")
    rows = []
    for row in result["rows"]:
        recalls = (f"{100 * row['recall@1'][name]:.1f}" for name in ("sf_landmarks", "corridor"))
        rows.append([row["preset"], str(row["pca"]), f"{row['dim']:,}", *recalls, f"{row['kb']:.1f}"])
    return [
        f"{origin(result, 'benchmarks/accuracy/short.py')}: codebook and PCA learned from "
        f"{result['photos']} frames of ie_tower by `placeprint learn`, used unchanged.",
        "",
        *table("preset | PCA | values | sf_landmarks R@1 | corridor R@1 | KB per photo", rows),
    ]


def verdicts() -> list[str]:
    """Return the lines of the table of verdicts."""
    result = read("verdicts")
    kinds = {
        "right": "place in the atlas, right photo ranked first",
        "wrong": "place in the atlas, wrong photo ranked first",
        "elsewhere": "place not in the atlas",
    }
    rows = []
    for preset in (name for name in result if name not in {"format", "made_by"}):
        for kind, words in kinds.items():
            row = result[preset][kind]
            rows.append([preset, words, str(row["count"]), *map(str, row["verdicts"].values())])
    return table("preset | queries | count | same place | possible | not confirmed", rows)


def protocols() -> list[str]:
    """Return the lines of the table of the default preset by protocol."""
    result = read("protocols")
    rows = []
    for row in result["rows"]:
        test = row.get("against_search", {}).get("recall@1")
        absent = f" + {row['not_in_database']} not in the database" if row["not_in_database"] else ""
        cells = [
            row["dataset"],
            f"`{row['protocol']}`",
            str(row["options"]["verify"]) if row["options"]["verify"] else "search only",
            f"{row['queries']}{absent}",
            with_interval(row, "recall@1"),
            "-" if test is None else f"{test['p']:.2g}",
            *(with_interval(row, name) for name in ("mAP", "auc_pr", "recall_at_100_precision")),
        ]
        rows.append(cells)
    return [
        f"{origin(result, 'benchmarks/accuracy/protocols.py')}: "
        f"`{result['rows'][0]['preset']}`, own codebook; 95 % intervals in parentheses; p tests the difference in "
        "recall@1 from search alone.",
        "",
        *table("photos | protocol | verified | queries | recall@1 | p | mAP | auc_pr | recall_at_100_precision", rows),
    ]


def headline() -> list[str]:
    """Return the lines of the short table of the README."""
    made, runs = read("speed"), read("accuracy")["runs"]

    def recalls(dataset: str, run: str) -> list[str]:
        found = (runs.get(f"{dataset}-{preset}-{run}") for preset in PRESETS)
        return ["not measured" if each is None else f"{100 * each['metrics']['recall@1']:.1f}" for each in found]

    times = [
        f"{made['query'][preset]['ms']:.0f} ms" if preset in made["query"] else "not measured" for preset in PRESETS
    ]
    sizes = [f"{runs[f'sf_landmarks-{preset}-own-0-0']['bytes_per_photo'] / 1000:.0f} KB" for preset in PRESETS]
    return table(
        " | ".join(("", *(f"`{preset}`" for preset in PRESETS))).lstrip(),
        [
            ["recall@1 on sf_landmarks, search only", *recalls("sf_landmarks", "own-0-0")],
            ["the same, 50 verified", *recalls("sf_landmarks", "own-50-0")],
            ["recall@1 on corridor, search only (best published: 90.1)", *recalls("corridor", "own-0-0")],
            ["the same, 50 verified", *recalls("corridor", "own-50-0")],
            ["one query against 101 photos, 50 verified", *times],
            ["disk per photo", *sizes],
        ],
    )


def _order(name: str) -> tuple[object, ...]:
    """Return where a run stands in the table, by its name."""
    start, codebook, verify, turn = name.rsplit("-", 3)
    dataset, preset = start.split("-", 1)
    first = PRESETS.index(preset) if preset in PRESETS else len(PRESETS)
    return dataset != "sf_landmarks", first, preset, int(turn), int(verify), codebook != "own", codebook
