"""Exact search through FAISS: every row is compared.

Rows are stored as float16 or float32. Exact means that no row is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from placeprint.arrays import LARGEST, LARGEST_HALF, ids_of, rows_of
from placeprint.core.options import Count, OneOf, Range, checked
from placeprint.errors import ShapeError
from placeprint.index.selecting import parameters_of
from placeprint.types import Floats, Ids, Ranking

NOTHING = np.finfo(np.float32).min
"""The score that FAISS gives where it finds no row."""


@checked
@dataclass(kw_only=True, eq=False)
class FlatIndex:
    """Exact inner-product search over unit rows.

    Args:
        bits: bits per value in memory, 16 or 32.
        most: photos up to which an atlas is searched exactly. Above, compact codes select candidates, which are then
            compared exactly (`index.compact`). 0 for exact search, however many photos there are.
    """

    bits: Annotated[int, OneOf(16, 32)] = 16
    most: Annotated[int, Range(0, 1_000_000_000)] = 2500
    _index: Any = field(default=None, init=False, repr=False)

    def __len__(self) -> int:
        return 0 if self._index is None else int(self._index.ntotal)

    def add(self, ids: Ids, descriptors: Floats) -> None:
        """Add ``(n, d)`` rows under their ids, ``(n,)`` int64.

        Raises:
            ShapeError: the rows differ in length from those in the index, are not finite, exceed float16 with ``bits``
                16, or their number differs from that of the ids.
        """
        dim = None if self._index is None else self._index.d
        rows = rows_of(descriptors, dim=dim, most=LARGEST_HALF if self.bits == 16 else LARGEST)
        numbers = ids_of(ids, len(rows))
        if not len(rows):
            return
        if self._index is None:
            self._index = _make(rows.shape[1], self.bits)
        self._index.add_with_ids(rows, numbers)

    def remove(self, ids: Ids) -> None:
        """Remove the rows with these ids; unknown ids are ignored."""
        if self._index is not None and len(ids):
            self._index.remove_ids(np.ascontiguousarray(ids, np.int64))

    def rows(self, ids: Ids) -> Floats:
        """Return the ``(n, d)`` rows of some ids, as stored.

        Raises:
            ShapeError: an id is not held.
        """
        if self._index is None:
            raise ShapeError("the index holds no rows")
        found = np.empty((len(ids), self._index.d), np.float32)
        try:
            for row, number in zip(found, ids.tolist(), strict=True):
                self._index.reconstruct(number, row)
        except RuntimeError as error:  # FAISS says so of ids that it does not know
            raise ShapeError("an id is not in the index") from error
        return found

    @checked
    def search(self, descriptors: Floats, top: Count, among: Ids | None = None) -> list[Ranking]:
        """Return the ``top`` best rows for each of ``(q, d)`` queries; equal scores are sorted by id.

        Args:
            descriptors: the queries.
            top: the number of rows wanted.
            among: ``(k,)`` int64 ids of the rows that are searched; None for all.

        Raises:
            ShapeError: the queries are not finite, or differ in length from the rows.
        """
        rows = rows_of(descriptors, "queries", dim=None if self._index is None else self._index.d)
        count = min(top, len(self) if among is None else min(len(among), len(self)))
        if count <= 0 or not len(rows):
            return [Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in rows]
        scores, ids = self._index.search(rows, count, params=None if among is None else parameters_of(among))
        rankings = []
        for all_scores, all_ids in zip(scores, ids, strict=True):
            there = all_scores > NOTHING
            row_scores, row_ids = all_scores[there], all_ids[there]
            order = np.lexsort((row_ids, -row_scores))
            rankings.append(Ranking(row_ids[order], row_scores[order]))
        return rankings


def _make(dim: int, bits: int) -> Any:
    import faiss

    metric = faiss.METRIC_INNER_PRODUCT
    if bits == 32:
        return faiss.IndexIDMap2(faiss.IndexFlat(dim, metric))
    return faiss.IndexIDMap2(faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, metric))
