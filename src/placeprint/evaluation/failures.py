"""Draw the worst failures of a method, with the matches that misled it and those it should have found.

A query fails if a wrong photo comes first. The later the first right one comes, the worse; among equals, the more
confident the wrong answer, the worse. Two pictures are drawn for each: the query beside the wrong photo, and beside the
right one, both with the matches verified by the preset's verifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from placeprint.atlas.atlas import Atlas
from placeprint.core.threads import one_core_for_products
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.describing.describer import Describer
from placeprint.errors import PhotoError
from placeprint.evaluation.results import Failure, FailurePicture, QueryResult
from placeprint.photos import read_image
from placeprint.types import Verification, Verifier
from placeprint.visualization.canvas import write_picture
from placeprint.visualization.matches import draw_matches

DRAWN = 12
"""Most failures drawn per pair."""


def worst_failures(queries: Sequence[QueryResult]) -> list[QueryResult]:
    """Return the judged queries that fail, the worst first."""

    def badness(query: QueryResult) -> tuple[float, float]:
        hit = float("inf") if query.first_hit is None else query.first_hit
        return hit, query.scores[0] if query.scores else float("-inf")

    return sorted((each for each in queries if each.num_positives and each.first_hit != 0), key=badness, reverse=True)


def draw_failures(
    atlas: Atlas, dataset: RetrievalSet, queries: Sequence[QueryResult], output: Path, name: str
) -> tuple[Failure, ...]:
    """Write pictures of the worst failures into ``output/pictures/name``; return what they show.

    Photos that cannot be used have no picture.

    Raises:
        WriteError: the pictures cannot be written.
    """
    now = atlas.snapshot()
    verifier: Verifier = now.preset.verifier.make()
    folder = Path("pictures") / name
    failures = []
    for number, query in enumerate(worst_failures(queries)[:DRAWN]):
        wrong = query.ranking[0] if query.ranking else None
        pictures = []
        for candidate, kind in ((wrong, "wrong"), (query.first_right, "right")):
            if candidate is None:
                continue
            file = folder / f"{number:02}-{kind}.jpg"
            check = _draw(now.describer, verifier, dataset.root, query, candidate, output / file)
            if check is not None:
                picture = FailurePicture(
                    candidate=candidate,
                    kind=kind,
                    file=file.as_posix(),
                    inliers=check.num_inliers,
                    verdict=verifier.verdict(check),
                )
                pictures.append(picture)
        failures.append(Failure(query=query.query, first_hit=query.first_hit, pictures=tuple(pictures)))
    return tuple(failures)


def _draw(
    describer: Describer, verifier: Verifier, root: Path, row: QueryResult, candidate: str, path: Path
) -> Verification | None:
    """Draw a query beside a candidate; return how they match, None where one of them cannot be read."""
    try:
        query, other = read_image(root / row.query), read_image(root / candidate)
    except PhotoError:
        return None
    with one_core_for_products():
        features = describer.rotated_one(query, row.turn or 0.0, 0)
        check = verifier.verify(features, [describer.rotated_one(other, 0.0, 0)])[0]
    write_picture(path, draw_matches(query, other, check.points[check.inliers]))
    return check
