"""Make the tables of benchmarks/README.md, README.md and docs of the files in benchmarks/results, and print them.

    python benchmarks/table.py [--check]

With --check nothing is written: the exit status is 1 when the tables there are not those of the files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PRESETS = ("xfeat-vlad", "fusion", "sift-vlad")
"""Of the short table of the README."""
METHODS = HERE.parent / "docs" / "methods"
PAGES = {
    "bow": ("bow",),
    "cgd": ("cgd",),
    "crow": ("crow",),
    "fisher": ("fisher",),
    "gem": ("gem",),
    "mac": ("mac",),
    "regional-vlad": ("regional-vlad",),
    "rmac": ("rmac",),
    "spoc": ("spoc",),
    "weighted-gem": ("weighted-gem",),
}
"""Pages of methods and what their rows are called."""
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


def descriptors() -> list[str]:
    """Return the lines of the table of methods on the same local features."""
    result = _result("descriptors")
    made = result["made_by"]
    return [
        f"`python benchmarks/accuracy/descriptors.py`, {made['date']}, {made['machine']}: search only; R@1 is the mean "
        f"of {result['seeds']} codebooks, lowest and highest in brackets; ms of the processor for a photo of "
        "sf_landmarks.",
        "",
        *_methods(result, lambda _: True),
    ]


def of_method(words: tuple[str, ...]) -> list[str]:
    """Return the lines of the table of a method's own page: the rows whose method holds one of the words."""
    result = _result("descriptors")
    made = result["made_by"]
    return [
        f"Search only, {made['date']}, {made['machine']}; R@1 is the mean of {result['seeds']} codebooks, with the "
        "lowest and the highest.",
        "",
        *_methods(result, lambda name: " with " not in name and any(f" {word}" in name for word in words)),
    ]


def _methods(result: dict[str, Any], wanted: Callable[[str], bool]) -> list[str]:
    by_method: dict[str, dict[str, dict[str, Any]]] = {}
    for row in result["rows"]:
        if wanted(row["method"]):
            by_method.setdefault(row["method"], {})[row["dataset"]] = row
    lines = [
        "| features, method | values | sf_landmarks R@1 | corridor R@1 | grocery R@1 / mAP | ms features | ms method |",
        "|---|---|---|---|---|---|---|",
    ]
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
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _recall(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    low, high = (f"{100 * row[f'recall@1 {end}']:.1f}" for end in ("lowest", "highest"))
    return f"{100 * row['recall@1']:.1f}" + (f" ({low}-{high})" if row["runs"] > 1 else "")


def short() -> list[str]:
    """Return the lines of the table of whole and shortened descriptors."""
    result = _result("short")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/accuracy/short.py`, {made['date']}, {made['machine']}: codebook and PCA learnt from "
        f"{result['photos']} frames of ie_tower by `placeprint learn`, used unchanged.",
        "",
        "| preset | PCA | values | sf_landmarks R@1 | corridor R@1 | KB a photo |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        recalls = (f"{100 * row['recall@1'][name]:.1f}" for name in ("sf_landmarks", "corridor"))
        lines.append(
            f"| {row['preset']} | {row['pca']} | {row['dim']:,} | " + " | ".join(recalls) + f" | {row['kb']:.1f} |"
        )
    return lines


def speed() -> list[str]:
    """Return the lines of the speed table."""
    result = _result("speed")
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
    result = _result("verdicts")
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


def matching() -> list[str]:
    """Return the lines of the table of extractors and matchers."""
    result = _result("matching")
    options, made = result["options"], result["made_by"]
    lines = [
        f"`placeprint benchmark matching`, {made['date']}, {made['machine']}: {', '.join(result['pairs'])}; "
        f"longest side {options['size']} px, at most {options['keypoints']} keypoints, homography by "
        f"{options['homography']}.",
        "",
        "| extractor, matcher | keypoints | repeated | score | right within 1 / 3 / 5 / 10 px | right "
        "| AUC 3 / 5 / 10 px | H right | graf 1-3 off by | best 100 right | ms a picture | ms a pair |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        graf = row["corner_errors"]["graf 1-3"]
        cells = [
            row["method"],
            f"{row['keypoints']:.0f}",
            _percent(row, "repeatability"),
            _percent(row, "matching_score"),
            _percent(row, "mma@1", "mma@3", "mma@5", "mma@10"),
            f"{row['right_matches']:.0f}",
            _percent(row, "auc@3", "auc@5", "auc@10"),
            _percent(row, "homographies_right"),
            "-" if graf is None else f"{graf:.1f} px",
            _percent(row, "best_100_right"),
            f"{row['ms_per_picture']:.0f}",
            f"{row['ms_per_pair']:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def peers() -> list[str]:
    """Return the lines of the table of other people's packages."""
    result = _result("matching-peers")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/peers/matching.py`, {made['date']}, {made['machine']}: the {len(result['pairs'])} pairs "
        f"of oxford_affine, longest side {result['options']['longest_side']} px, about "
        f"{result['options']['keypoints']} keypoints, homography by {result['options']['homography']} for all.",
        "",
        "| method | right within 1 / 3 px | right of matches | AUC 3 / 5 / 10 px | ms a picture | ms a pair |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        if "error" in row:
            lines.append(f"| {row['method']} | {row['error']} | | | | |")
            continue
        cells = [
            row["method"],
            _percent(row, "mma@1", "mma@3"),
            f"{row['right_matches']:.0f} of {row['matches']:.0f}",
            _percent(row, "auc@3", "auc@5", "auc@10"),
            f"{row['ms_per_picture']:.0f}",
            f"{row['ms_per_pair']:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def retrieval_peers() -> list[str]:
    """Return the lines of the tables of other people's retrieval."""
    result = _result("peers-retrieval")
    made = result["made_by"]
    lines = [
        f"`python -m benchmarks.peers.retrieval`, {made['date']}, {made['machine']}: one core each, milliseconds of "
        "the processor. p: McNemar's exact test of R@1 against the first row; ★: none is as quick a query and as good.",
    ]
    for part in result["datasets"]:
        counts = part["counts"]
        lines += [
            "",
            f"{part['dataset']} ({part['protocol']}): {counts['database']} photos, {counts['queries']} queries.",
            "",
            "| method | R@1 (95 %) | R@5 | R@10 | mAP | p | ms a photo | ms a query | KB a photo | peak MB |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *map(_peer_line, part["rows"]),
            *([""] if any(row.get("note") for row in part["rows"]) else []),
            *(f"- {row['method']}: {row['note']}" for row in part["rows"] if row.get("note")),
        ]
    return lines


def beside() -> list[str]:
    """Return the lines of the README's table of other people's retrieval."""
    result = _result("peers-retrieval")
    made = result["made_by"]
    parts = {part["dataset"]: {row["method"]: row for row in part["rows"]} for part in result["datasets"]}
    methods = dict.fromkeys(name for rows in parts.values() for name in rows)
    return [
        f"{made['machine']}, one core each, {made['date']}, commit {made['commit']}: recall@1, and milliseconds of the "
        "processor a query.",
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
    return "cannot run | -" if "error" in row else f"{100 * row['recall@1']:.1f} | {_amount(row['ms_per_query'])}"


def _peer_line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"| {row['method']} | {row['error']} | | | | | | | | |"
    low, high = (100 * end for end in row["interval"])
    query, photo = (_amount(row[name]) for name in ("ms_per_query", "ms_per_photo"))
    cells = [
        row["method"],
        f"{100 * row['recall@1']:.1f} ({low:.0f}-{high:.0f})",
        *(f"{100 * row[name]:.1f}" for name in ("recall@5", "recall@10", "mAP")),
        "-" if row["against"] is None else "< 0.001" if row["against"]["p"] < 0.001 else f"{row['against']['p']:.3f}",
        photo,
        query + (" ★" if row["on_time_front"] else ""),
        _amount(row["bytes_per_photo"], 1e-3),
        _amount(row["peak_bytes"], 1e-6),
    ]
    return "| " + " | ".join(cells) + " |"


def _amount(value: float | None, factor: float = 1.0) -> str:
    return "-" if value is None else f"{factor * value:,.0f}" if factor * value >= 10 else f"{factor * value:.2f}"


def pairs() -> list[str]:
    """Return the lines on verdicts over pairs, the best matches of two landmarks, and times."""
    names = ("pair-verdicts", "best-matches", "descriptor", "pairs-speed")
    verdicts_, best, descriptor, speed_ = map(_result, names)
    lines = [
        "`python benchmarks/accuracy/pair_verdicts.py`: all 101 x 101 pairs of sf_landmarks, each judged by itself.",
        "",
        '| features | the right pairs: "same place" / "possible" | pairs called different: "same place" / "possible" '
        "| most inliers of a pair called different | right pair first by significance / by inliers |",
        "|---|---|---|---|---|",
    ]
    for features in (name for name in verdicts_ if name not in {"format", "made_by"}):
        row = verdicts_[features]
        right, wrong, first = row["right"], row["wrong"], row["best_is_right"]
        lines.append(
            f"| {features} | {right['same place']} / {right['possible']} of {sum(right.values())} "
            f"| {wrong['same place']} / {wrong['possible']} of {sum(wrong.values())} "
            f"| {row['most_inliers_of_a_wrong_pair']} | {first['by significance']} / {first['by inliers']} |"
        )
    lines += [
        "",
        "`python benchmarks/accuracy/best_matches.py`: right of the hundred best, before / after verification.",
        "",
        "| features | " + " | ".join(next(iter(best["rows"].values()))) + " |",
        "|---|" + "---|" * len(next(iter(best["rows"].values()))),
    ]
    for name, row in best["rows"].items():
        shares = " | ".join(f"{100 * one['right']:.0f} / {100 * one['right_verified']:.0f}" for one in row.values())
        lines.append(f"| {name} | {shares} |")
    made = descriptor["made_by"]
    lines += [
        "",
        f"`python benchmarks/speed/descriptor.py`, {made['date']}, {made['machine']}: our SIFT descriptor "
        f"{descriptor['own_per_s']:,.0f} a second, OpenCV's {descriptor['opencv_per_s']:,.0f} in the same run "
        f"({descriptor['ratio']:.1f} x); mean cosine of the two {descriptor['cosine']:.3f}.",
        "",
        f"`python benchmarks/speed/pairs.py`, {speed_['made_by']['date']}, {speed_['made_by']['machine']}: "
        f"{speed_['candidates']} candidates of {speed_['keypoints']} XFeat keypoints, matched and verified:",
        "",
        "| what | ms a pair |",
        "|---|---|",
        *(f"| {name} | {each:.2f} |" for name, each in speed_["ms_per_pair"].items()),
    ]
    return lines


def netvlad() -> list[str]:
    """Return the lines of the table of the NetVLAD layer against other ways to write it."""
    result = _result("netvlad")
    made = result["made_by"]
    lines = [
        f"{made['date']}, {made['machine']}, {result['threads']} thread of Torch {made['torch']}.",
        "",
        "| map | gradient | ms | time of `bmm`, `loop`, `residuals` | peak MB | of `bmm`, `residuals` "
        "| least there can be |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        times = ", ".join(f"{row[name]['times_ours']:.1f} x" for name in ("bmm", "loop", "residuals"))
        peaks = ", ".join(f"{row[name]['peak_mb']:.0f}" for name in ("bmm", "residuals"))
        lines.append(
            f"| {' x '.join(map(str, row['shape']))} | {'yes' if 'backward' in row['mode'] else 'no'} "
            f"| {row['placeprint']['ms']:.0f} | {times} | {row['placeprint']['peak_mb']:.1f} | {peaks} "
            f"| {row['least_mb']:.1f} |"
        )
    return lines


def vlad_time() -> list[str]:
    """Return the lines of the table of a VLAD beside its one matrix product."""
    result = _result("vlad")
    made = result["made_by"]
    lines = [
        f"Time on one core, {made['date']}, {made['machine']}: medians, and in brackets the time of the product alone.",
        "",
        "| descriptors, words, assignments | the product, ms | ours | scikit-learn | loop over words |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        count, length, words, assignments = row["shape"]
        times = (
            f"{row[name]['ms']:.2f} ms ({row[name]['times_product']:.1f} x)"
            for name in ("placeprint", "sklearn", "words")
        )
        lines.append(
            f"| {count} x {length}, {words}, {assignments} | {row['product']['ms']:.2f} | " + " | ".join(times) + " |"
        )
    return lines


def indexes(words: tuple[str, ...]) -> list[str]:
    """Return the lines of the table of exact search and of the indexes whose name holds one of the words."""
    result = _result("indexes")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/speed/indexes.py`, {made['date']}, {made['machine']}, one thread: agreement with exact "
        "search; milliseconds of the processor for a query. Synthetic rows are views of places, about equally near, so "
        "recall@1 is a severe measure there.",
        "",
        "| rows | index | recall@1 / 10 | bytes a photo | ms a query | s to build |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        count, length = result["sets"][row["rows"]]["rows"]
        wanted = row["name"] == "flat16" or (row["coded"] and any(word in row["name"] for word in words))
        if row["threads"] == 1 and wanted:
            lines.append(
                f"| {count:,} x {length} ({row['rows']}) | {row['name']} | {_percent(row, 'recall@1', 'recall@10')} "
                f"| {row['bytes']:.0f} | {row['cpu_ms']:.2f} | {row['build_cpu_s']:.1f} |"
            )
    return lines


def tower() -> list[str]:
    """Return the lines of the table of NetVLAD on walks."""
    result = _result("tower")
    made, rows = result["made_by"], result["rows"]
    lines = [
        f"`python benchmarks/accuracy/tower.py RUNS`, {made['date']}, {made['machine']}: {rows[0]['queries']} frames "
        f"of walks held out, {rows[0]['database']} in all. Floor: the nearest frame of another walk is of the same",
        "floor. Place: the nearest frame of all, less those within 3 frames, is within 10 frames.",
        "",
        "| method | seed | values | floor across walks R@1 | place R@1 |",
        "|---|---|---|---|---|",
    ]
    dims = [row["dim"] for row in rows if "dim" in row]
    lines += [
        f"| {row['method']} | {row['seed']} | {row.get('dim', dims[-1]):,} | {100 * row['area_recall_at_1']:.1f} "
        f"| {100 * row['place_recall_at_1']:.1f} |"
        for row in rows
    ]
    return lines


def delf() -> list[str]:
    """Return the lines of the table of DELF's selections of keypoints."""
    result = _result("delf")
    made, rows = result["made_by"], result["rows"]
    counts = list(dict.fromkeys(row["keypoints"] for row in rows))
    lines = [
        f"`python benchmarks/accuracy/delf.py`, {made['date']}, {made['machine']}: recall@1 by the number of keypoints "
        "of each photo. Two photos' score is the sum",
        "of the cubes of the positive cosines of their mutual nearest neighbors, without geometry. grocery: classes "
        "that neither step of training saw.",
        "",
        "| photos | map | keypoints | " + " | ".join(map(str, counts)) + " |",
        "|---" * (3 + len(counts)) + "|",
    ]
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        photos = f"{row['dataset']}, {row['queries']} in {row['database']}"
        found.setdefault((photos, row["network"], row["selection"]), []).append(f"{100 * row['recall@1']:.1f}")
    return lines + [f"| {' | '.join((*key, *recalls))} |" for key, recalls in found.items()]


def groceries() -> list[str]:
    """Return the lines of the table of losses and poolings on groceries."""
    result = _result("training")
    made, rows = result["made_by"], result["rows"]
    lines = [
        f"`python benchmarks/accuracy/training.py RUNS`, {made['date']}, {made['machine']}: {rows[0]['queries']} "
        f"photos of grocery/val.txt searched in {rows[0]['database']} of train.txt, {result['dim']} values; mean of",
        "the seeds, lowest and highest in brackets.",
        "",
        "| method | seeds | R@1 | R@5 | mAP |",
        "|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        cells = [_spread(own, name) for name in ("recall_at_1", "recall_at_5", "mean_average_precision")]
        lines.append(f"| {method} | {len(own) if own[0]['seed'] is not None else '-'} | {' | '.join(cells)} |")
    return lines


def _result(name: str) -> dict[str, Any]:
    """Return what a benchmark wrote."""
    found: dict[str, Any] = json.loads((HERE / "results" / f"{name}.json").read_text())
    return found


def _spread(rows: list[dict[str, Any]], name: str) -> str:
    values = [100 * row[name] for row in rows]
    mean = f"{sum(values) / len(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.1f}-{max(values):.1f})"


def voters(kind: str) -> list[str]:
    """Return the lines of the tables of one voter."""
    result = _result("votes")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/accuracy/votes.py CACHE`, {made['date']}, {made['machine']}: the preset `xfeat-{kind}`.",
        "",
        "| photos | verified | R@1 (95 %) | R@5 | mAP |",
        "|---|---|---|---|---|",
    ]
    for row in result["presets"]:
        if row["preset"] == f"xfeat-{kind}":
            low, high = row["interval"]
            lines.append(
                f"| {row['dataset']} | {row['verify'] or 'search only'} | {100 * row['recall@1']:.1f} "
                f"({100 * low:.0f}-{100 * high:.0f}) | {100 * row['recall@5']:.1f} | {100 * row['mAP']:.1f} |"
            )
    lines += [
        "",
        f"Search only, {result['keypoints']} XFeat keypoints a photo, sf_landmarks among photos of other things:",
        "",
        "| index | others | R@1 | KB a photo | ms a search |",
        "|---|---|---|---|---|",
    ]
    for row in result["others"]:
        if row["voter"].startswith(kind):
            lines.append(
                f"| {row['voter']} | {row['others']:,} | {100 * row['recall@1']:.1f} "
                f"| {row['bytes_per_photo'] / 1000:.1f} | {row['ms']:.0f} |"
            )
    return lines


def general() -> list[str]:
    """Return the lines of the table of the map for places in general."""
    result = _result("general")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/accuracy/general.py RUNS`, {made['date']}, {made['machine']}: trained on "
        f"{result['photos']} photos of ie_tower and grocery, measured on photos it never saw, search only.",
        "",
        "| method | sf_landmarks R@1 / 5 | corridor R@1 / 5 |",
        "|---|---|---|",
    ]
    for method in dict.fromkeys(row["method"] for row in result["rows"]):
        found = {row["dataset"]: row["metrics"] for row in result["rows"] if row["method"] == method}
        cells = [_percent(found[name], "recall@1", "recall@5") for name in ("sf_landmarks", "corridor")]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def exported() -> list[str]:
    """Return the lines of the table of ONNX files beside Torch."""
    result = _result("onnx")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/speed/export.py`, {made['date']}, {made['machine']}: from the resized picture to the "
        "descriptor, both ways in turn; medians, time of the processor over all threads in brackets.",
        "",
        "| preset | px | threads | Torch ms | onnxruntime ms | Torch / onnxruntime "
        f"| largest difference of {result['rows'][0]['photos']} photos |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        for threads, times in row["threads"].items():
            both = (f"{times[way]['ms']:.0f} ({times[way]['cpu_ms']:.0f})" for way in ("torch", "onnxruntime"))
            lines.append(
                f"| `{row['preset']}` | {row['size']} | {threads} | "
                + " | ".join(both)
                + f" | {times['ratio']:.2f} ({times['cpu_ratio']:.2f}) | {row['max_difference']:.1e} |"
            )
    return lines


def protocols() -> list[str]:
    """Return the lines of the table of the default preset by protocol."""
    result = _result("protocols")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/accuracy/protocols.py`, {made['date']}, {made['machine']}: "
        f"`{result['rows'][0]['preset']}`, own codebook; in brackets the 95 % interval; p is of the difference in "
        "recall@1 from the search alone.",
        "",
        "| photos | protocol | verified | queries | recall@1 | p | mAP | auc_pr | recall_at_100_precision |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        test = row.get("against_search", {}).get("recall@1")
        absent = f" + {row['not_in_database']} not in it" if row["not_in_database"] else ""
        cells = [
            row["dataset"],
            f"`{row['protocol']}`",
            str(row["options"]["verify"]) if row["options"]["verify"] else "search only",
            f"{row['queries']}{absent}",
            _with_interval(row, "recall@1"),
            "-" if test is None else f"{test['p']:.2g}",
            *(_with_interval(row, name) for name in ("mAP", "auc_pr", "recall_at_100_precision")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _with_interval(row: dict[str, Any], name: str) -> str:
    low, high = row["intervals"][name]
    return f"{100 * row['metrics'][name]:.1f} ({100 * low:.0f}-{100 * high:.0f})"


def _percent(row: dict[str, Any], *names: str) -> str:
    return " / ".join("-" if row[name] is None else f"{100 * row[name]:.0f}" for name in names)


def headline() -> list[str]:
    """Return the lines of the short table of the README."""
    made = _result("speed")
    lines = [
        "| | " + " | ".join(f"`{preset}`" for preset in PRESETS) + " |",
        "|---" * (len(PRESETS) + 1) + "|",
        "| recall@1 on sf_landmarks, search only | " + _cells("sf_landmarks", "own-0-0") + " |",
        "| the same, 50 verified | " + _cells("sf_landmarks", "own-50-0") + " |",
        "| recall@1 on corridor, search only (best published: 90.1) | " + _cells("corridor", "own-0-0") + " |",
        "| the same, 50 verified | " + _cells("corridor", "own-50-0") + " |",
    ]
    times = " | ".join(
        f"{made['query'][preset]['ms']:.0f} ms" if preset in made["query"] else "not measured" for preset in PRESETS
    )
    sizes = " | ".join(
        f"{_accuracy('sf_landmarks', preset, 'own-0-0')['bytes_per_photo'] / 1000:.0f} KB" for preset in PRESETS
    )
    return [*lines, f"| one query against 101 photos, 50 verified | {times} |", f"| disk a photo | {sizes} |"]


def _cells(dataset: str, run: str) -> str:
    found = (HERE / "results" / "accuracy" / f"{dataset}-{preset}-{run}.json" for preset in PRESETS)
    return " | ".join(
        f"{100 * json.loads(path.read_text())['metrics']['recall@1']:.1f}" if path.is_file() else "not measured"
        for path in found
    )


def _accuracy(dataset: str, preset: str, run: str) -> dict[str, Any]:
    path = HERE / "results" / "accuracy" / f"{dataset}-{preset}-{run}.json"
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def _order(path: Path) -> tuple[object, ...]:
    dataset, preset, codebook, verify, turn = _parts(path)
    first = PRESETS.index(preset) if preset in PRESETS else len(PRESETS)
    return dataset != "sf_landmarks", first, preset, int(turn), int(verify), codebook != "own", codebook


def _parts(path: Path) -> tuple[str, str, str, str, str]:
    """Return dataset, preset, codebook, verified and turn of a result's name."""
    start, codebook, verify, turn = path.stem.rsplit("-", 3)
    dataset, preset = start.split("-", 1)
    return dataset, preset, codebook, verify, turn


def _fill(path: Path, lines: list[str]) -> tuple[str, str]:
    """Return a document as it is, and with these lines between its marks."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return text, f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}"


def main() -> None:
    parts = {
        "Accuracy": accuracy(),
        "Descriptors": descriptors(),
        "Short descriptors": short(),
        "Verdicts": verdicts(),
        "Beside other packages": retrieval_peers(),
        "Two photos": matching(),
        "Two photos, beside other packages": peers(),
        "Two photos: verdicts, best matches, speed": pairs(),
        "Speed": speed(),
    }
    tables = [line for title, lines in parts.items() for line in (f"### {title}", "", *lines, "")][:-1]
    stale = False
    documents = {
        HERE / "README.md": tables,
        HERE.parent / "README.md": [*headline(), "", *beside()],
        **{METHODS / f"{page}.md": of_method(words) for page, words in PAGES.items()},
        METHODS / "vlad.md": [*of_method(("vlad",)), "", *vlad_time()],
        **{METHODS / f"{name}.md": indexes((name,)) for name in ("sq", "pq", "ivf")},
        HERE.parent / "docs" / "evaluation.md": protocols(),
        HERE.parent / "docs" / "exporting.md": exported(),
        HERE.parent / "docs" / "training.md": [*groceries(), "", *tower(), "", *general()],
        METHODS / "delf.md": delf(),
        **{METHODS / f"{name}.md": voters(name) for name in ("votes", "asmk")},
        METHODS / "netvlad.md": [*netvlad(), "", *of_method(("netvlad",))],
    }
    for path, lines in documents.items():
        text, filled = _fill(path, lines)
        stale |= text != filled
        if "--check" not in sys.argv[1:]:
            path.write_text(filled, encoding="utf-8")
    if "--check" in sys.argv[1:]:
        sys.exit(stale)
    print("\n".join(tables))


if __name__ == "__main__":
    main()
