"""Tables of speed and size."""

from __future__ import annotations

from benchmarks.tables.results import origin, percent, read, table


def speed() -> list[str]:
    """Return the lines of the speed table."""
    result = read("speed")
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


def netvlad() -> list[str]:
    """Return the lines of the table of the NetVLAD layer against other implementations."""
    result = read("netvlad")
    rows = []
    for row in result["rows"]:
        times = ", ".join(f"{row[name]['times_ours']:.1f} x" for name in ("bmm", "loop", "residuals"))
        peaks = ", ".join(f"{row[name]['peak_mb']:.0f}" for name in ("bmm", "residuals"))
        shape, backward = " x ".join(map(str, row["shape"])), "yes" if "backward" in row["mode"] else "no"
        own = row["placeprint"]
        cells = [row["initialization"], shape, backward, f"{own['ms']:.0f}", times, f"{own['peak_mb']:.1f}", peaks]
        rows.append([*cells, f"{row['least_mb']:.1f}"])
    return [
        f"{origin(result)}, {result['threads']} thread of Torch {result['made_by']['torch']}.",
        "",
        *table(
            "initialization | map | gradient | ms | time relative to ours: `bmm`, `loop`, `residuals` | peak MB "
            "| peak MB of `bmm`, `residuals` | lower bound, MB",
            rows,
        ),
    ]


def vlad_time() -> list[str]:
    """Return the lines of the table of a VLAD beside its one matrix product."""
    result = read("vlad")
    rows = []
    for row in result["rows"]:
        count, length, words, assignments = row["shape"]
        times = (
            f"{row[name]['ms']:.2f} ms ({row[name]['times_product']:.1f} x)"
            for name in ("placeprint", "sklearn", "words")
        )
        rows.append([f"{count} x {length}, {words}, {assignments}", f"{row['product']['ms']:.2f}", *times])
    return [
        f"Time on one core, {origin(result)}: medians; in parentheses the time relative to the product alone.",
        "",
        *table("descriptors, words, assignments | the product, ms | ours | scikit-learn | loop over words", rows),
    ]


def indexes(words: tuple[str, ...]) -> list[str]:
    """Return the lines of the table of exact search and of the indexes whose name contains one of the words."""
    result = read("indexes")
    rows = []
    for row in result["rows"]:
        count, length = result["sets"][row["rows"]]["rows"]
        wanted = row["name"] == "flat16" or (row["coded"] and any(word in row["name"] for word in words))
        if row["threads"] == 1 and wanted:
            cells = [f"{count:,} x {length} ({row['rows']})", row["name"], percent(row, "recall@1", "recall@10")]
            rows.append([*cells, f"{row['bytes']:.0f}", f"{row['cpu_ms']:.2f}", f"{row['build_cpu_s']:.1f}"])
    return [
        f"{origin(result, 'benchmarks/speed/indexes.py')}, one thread: agreement with exact "
        "search; CPU milliseconds per query. Synthetic rows are views of places that are about equally near, so "
        "recall@1 is a hard measure there.",
        "",
        *table("rows | index | recall@1 / 10 | bytes per photo | ms per query | s to build", rows),
    ]


def exported() -> list[str]:
    """Return the lines of the table of ONNX files beside Torch."""
    result = read("onnx")
    rows = []
    for row in result["rows"]:
        for threads, times in row["threads"].items():
            both = (f"{times[way]['ms']:.0f} ({times[way]['cpu_ms']:.0f})" for way in ("torch", "onnxruntime"))
            ratio = f"{times['ratio']:.2f} ({times['cpu_ratio']:.2f})"
            cells = [f"`{row['preset']}`", str(row["size"]), threads, *both, ratio, f"{row['max_difference']:.1e}"]
            rows.append(cells)
    return [
        f"{origin(result, 'benchmarks/speed/export.py')}: from the resized picture to the "
        "descriptor, the two runtimes alternating; medians, with CPU time over all threads in parentheses.",
        "",
        *table(
            "preset | px | threads | Torch ms | onnxruntime ms | Torch / onnxruntime "
            f"| largest difference of {result['rows'][0]['photos']} photos",
            rows,
        ),
    ]
