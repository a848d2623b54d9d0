"""An explanation as JSON: the same facts as its page."""

from __future__ import annotations

from typing import Any

import numpy as np

from placeprint.describing.contributions import Contribution, Contributions
from placeprint.explaining.aligning import plane_of
from placeprint.explaining.explanation import Explanation
from placeprint.types import Evidence

STRONGEST = 20
"""Keypoints and words named for each photo."""


def as_data(path: str, explanation: Explanation) -> dict[str, Any]:
    """Return the facts of an explanation.

    Args:
        path: of the query.
        explanation: why the atlas answers as it does.
    """
    answer, first = explanation.answer, explanation.first
    located = explanation.located
    place, where = (None, None) if located is None else (located.place, located.location)
    plane = None if first is None else plane_of(first.verification)
    return {
        "format": 1,
        "query": path,
        "answer": explanation.state,
        "place": None if place is None else {"id": place.id, "label": place.label},
        "confidence": explanation.confidence,
        "location": None
        if where is None
        else {"latitude": where.latitude, "longitude": where.longitude, "radius_m": where.radius},
        "note": answer.note,
        "rotation": answer.rotation,
        "photos_in_atlas": explanation.photos,
        "first": None if first is None else _candidate(first),
        "facts": dict(explanation.facts),
        "reasons": [{"words": each.words, "speaks_for": each.speaks_for} for each in explanation.reasons],
        "homography": None if plane is None else plane.transform.tolist(),
        "runner_up": None
        if explanation.rival is None
        else _candidate(explanation.rival) | {"why_it_lost": explanation.why_rival_lost},
        "contributions": None
        if explanation.of_query is None or explanation.of_candidate is None
        else {"query": _parts(explanation.of_query), "photo": _parts(explanation.of_candidate)},
        "no_contributions_because": explanation.not_taken_apart or None,
    }


def _candidate(each: Evidence) -> dict[str, Any]:
    return {
        "photo": each.path,
        "verdict": each.verdict,
        "similarity": each.similarity,
        "probability": each.probability,
        "inliers": each.num_inliers,
        "location": each.location,
    }


def _words(part: Contribution) -> list[dict[str, Any]] | None:
    """Return the visual words that add the most; None if there are none."""
    if part.words is None or part.by_word is None:
        return None
    words, places = np.unique(part.words, return_inverse=True)
    sums = np.bincount(places.ravel(), part.by_word.ravel(), len(words))
    return [{"word": int(words[row]), "adds": float(sums[row])} for row in np.argsort(-sums, kind="stable")[:STRONGEST]]


def _parts(found: Contributions) -> dict[str, Any]:
    """Return what each descriptor adds, with its strongest keypoints and words."""
    return {
        "similarity": found.total,
        "rest": found.rest,
        "parts": [
            {
                "name": part.name,
                "adds": part.total,
                "keypoints": len(part.values),
                "words": _words(part),
                "strongest": [
                    {"x": float(x), "y": float(y), "adds": float(part.values[row])}
                    for row in (-part.values).argsort(kind="stable")[:STRONGEST]
                    for x, y in (part.features.keypoints[row],)
                ],
            }
            for part in found.parts
        ],
    }
