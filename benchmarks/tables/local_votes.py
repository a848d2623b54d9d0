"""Tables of search by local features."""

from __future__ import annotations

from benchmarks.tables.results import read


def voters(kind: str) -> list[str]:
    """Return the lines of the tables of one voter."""
    result = read("votes")
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
        f"Search only, {result['keypoints']} XFeat keypoints per photo, sf_landmarks among photos of other things:",
        "",
        "| index | others | R@1 | KB per photo | ms per search |",
        "|---|---|---|---|---|",
    ]
    for row in result["others"]:
        if row["voter"].startswith(kind):
            lines.append(
                f"| {row['voter']} | {row['others']:,} | {100 * row['recall@1']:.1f} "
                f"| {row['bytes_per_photo'] / 1000:.1f} | {row['ms']:.0f} |"
            )
    return lines


def delf() -> list[str]:
    """Return the lines of the table of DELF's selections of keypoints."""
    result = read("delf")
    made, rows = result["made_by"], result["rows"]
    counts = list(dict.fromkeys(row["keypoints"] for row in rows))
    lines = [
        f"`python benchmarks/accuracy/delf.py`, {made['date']}, {made['machine']}: recall@1 by the number of keypoints "
        "in each photo. The score of two photos is the sum",
        "of the cubes of the positive cosines of their mutual nearest neighbors, without geometry. grocery: classes "
        "that neither training step saw.",
        "",
        "| photos | map | keypoints | " + " | ".join(map(str, counts)) + " |",
        "|---" * (3 + len(counts)) + "|",
    ]
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        photos = f"{row['dataset']}, {row['queries']} in {row['database']}"
        found.setdefault((photos, row["network"], row["selection"]), []).append(f"{100 * row['recall@1']:.1f}")
    return lines + [f"| {' | '.join((*key, *recalls))} |" for key, recalls in found.items()]
