"""Tables of search by local features."""

from __future__ import annotations

from benchmarks.tables.results import origin, read, table


def voters(kind: str) -> list[str]:
    """Return the lines of the tables of one voter."""
    result = read("votes")
    rows = []
    for row in result["presets"]:
        if row["preset"] == f"xfeat-{kind}":
            low, high = row["interval"]
            first = f"{100 * row['recall@1']:.1f} ({100 * low:.0f}-{100 * high:.0f})"
            shares = (f"{100 * row[name]:.1f}" for name in ("recall@5", "mAP"))
            rows.append([row["dataset"], str(row["verify"] or "search only"), first, *shares])
    others = [
        [
            row["voter"],
            f"{row['others']:,}",
            f"{100 * row['recall@1']:.1f}",
            f"{row['bytes_per_photo'] / 1000:.1f}",
            f"{row['ms']:.0f}",
        ]
        for row in result["others"]
        if row["voter"].startswith(kind)
    ]
    return [
        f"{origin(result, 'benchmarks/accuracy/votes.py CACHE')}: the preset `xfeat-{kind}`.",
        "",
        *table("photos | verified | R@1 (95 %) | R@5 | mAP", rows),
        "",
        f"Search only, {result['keypoints']} XFeat keypoints per photo, sf_landmarks among photos of other things:",
        "",
        *table("index | others | R@1 | KB per photo | ms per search", others),
    ]


def delf() -> list[str]:
    """Return the lines of the table of DELF's selections of keypoints."""
    result = read("delf")
    rows = result["rows"]
    counts = list(dict.fromkeys(row["keypoints"] for row in rows))
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        photos = f"{row['dataset']}, {row['queries']} in {row['database']}"
        found.setdefault((photos, row["network"], row["selection"]), []).append(f"{100 * row['recall@1']:.1f}")
    return [
        f"{origin(result, 'benchmarks/accuracy/delf.py')}: recall@1 by the number of keypoints "
        "in each photo. The score of two photos is the sum",
        "of the cubes of the positive cosines of their mutual nearest neighbors, without geometry. grocery: classes "
        "that neither training step saw.",
        "",
        *table(
            "photos | map | keypoints | " + " | ".join(map(str, counts)),
            ([*key, *recalls] for key, recalls in found.items()),
        ),
    ]
