"""The last word on photos with places: sequences that neither trained nor validated are found again, or are not.

Descriptors of any kind are measured alike. The queries are the photos of the held-out sequences, the database is the
whole set: photos that trained, photos that validated, and the held-out ones themselves.

- *Area recall@1*, "is this the right floor?": a query is searched in all photos of other sequences, and answered when
  the nearest is of its area. On walks through a building it is the top-1 of the floor across clips.
- *Place recall@1*, "is this the right spot?": a query is searched in all photos, without those of its own sequence at
  most `nearest` meters away, which are nearly the same picture; it is answered when the nearest is at most `radius`
  meters away. On walks a meter is a frame and other clips are far, so it is 4 to 10 frames along the same clip.

Queries that nothing could answer are left out of a recall, and counted. Of equally near photos the first counts.
"""

from __future__ import annotations

import numpy as np

from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import ShapeError
from placeprint.evaluation.metrics import recall_at
from placeprint.evaluation.relevance import Relevance
from placeprint.types import Floats, Mask

NEAREST, RADIUS = 3.0, 10.0


def place_recalls(
    descriptors: Floats, photos: PlacedPhotos, held: Mask, *, nearest: float = NEAREST, radius: float = RADIUS
) -> dict[str, float]:
    """Return how many held-out photos find their area in other sequences, and their place; see the module.

    Args:
        descriptors: ``(n, d)`` unit rows, one a photo; the greatest dot product is the nearest.
        photos: the whole set.
        held: ``(n,)`` which photos are queries.
        nearest: meters; photos of the query's sequence that are at most so far are not searched for its place.
        radius: meters; a photo at most so far shows the query's place.

    Returns:
        ``place_recall_at_1`` in [0, 1], 0 without an answerable query, ``place_queries`` and ``place_unanswerable``;
        the same three of ``area``, where areas are known; ``queries`` and ``database``, counts of photos.

    Raises:
        ShapeError: the shapes do not fit together, or no photo is held out.
    """
    count = len(photos)
    if descriptors.ndim != 2 or len(descriptors) != count or held.shape != (count,) or not held.any():
        raise ShapeError(
            f"descriptors must have shape ({count}, d) and held ({count},) with a photo in it, got "
            f"{descriptors.shape} and {held.shape} with {int(held.sum())}"
        )
    queries, groups = descriptors[held], (photos.sequences[held], photos.sequences)
    asked = {"place": Relevance(photos.positions[held], photos.positions, groups, radius, nearest)}
    if photos.areas is not None:
        asked = {"area": Relevance(photos.areas[held], photos.areas, groups)} | asked
    measures: dict[str, float] = {}
    for name, relevant in asked.items():
        first = relevant.first_hits(queries, descriptors)
        answered = first[np.isfinite(first)]
        measures[f"{name}_recall_at_1"] = recall_at(answered, 1) if len(answered) else 0.0
        measures[f"{name}_queries"] = len(answered)
        measures[f"{name}_unanswerable"] = len(first) - len(answered)
    return measures | {"queries": len(queries), "database": count}
