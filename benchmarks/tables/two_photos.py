"""Tables of two-photo matching: extractors, matchers, verdicts, other packages."""

from __future__ import annotations

from benchmarks.tables.results import origin, percent, read, table


def matching() -> list[str]:
    """Return the lines of the table of extractors and matchers."""
    result = read("matching")
    options, rows = result["options"], []
    for row in result["rows"]:
        graf = row["corner_errors"]["graf 1-3"]
        cells = [
            row["method"],
            f"{row['keypoints']:.0f}",
            percent(row, "repeatability"),
            percent(row, "matching_score"),
            percent(row, "mma@1", "mma@3", "mma@5", "mma@10"),
            f"{row['right_matches']:.0f}",
            percent(row, "auc@3", "auc@5", "auc@10"),
            percent(row, "homographies_right"),
            "-" if graf is None else f"{graf:.1f} px",
            percent(row, "best_100_right"),
            f"{row['ms_per_picture']:.0f}",
            f"{row['ms_per_pair']:.0f}",
        ]
        rows.append(cells)
    return [
        f"`placeprint benchmark matching`, {origin(result)}: {', '.join(result['pairs'])}; "
        f"longest side {options['size']} px, at most {options['keypoints']} keypoints, homography by "
        f"{options['homography']}.",
        "",
        *table(
            "extractor, matcher | keypoints | repeatability | matching score | right within 1 / 3 / 5 / 10 px "
            "| right matches | AUC 3 / 5 / 10 px | homographies right | error on graf 1-3 | best 100 right "
            "| ms per picture | ms per pair",
            rows,
        ),
    ]


def peers() -> list[str]:
    """Return the lines of the table of other packages."""
    result = read("matching-peers")
    rows = []
    for row in result["rows"]:
        if "error" in row:
            rows.append([row["method"], row["error"], *[""] * 4])
            continue
        cells = [
            row["method"],
            percent(row, "mma@1", "mma@3"),
            f"{row['right_matches']:.0f} of {row['matches']:.0f}",
            percent(row, "auc@3", "auc@5", "auc@10"),
            f"{row['ms_per_picture']:.0f}",
            f"{row['ms_per_pair']:.0f}",
        ]
        rows.append(cells)
    return [
        f"{origin(result, 'benchmarks/peers/matching.py')}: the {len(result['pairs'])} pairs "
        f"of oxford_affine, longest side {result['options']['longest_side']} px, about "
        f"{result['options']['keypoints']} keypoints, homography by {result['options']['homography']} for all.",
        "",
        *table(
            "method | right within 1 / 3 px | right matches | AUC 3 / 5 / 10 px | ms per picture | ms per pair", rows
        ),
    ]


def pairs() -> list[str]:
    """Return the lines on verdicts over pairs, the best matches of two landmarks, and times."""
    names = ("pair-verdicts", "best-matches", "descriptor", "pairs-speed")
    verdicts_, best, descriptor, speed_ = map(read, names)
    lines = [
        "`python benchmarks/accuracy/pair_verdicts.py`: all 101 x 101 pairs of sf_landmarks, each judged on its own.",
        "",
        '| features | labeled same: "same place" / "possible" | labeled different: "same place" / "possible" '
        "| most inliers in a pair labeled different | right pair ranked first by significance / by inliers |",
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
        "`python benchmarks/accuracy/best_matches.py`: right matches among the best 100, before / after verification.",
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
        f"`python benchmarks/speed/descriptor.py`, {made['date']}, {made['machine']}: our SIFT computes "
        f"{descriptor['own_per_s']:,.0f} descriptors per second, OpenCV's {descriptor['opencv_per_s']:,.0f} in the "
        f"same run ({descriptor['ratio']:.1f} x); mean cosine between the two {descriptor['cosine']:.3f}.",
        "",
        f"`python benchmarks/speed/pairs.py`, {speed_['made_by']['date']}, {speed_['made_by']['machine']}: "
        f"{speed_['candidates']} candidates of {speed_['keypoints']} XFeat keypoints, matched and verified:",
        "",
        "| what | ms per pair |",
        "|---|---|",
        *(f"| {name} | {each:.2f} |" for name, each in speed_["ms_per_pair"].items()),
    ]
    return lines
