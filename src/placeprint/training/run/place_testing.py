"""The final test on photos with places: how well held-out sequences are found.

All kinds of descriptors are measured the same way. The queries are the photos of the held-out sequences. The database
is the whole set: training photos, validation photos, and the held-out ones themselves.

- *Area recall@1*, "is this the right floor?": a query is searched in all photos of other sequences, and it is right if
  the nearest is in its area. On walks through a building, this is the top-1 floor accuracy across clips.
- *Place recall@1*, "is this the right spot?": a query is searched in all photos, excluding those of its own sequence
  within `nearest` meters, which are nearly the same picture; it is right if the nearest is within `radius` meters. On
  walks a meter is a frame and other clips are far, so this means 4 to 10 frames along the same clip.

Queries without a right photo are excluded from a recall and counted. Of equally near photos, the first counts.
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
    descriptors: Floats, photos: PlacedPhotos, held_out: Mask, *, nearest: float = NEAREST, radius: float = RADIUS
) -> dict[str, float]:
    """Return how often held-out photos find their area in other sequences, and their place; see the module.

    Args:
        descriptors: ``(n, d)`` unit rows, one per photo; the largest dot product is the nearest.
        photos: the whole set.
        held_out: ``(n,)`` which photos are queries.
        nearest: the distance in meters within which photos of the query's sequence are excluded.
        radius: the distance in meters within which a photo shows the query's place.

    Returns:
        ``place_recall_at_1`` in [0, 1] (0 without an answerable query), ``place_queries`` and ``place_unanswerable``;
        the same three for ``area``, if areas are known; ``queries`` and ``database``, the numbers of photos.

    Raises:
        ShapeError: the shapes do not fit together, or no photo is held out.
    """
    count = len(photos)
    if descriptors.ndim != 2 or len(descriptors) != count or held_out.shape != (count,) or not held_out.any():
        raise ShapeError(
            f"descriptors must have shape ({count}, d) and held_out ({count},) with a photo in it, got "
            f"{descriptors.shape} and {held_out.shape} with {int(held_out.sum())}"
        )
    queries, groups = descriptors[held_out], (photos.sequences[held_out], photos.sequences)
    asked = {"place": Relevance(photos.positions[held_out], photos.positions, groups, radius, nearest)}
    if photos.areas is not None:
        asked = {"area": Relevance(photos.areas[held_out], photos.areas, groups)} | asked
    measures: dict[str, float] = {}
    for name, relevant in asked.items():
        first = relevant.first_hits(queries, descriptors)
        answered = first[np.isfinite(first)]
        measures[f"{name}_recall_at_1"] = recall_at(answered, 1) if len(answered) else 0.0
        measures[f"{name}_queries"] = len(answered)
        measures[f"{name}_unanswerable"] = len(first) - len(answered)
    return measures | {"queries": len(queries), "database": count}
