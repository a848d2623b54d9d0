"""Which photos of a database are right for which queries, by label or by position, and how well descriptors find them.

Training validates and tests by these; `retrieval` measures sets whose right photos are listed. Both end in the same
metrics: `first_hits` gives recall@k by `metrics.recall_at`, `hits` gives what every metric of `measures` takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.evaluation.metrics import Hits
from placeprint.types import Floats, Mask

ROWS = 1024
"""Queries compared with the database at once."""
Values = NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Relevance:
    """Which photos a query is searched in, and which of them are right.

    Args:
        queries: ``(q,)`` labels, or ``(q, 2)`` positions in meters.
        database: ``(n,)`` or ``(n, 2)``, likewise.
        groups: ``(q,)`` and ``(n,)`` groups of both; a query is not searched in its own group. None for no groups.
        radius: meters within which a position is right; None for labels, which must be equal.
        nearest: meters; photos of the query's group that are farther away are searched. None for none of them.
    """

    queries: Values
    database: Values
    groups: tuple[Values, Values] | None = None
    radius: float | None = None
    nearest: float | None = None

    def answerable(self) -> Mask:
        """Return ``(q,)``: whether a right photo is searched."""
        return np.concatenate([right.any(axis=1) for _, _, right in self._parts()])

    def first_hits(self, queries: Floats, database: Floats) -> NDArray[np.float64]:
        """Return ``(q,)`` float64 ranks (from 0) of the first right photo; ``inf`` for queries that have none.

        Of equally similar photos the first of the database comes first.

        Args:
            queries: ``(q, d)`` unit rows; the greatest dot product is the most similar.
            database: ``(n, d)`` unit rows.
        """
        found = []
        for rows, allowed, right in self._parts():
            similarities = np.where(allowed, queries[rows] @ database.T, -np.inf)
            place = np.where(right, similarities, -np.inf).argmax(axis=1)[:, None]
            best = np.take_along_axis(similarities, place, axis=1)
            before = (similarities == best) & (np.arange(len(database)) < place)
            ranks = (allowed & ((similarities > best) | before)).sum(axis=1)
            found.append(np.where(right.any(axis=1), ranks, np.inf))
        return np.concatenate(found)

    def hits(self, queries: Floats, database: Floats) -> Hits:
        """Return the ranks of all right photos; arguments and ties as `first_hits`."""
        ranks, counts = [], []
        for rows, allowed, right in self._parts():
            similarities = np.where(allowed, queries[rows] @ database.T, -np.inf)
            order = np.argsort(-similarities, axis=1, kind="stable")
            ranked = np.take_along_axis(right, order, axis=1)
            ranks += [np.flatnonzero(row) for row in ranked]
            counts.append(right.sum(axis=1))
        return Hits(ranks, np.concatenate(counts))

    def _parts(self) -> Iterator[tuple[slice, Mask, Mask]]:
        """Yield rows of queries, ``(rows, n)`` whether each is searched in a photo, and whether that is right."""
        for start in range(0, len(self.queries), ROWS):
            rows = slice(start, start + ROWS)
            apart = None if self.radius is None else self._apart(rows)
            allowed = np.ones((len(self.queries[rows]), len(self.database)), np.bool_)
            if self.groups is not None:
                allowed = np.asarray(self.groups[0][rows, None] != self.groups[1], np.bool_)
                if apart is not None and self.nearest is not None:
                    allowed |= apart > self.nearest
            yield rows, allowed, allowed & self._right(rows, apart)

    def _right(self, rows: slice, apart: NDArray[np.float64] | None) -> Mask:
        if apart is None or self.radius is None:
            return np.asarray(self.queries[rows, None] == self.database, np.bool_)
        return np.asarray(apart <= self.radius, np.bool_)

    def _apart(self, rows: slice) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(self.queries[rows, None] - self.database[None], axis=2), np.float64)
