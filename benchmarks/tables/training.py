"""Tables of training."""

from __future__ import annotations

from benchmarks.tables.results import origin, percent, read, spread, table


def groceries() -> list[str]:
    """Return the lines of the table of losses and poolings on groceries."""
    result = read("training")
    rows, cells = result["rows"], []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        shares = [spread(own, name) for name in ("recall_at_1", "recall_at_5", "mean_average_precision")]
        cells.append([method, str(len(own)) if own[0]["seed"] is not None else "-", *shares])
    return [
        f"{origin(result, 'benchmarks/accuracy/training.py RUNS')}: {rows[0]['queries']} "
        f"photos of grocery/val.txt searched in {rows[0]['database']} of train.txt, {result['dim']} values; mean over",
        "the seeds, lowest and highest in parentheses.",
        "",
        *table("method | seeds | R@1 | R@5 | mAP", cells),
    ]


def few_photos() -> list[str]:
    """Return the lines of the table of training on few photos."""
    result = read("few-photos")
    rows, cells = result["rows"], []
    names = ("photos recall@1", "photos mAP", "classes recall@1", "classes mAP")
    states = {"before": "before the first step", "after": "after the last step", "kept": "kept by validation"}
    for method in dict.fromkeys(row["method"] for row in rows):
        for state, said in states.items():
            own = [row for row in rows if (row["method"], row["state"]) == (method, state)]
            if own:
                shares = [f"{100 * sum(row[name] for row in own) / len(own):.1f}" for name in names]
                cells.append([method, said, str(len(own)), *shares])
    return [
        f"{origin(result, 'benchmarks/accuracy/few_photos.py RUNS')}: the recipe "
        "`places-from-folders` at 192 x 192 on 10 classes of 20 photos of grocery; mean over the seeds, each with 10",
        "different classes. Held-out photos show the same classes; held-out classes are the other 71.",
        "",
        *table("method | weights | seeds | held-out photos R@1 | mAP | held-out classes R@1 | mAP", cells),
    ]


def tower() -> list[str]:
    """Return the lines of the table of NetVLAD on walks."""
    result = read("tower")
    rows = result["rows"]
    dims = [row["dim"] for row in rows if "dim" in row]
    cells = [
        [
            row["method"],
            str(row["seed"]),
            f"{row.get('dim', dims[-1]):,}",
            f"{100 * row['area_recall_at_1']:.1f}",
            f"{100 * row['place_recall_at_1']:.1f}",
        ]
        for row in rows
    ]
    return [
        f"{origin(result, 'benchmarks/accuracy/tower.py RUNS')}: {rows[0]['queries']} frames "
        f"of walks held out, {rows[0]['database']} in all. Floor: the nearest frame from another walk shows the same",
        "floor. Place: the nearest of all frames more than 3 frames away is within 10 frames.",
        "",
        *table("method | seed | values | floor across walks R@1 | place R@1", cells),
    ]


def general() -> list[str]:
    """Return the lines of the table of the recipe `general-place`."""
    result = read("general")
    cells = []
    for method in dict.fromkeys(row["method"] for row in result["rows"]):
        found = {row["dataset"]: row["metrics"] for row in result["rows"] if row["method"] == method}
        shares = (percent(found[name], "recall@1", "recall@5") for name in ("sf_landmarks", "corridor"))
        cells.append([method, *shares])
    return [
        f"{origin(result, 'benchmarks/accuracy/general.py RUNS')}: trained on "
        f"{result['photos']} photos of ie_tower and grocery, measured on photos outside the training set, search only.",
        "",
        *table("method | sf_landmarks R@1 / 5 | corridor R@1 / 5", cells),
    ]


def throughput() -> list[str]:
    """Return the lines on photos per second in training, and the memory of mining."""
    result, mining = read("training-speed"), read("mining")
    rates, times = result["photos_per_second"], result["times_plain"]
    return [
        f"{origin(result, 'benchmarks/speed/training.py')}: the last stage of "
        f"EfficientNet-Lite2, GeM and a projection, {result['photos']} photos of {result['size'][0]} x "
        f"{result['size'][1]} in batches of {result['batch']}; medians of {result['rounds']} rounds.",
        "",
        *table(
            "loading | photos per second | speed relative to the plain loop",
            ([name, f"{rates[name]:.1f}", f"{times[name]:.2f}"] for name in rates),
        ),
        "",
        f"Mining among {mining['photos']:,} photos, {mining['dim']} values each in a file of {mining['dtype']}, takes "
        f"{mining['peak_over_start_mb']:.0f} MB of memory (`python benchmarks/speed/mining.py`, "
        f"{mining['made_by']['date']}).",
    ]
