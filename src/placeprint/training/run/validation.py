"""Choose the best weights by recall@1 or mAP of the validation photos, never of test photos.

A validation photo is searched among the training photos, or among the other validation photos. The right photos are
those of the same class or, for photos with places, those of the same area if areas are known, else those within the
radius. Photos with places are searched only in other sequences, because the previous frame is always found. With
``nearest`` they are also searched in their own sequence, excluding photos within that distance, and photos within the
radius are right. Photos without a right photo are excluded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError
from placeprint.training.data.prepare import TrainingData
from placeprint.training.recipe import Validation
from placeprint.types import Floats

ROWS = 1024
"""Most queries compared with the database at once."""
Values = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Relevance:
    """Which photos are searched, and which are right.

    Args:
        queries: the label ``(n,)`` or the position ``(n, 2)`` of each query.
        database: likewise for the database photos.
        query_groups: ``(n,)`` groups; a query is not searched in its own group.
        database_groups: likewise for the database photos.
        radius: the radius for positions; None for labels.
        nearest: the distance in meters; if above 0, only photos of the query's group within it are excluded.
    """

    queries: Values
    database: Values
    query_groups: Values
    database_groups: Values
    radius: float | None = None
    nearest: float = 0.0

    def allowed(self, rows: slice) -> NDArray[np.bool_]:
        """Return ``(rows, database)``: whether a query is searched in a photo."""
        other = np.asarray(self.query_groups[rows, None] != self.database_groups, np.bool_)
        return other | (self._apart(rows) > self.nearest) if self.nearest else other

    def right(self, rows: slice) -> NDArray[np.bool_]:
        """Return ``(rows, database)``: whether a photo is right for a query."""
        if self.radius is None:
            return np.asarray(self.queries[rows, None] == self.database, np.bool_)
        return np.asarray(self._apart(rows) <= self.radius, np.bool_)

    def _apart(self, rows: slice) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(self.queries[rows, None] - self.database[None], axis=2), np.float64)


def relevance(data: TrainingData, validation: Validation) -> Relevance:
    """Return which photos are searched, and which are right.

    Raises:
        DatasetError: no validation photo has a right photo.
    """
    queries = data.validation
    database = data.train if validation.against == "train" else queries
    none_shared = np.full(len(database), -1)  # training and validation have no sequence in common
    if isinstance(queries, LabeledPhotos) and isinstance(database, LabeledPhotos):
        names = {name: number for number, name in enumerate(database.classes)}
        numbers = np.array([names.get(name, -1) for name in queries.classes])
        groups = np.arange(len(queries))
        others = groups if database is queries else none_shared
        found = Relevance(numbers[queries.labels], database.labels, groups, others)
    elif isinstance(queries, PlacedPhotos) and isinstance(database, PlacedPhotos):
        groups = queries.sequences
        others = groups if database is queries else none_shared
        if queries.areas is not None and database.areas is not None and not validation.nearest:
            found = Relevance(queries.areas, database.areas, groups, others)
        else:
            places = queries.positions, database.positions
            found = Relevance(*places, groups, others, validation.radius, validation.nearest)
    else:
        raise DatasetError("training and validation must both have labels, or both places")
    if not any((found.right(rows) & found.allowed(rows)).any() for rows in _parts(len(queries))):
        raise DatasetError(
            f"none of {len(queries)} validation photos shows the same thing as another of {validation.against} shows; "
            "set validation.against, or split the photos in another way"
        )
    return found


def score(queries: Floats, database: Floats, relevant: Relevance, metric: str = "recall@1") -> float:
    """Return the validation metric, in [0, 1].

    Args:
        queries: ``(n, d)`` unit rows.
        database: ``(m, d)`` unit rows.
        relevant: which photos are searched, and which are right.
        metric: ``"recall@1"``, the share of queries whose nearest photo is right, or ``"mAP"``, the mean over queries
            of the mean precision at the ranks of the right photos.
    """
    total, counted = 0.0, 0
    for rows in _parts(len(queries)):
        allowed = relevant.allowed(rows)
        right = relevant.right(rows) & allowed
        similarities = np.where(allowed, queries[rows] @ database.T, -np.inf)
        answerable = right.any(axis=1)
        if metric == "mAP":
            order = np.argsort(-similarities[answerable], axis=1, kind="stable")
            ranked = np.take_along_axis(right[answerable], order, axis=1)
            precisions = np.cumsum(ranked, axis=1) / np.arange(1, ranked.shape[1] + 1)
            total += float(((precisions * ranked).sum(axis=1) / ranked.sum(axis=1)).sum())
        else:
            total += int(right[np.arange(len(right)), similarities.argmax(axis=1)].sum())
        counted += int(answerable.sum())
    return total / counted


def _parts(count: int) -> list[slice]:
    return [slice(start, start + ROWS) for start in range(0, count, ROWS)]
