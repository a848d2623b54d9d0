"""Draw the worst failures of a method, with the matches that misled it and those it should have found.

A query fails if a wrong photo comes first. The later the first right one comes, the worse; among equals, the more
confident the wrong answer, the worse. Two pictures are drawn for each: the query beside the wrong photo, and beside the
right one, both with the matches verified by the preset's verifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from placeprint.atlas.atlas import Atlas
from placeprint.core.threads import one_core_for_products
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.describing.describer import Describer
from placeprint.errors import PhotoError
from placeprint.photos import read_image
from placeprint.types import Verifier
from placeprint.visualization.canvas import write_picture
from placeprint.visualization.matches import draw_matches

Row = Mapping[str, Any]

DRAWN = 12
"""Most failures drawn per pair."""


def worst_failures(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the queries that fail, the worst first.

    Args:
        rows: rows with ``num_positives``, ``first_hit`` (from 0, None if no right photo is ranked) and ``scores``.
    """

    def badness(row: Row) -> tuple[float, float]:
        hit = float("inf") if row["first_hit"] is None else row["first_hit"]
        return hit, row["scores"][0] if row["scores"] else float("-inf")

    return sorted((row for row in rows if row["num_positives"] and row["first_hit"] != 0), key=badness, reverse=True)


def draw_failures(
    atlas: Atlas, dataset: RetrievalSet, rows: Sequence[Row], output: Path, name: str
) -> list[dict[str, Any]]:
    """Write pictures of the worst failures to ``output/pictures/name``; return their descriptions, ready for JSON.

    Photos that cannot be used have no picture.

    Raises:
        WriteError: the pictures cannot be written.
    """
    now = atlas.snapshot()
    verifier: Verifier = now.preset.verifier.make()
    folder = Path("pictures") / name
    failures = []
    for number, row in enumerate(worst_failures(rows)[:DRAWN]):
        wrong = row["ranking"][0] if row["ranking"] else None
        shown = [(wrong, "wrong"), (row["first_right"], "right")]
        pictures = []
        for candidate, kind in shown:
            if candidate is None:
                continue
            file = folder / f"{number:02}-{kind}.jpg"
            found = _draw(now.describer, verifier, dataset.root, row, candidate, output / file)
            if found is not None:
                pictures.append({"candidate": candidate, "kind": kind, "file": file.as_posix()} | found)
        failures.append({"query": row["query"], "first_hit": row["first_hit"], "pictures": pictures})
    return failures


def _draw(
    describer: Describer, verifier: Verifier, root: Path, row: Row, candidate: str, path: Path
) -> dict[str, Any] | None:
    try:
        query, other = read_image(root / row["query"]), read_image(root / candidate)
    except PhotoError:
        return None
    with one_core_for_products():
        features = describer.turned_features(query, row["turn"] or 0.0)[0]
        check = verifier.verify(features, [describer.features(other)[0]])[0]
    write_picture(path, draw_matches(query, other, check.points[check.inliers]))
    return {"inliers": check.num_inliers, "verdict": verifier.verdict(check)}
