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
from placeprint.types import Floats, Mask

NEAREST, RADIUS = 3.0, 10.0
ROWS = 1024
"""Most queries compared with the database at once."""


def place_recalls(
    descriptors: Floats, photos: PlacedPhotos, held: Mask, *, nearest: float = NEAREST, radius: float = RADIUS
) -> dict[str, float]:
    """Return how often held-out photos find their area in other sequences, and their place; see the module.

    Args:
        descriptors: ``(n, d)`` unit rows, one per photo; the largest dot product is the nearest.
        photos: the whole set.
        held: ``(n,)`` which photos are queries.
        nearest: the distance in meters within which photos of the query's sequence are excluded.
        radius: the distance in meters within which a photo shows the query's place.

    Returns:
        ``place_recall_at_1`` in [0, 1] (0 without an answerable query), ``place_queries`` and ``place_unanswerable``;
        the same three for ``area``, if areas are known; ``queries`` and ``database``, the numbers of photos.

    Raises:
        ShapeError: the shapes do not fit together, or no photo is held out.
    """
    count = len(photos)
    if descriptors.ndim != 2 or len(descriptors) != count or held.shape != (count,) or not held.any():
        raise ShapeError(
            f"descriptors must have shape ({count}, d) and held ({count},) with a photo in it, got "
            f"{descriptors.shape} and {held.shape} with {int(held.sum())}"
        )
    names = ("place",) if photos.areas is None else ("area", "place")
    hits, answered = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    every = np.flatnonzero(held)
    for start in range(0, len(every), ROWS):
        rows = every[start : start + ROWS]
        similarities = descriptors[rows] @ descriptors.T
        same = photos.sequences[rows, None] == photos.sequences
        apart = np.linalg.norm(photos.positions[rows, None] - photos.positions, axis=2)
        asked = {"place": (~(same & (apart <= nearest)), apart <= radius)}
        if photos.areas is not None:
            asked["area"] = (~same, photos.areas[rows, None] == photos.areas)
        for name in names:
            allowed, right = asked[name]
            found = np.where(allowed, similarities, -np.inf).argmax(axis=1)
            answerable = (allowed & right).any(axis=1)
            hits[name] += int((right[np.arange(len(rows)), found] & answerable).sum())
            answered[name] += int(answerable.sum())
    measures: dict[str, float] = {}
    for name in names:
        measures[f"{name}_recall_at_1"] = hits[name] / max(answered[name], 1)
        measures[f"{name}_queries"] = answered[name]
        measures[f"{name}_unanswerable"] = len(every) - answered[name]
    return measures | {"queries": len(every), "database": count}
