"""Tables of training."""

from __future__ import annotations

from benchmarks.tables.results import percent, read, spread


def groceries() -> list[str]:
    """Return the lines of the table of losses and poolings on groceries."""
    result = read("training")
    made, rows = result["made_by"], result["rows"]
    lines = [
        f"`python benchmarks/accuracy/training.py RUNS`, {made['date']}, {made['machine']}: {rows[0]['queries']} "
        f"photos of grocery/val.txt searched in {rows[0]['database']} of train.txt, {result['dim']} values; mean over",
        "the seeds, lowest and highest in parentheses.",
        "",
        "| method | seeds | R@1 | R@5 | mAP |",
        "|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        cells = [spread(own, name) for name in ("recall_at_1", "recall_at_5", "mean_average_precision")]
        lines.append(f"| {method} | {len(own) if own[0]['seed'] is not None else '-'} | {' | '.join(cells)} |")
    return lines


def few_photos() -> list[str]:
    """Return the lines of the table of training on few photos."""
    result = read("few-photos")
    made, rows = result["made_by"], result["rows"]
    names = ("photos recall@1", "photos mAP", "classes recall@1", "classes mAP")
    lines = [
        f"`python benchmarks/accuracy/few_photos.py RUNS`, {made['date']}, {made['machine']}: the recipe "
        "`places-from-folders` at 192 x 192 on 10 classes of 20 photos of grocery; mean over the seeds, each with 10",
        "different classes. Held-out photos show the same classes; held-out classes are the other 71.",
        "",
        "| method | weights | seeds | held-out photos R@1 | mAP | held-out classes R@1 | mAP |",
        "|---|---|---|---|---|---|---|",
    ]
    states = {"before": "before the first step", "after": "after the last step", "kept": "kept by validation"}
    for method in dict.fromkeys(row["method"] for row in rows):
        for state, said in states.items():
            own = [row for row in rows if (row["method"], row["state"]) == (method, state)]
            if own:
                cells = [f"{100 * sum(row[name] for row in own) / len(own):.1f}" for name in names]
                lines.append(f"| {method} | {said} | {len(own)} | {' | '.join(cells)} |")
    return lines


def tower() -> list[str]:
    """Return the lines of the table of NetVLAD on walks."""
    result = read("tower")
    made, rows = result["made_by"], result["rows"]
    lines = [
        f"`python benchmarks/accuracy/tower.py RUNS`, {made['date']}, {made['machine']}: {rows[0]['queries']} frames "
        f"of walks held out, {rows[0]['database']} in all. Floor: the nearest frame from another walk shows the same",
        "floor. Place: the nearest of all frames more than 3 frames away is within 10 frames.",
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


def general() -> list[str]:
    """Return the lines of the table of the recipe `general-place`."""
    result = read("general")
    made = result["made_by"]
    lines = [
        f"`python benchmarks/accuracy/general.py RUNS`, {made['date']}, {made['machine']}: trained on "
        f"{result['photos']} photos of ie_tower and grocery, measured on photos outside the training set, search only.",
        "",
        "| method | sf_landmarks R@1 / 5 | corridor R@1 / 5 |",
        "|---|---|---|",
    ]
    for method in dict.fromkeys(row["method"] for row in result["rows"]):
        found = {row["dataset"]: row["metrics"] for row in result["rows"] if row["method"] == method}
        cells = [percent(found[name], "recall@1", "recall@5") for name in ("sf_landmarks", "corridor")]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def throughput() -> list[str]:
    """Return the lines on photos per second in training, and the memory of mining."""
    result, mining = read("training-speed"), read("mining")
    rates, times, made = result["photos_per_second"], result["times_plain"], result["made_by"]
    return [
        f"`python benchmarks/speed/training.py`, {made['date']}, {made['machine']}: the last stage of "
        f"EfficientNet-Lite2, GeM and a projection, {result['photos']} photos of {result['size'][0]} x "
        f"{result['size'][1]} in batches of {result['batch']}; medians of {result['rounds']} rounds.",
        "",
        "| loading | photos per second | speed relative to the plain loop |",
        "|---|---|---|",
        *(f"| {name} | {rates[name]:.1f} | {times[name]:.2f} |" for name in rates),
        "",
        f"Mining among {mining['photos']:,} photos, {mining['dim']} values each in a file of {mining['dtype']}, takes "
        f"{mining['peak_over_start_mb']:.0f} MB of memory (`python benchmarks/speed/mining.py`, "
        f"{mining['made_by']['date']}).",
    ]
