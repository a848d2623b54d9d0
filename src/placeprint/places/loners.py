"""Photos that no other photo is likely to show: rotated ones, and those that are alone.

The match graph compares photos as they are stored, upright. A photo without a likely link is searched once more from
its file, in all rotations. If a quarter rotation is confirmed by several photos, or by one that others show too, the
photo is rotated. Two photos that know only each other do not say which of them is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from placeprint.atlas import Atlas
from placeprint.errors import PhotoError
from placeprint.places.findings import Finding
from placeprint.places.graph import MatchGraph
from placeprint.types import Answer

LIKELY = 0.5
"""Probability from which a link counts, and certainty from which a photo is alone."""
QUARTER = 20.0
"""Degrees from a quarter rotation, at most."""

Progress = Callable[[int, int], None]


def loners(atlas: Atlas, graph: MatchGraph, *, progress: Progress | None = None) -> Iterator[Finding]:
    """Yield the photos of an atlas that are rotated or alone.

    Args:
        atlas: whose photos are searched again.
        graph: of the atlas.
        progress: called with the count of photos searched and of all.
    """
    few = {photo: alone for photo in graph.photos if (alone := _alone(graph, photo)) >= LIKELY}
    for done, (photo, alone) in enumerate(few.items(), start=1):
        path = graph.photos[photo].path
        try:
            answer = atlas.search(path, exclude=[path], top=10)
        except PhotoError:  # its file is gone or damaged, which is another finding
            continue
        rotated = _rotated(path, graph, answer)
        confirmed = answer.best is not None
        if rotated is not None:
            yield rotated
        elif not confirmed:
            certainty = alone if answer.confidence is None else min(alone, 1 - answer.confidence)
            yield Finding(path, "alone", "no other photo shows what it shows", round(certainty, 4))
        if progress is not None:
            progress(done, len(few))


def _alone(graph: MatchGraph, photo: int) -> float:
    """Return the probability that no link of a photo is right."""
    return math.prod(1 - probability for _, probability in graph.neighbors(photo))


def _rotated(path: str, graph: MatchGraph, answer: Answer) -> Finding | None:
    """Return whether a quarter rotation of a photo is confirmed by photos that are upright."""
    quarter = round(answer.rotation / 90) * 90 % 360
    off = abs((answer.rotation - quarter + 180) % 360 - 180)
    if answer.best is None or answer.confidence is None or not quarter or off > QUARTER:
        return None
    sure = [each for each in answer.evidence if (each.probability or 0.0) >= LIKELY]
    company = len(sure) > 1 or any(probability >= LIKELY for _, probability in graph.neighbors(answer.best.id))
    if not company:
        return None
    names = ", ".join(each.path for each in sure[:3])
    detail = f"rotate it by {quarter} degrees counter-clockwise: {names} then shows the same"
    return Finding(path, "rotated", detail, round(answer.confidence, 4))
