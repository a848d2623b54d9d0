"""Search among very many photos by compact codes: at most 4 KB per photo, mapped from files.

Long descriptors: every sketch is compared, by the bits that differ. Where there are more than `HEADS_FROM` photos, the
heads of the sketches select first, 512 bytes per photo, and the whole sketches rank what they select. A core compares
some 25 GB per second, so a million photos take about 30 ms.

Short descriptors: inverted lists (`index.compact_lists`), and what came after they were made is compared row by row.

Scores are cosines as the codes say them. The atlas measures the first ones exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import rows_of
from placeprint.core.options import Count, checked
from placeprint.index.compact_code import CompactCode
from placeprint.index.compact_lists import RowFilter, add_codes, best_codes, flat_lists
from placeprint.index.compact_rows import CompactRows
from placeprint.types import Floats, Ids, Ranking

HEADS_FROM = 50_000
"""Photos from which on heads select first."""
LEAST_SELECTED = 5000
SELECTED = 0.02
"""Share of the photos that heads select, `LEAST_SELECTED` at least."""
MANY, SURPLUS = 0.2, 2.0
"""The share of allowed rows above which all are compared, and how many more than needed are then requested."""
TOGETHER = 512
"""Selected rows that are compared at once."""
MOST_ON_HEAP = 1000
"""Wanted rows from which on counting is quicker than a heap."""


class CompactIndex:
    """Search rows by compact codes; threads may share it.

    Args:
        code: how descriptors were encoded.
        rows: the rows.
        lists: FAISS lists over the first rows; None without.
        dead: ``(n,)`` bool, the rows that are no longer found; None if all are.
    """

    def __init__(
        self, code: CompactCode, rows: CompactRows, lists: Any = None, dead: NDArray[np.bool_] | None = None
    ) -> None:
        self.code, self.rows, self.lists = code, rows, lists
        self.dead = dead if dead is not None and dead.any() else None
        self._asked: tuple[Ids | None, _Chosen | None] = (None, None)
        self._parts: list[tuple[int, Any]] = []
        if not code.has_signs:
            covered = 0 if lists is None else int(lists.ntotal)
            tail = flat_lists(code.columns[0].width)
            add_codes(tail, rows.arrays["short"][covered:])
            self._parts = [(0, lists)] * (lists is not None) + [(covered, tail)]

    def __len__(self) -> int:
        return len(self.rows) - (0 if self.dead is None else int(self.dead.sum()))

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
        queries = rows_of(descriptors, "queries", dim=self.code.dim)
        only = None if among is None else self._chosen(among)
        codes = self.code.encode(queries)
        return [
            self._ranking({name: row[place] for name, row in codes.items()}, top, only) for place in range(len(queries))
        ]

    def _ranking(self, query: dict[str, NDArray[Any]], top: int, only: _Chosen | None) -> Ranking:
        more = 0 if self.dead is None or only is not None else int(self.dead.sum())
        if self.code.has_signs:
            numbers, scores = self._by_signs(query, top + more, None if only is None else only.numbers)
        else:
            numbers, scores = self._by_bytes(query["short"], top + more, only)
        if more and self.dead is not None:
            alive = ~self.dead[numbers]
            numbers, scores = numbers[alive], scores[alive]
        ids = self.rows.ids[numbers]
        order = np.lexsort((ids, -scores))[:top]
        return Ranking(np.asarray(ids[order], np.int64), scores[order])

    def _by_signs(self, query: dict[str, NDArray[Any]], count: int, only: Ids | None) -> tuple[Ids, Floats]:
        size = len(self.rows) if only is None else len(only)
        selected = only
        if size > HEADS_FROM:
            wanted = max(LEAST_SELECTED, count, round(SELECTED * size))
            selected = np.sort(_nearest(query["head"], self.rows.arrays["head"], only, wanted)[0])
        numbers, unequal = _nearest(query["signs"], self.rows.arrays["signs"], selected, count)
        bits = 64 * query["signs"].shape[0]
        return numbers, np.cos(np.float32(np.pi / bits) * unequal.astype(np.float32))

    def _by_bytes(self, query: NDArray[np.int8], count: int, only: _Chosen | None) -> tuple[Ids, Floats]:
        numbers, products = [], []
        filters = [None] * len(self._parts) if only is None else only.filters
        for (begin, index), chosen in zip(self._parts, filters, strict=True):
            found, values = best_codes(index, query, count, chosen)
            numbers.append(found + begin)
            products.append(values)
        return np.concatenate(numbers), self.code.cosines(np.concatenate(products))

    def _chosen(self, ids: Ids) -> _Chosen:
        """Return the rows of some ids; dead and unknown ones are skipped."""
        last, chosen = self._asked
        if chosen is None or last is not ids:
            numbers = np.flatnonzero(np.isin(self.rows.ids, ids))
            numbers = numbers if self.dead is None else numbers[~self.dead[numbers]]
            bounds = [(begin, begin + int(index.ntotal), index) for begin, index in self._parts]
            chosen = _Chosen(
                numbers,
                [RowFilter(index, numbers[(numbers >= a) & (numbers < b)] - a) for a, b, index in bounds],
            )
            self._asked = ids, chosen  # the rotations of a query are searched among the same photos
        return chosen


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Rows that may be found.

    Args:
        numbers: ``(k,)`` increasing.
        filters: the same for each part of an index without signs.
    """

    numbers: Ids
    filters: list[RowFilter]


def _nearest(
    query: NDArray[np.uint64], rows: NDArray[np.uint64], only: Ids | None, count: int
) -> tuple[Ids, NDArray[np.int32]]:
    """Return the rows that differ in the fewest bits from a ``(words,)`` query, and in how many, unordered.

    Args:
        query: the sketch of the query.
        rows: ``(n, words)``.
        only: the numbers of the rows that are compared, increasing; None for all.
        count: the number of rows wanted.
    """
    if only is not None and len(only) > MANY * len(rows):
        # comparing all is quicker than copying many; if enough of the best are allowed, they are the best of those
        numbers, unequal = _least_unequal(query, rows, math.ceil(SURPLUS * count * len(rows) / len(only)))
        allowed = np.isin(numbers, only, assume_unique=True)
        if allowed.sum() >= min(count, len(only)):
            return numbers[allowed], unequal[allowed]
    if only is None:
        return _least_unequal(query, rows, count)
    found, values = [only[:0]], [np.zeros(0, np.int32)]
    for start in range(0, len(only), TOGETHER):  # copies of a few rows stay in the cache of the processor
        part = only[start : start + TOGETHER]
        places, differ = _least_unequal(query, rows[part], count)
        found.append(part[places])
        values.append(differ)
    numbers, unequal = np.concatenate(found), np.concatenate(values)
    best = np.argsort(unequal, kind="stable")[:count]
    return numbers[best], unequal[best]


def _least_unequal(query: NDArray[np.uint64], rows: NDArray[np.uint64], count: int) -> tuple[Ids, NDArray[np.int32]]:
    import faiss

    if not len(rows):
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    by = "mc" if count > MOST_ON_HEAP else "hc"  # counters or a heap: both find the same
    unequal, places = faiss.knn_hamming(query[None].view(np.uint8), rows.view(np.uint8), min(count, len(rows)), by)
    return places[0].astype(np.int64), unequal[0]
