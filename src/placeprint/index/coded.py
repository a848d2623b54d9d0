"""The base of indexes that learn a code: rows are stored exactly until there are enough to learn from, then coded.

An index only sees rows through `add`, so it decides when to learn:

- Rows are stored as float16 and searched exactly, as in `index.flat`, until there are ``train_rows``, or until the
  first search if there are fewer but enough for its code. Otherwise it stays exact. Rows added later use the learned
  code. Nothing is learned twice, because an atlas makes a new index when its photos change.
- It learns from up to ``train_rows`` rows, sampled with ``seed``: every n-th row could be one camera of several, or one
  frame of each turn. The same calls in the same order learn the same code.
- Scores are inner products of the query with the decoded rows; equal scores are sorted by id. Rows often share a code,
  so the list is searched further until the tie at its end is broken.
- FAISS knows the rows by our own numbers, in order of arrival, because an inverted list loses a row with id -1, and ids
  may be any int64.
- If an index with inverted lists finds fewer rows than requested, it searches all lists.
- ``refine``: the float16 rows are stored too. The codes select ``refine`` times as many candidates as requested, and
  their exact scores rank them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from placeprint.arrays import LARGEST_HALF, ids_of, rows_of
from placeprint.core.options import Count, Seed, checked
from placeprint.index.selecting import parameters_of
from placeprint.types import Floats, Ids, Ranking

MIN_ROWS = 1000
"""Fewest rows to learn a code from."""
ROWS_PER_CENTROID = 39
"""Fewest rows per center; FAISS says that fewer give poor centers."""
ITERATIONS = 10
"""Iterations of k-means; 25 find no more neighbors and take two to four times as long."""
TOGETHER = 8192
"""Most rows decoded and coded at once."""
NOTHING = np.finfo(np.float32).min
"""The score that FAISS gives where it finds no row."""


@dataclass(eq=False)
class State:
    """The content of an index: ``exact`` and ``codes`` are FAISS indexes by row number.

    Args:
        dim: the length of a row.
        ids: the id of each row number so far.
        exact: the rows as float16.
        codes: the coded rows, if there are any.
    """

    dim: int = 0
    ids: Ids = field(default_factory=lambda: np.zeros(0, np.int64))
    exact: Any = None
    codes: Any = None


@dataclass(kw_only=True, eq=False)
class CodedIndex(ABC):
    """Search rows by codes learned from the rows themselves.

    Args:
        train_rows: the code is learned when there are this many rows, or at the first search if there are as many as
            the code needs.
        seed: the seed of the draw of the rows that are learned from, and of k-means.
    """

    train_rows: Count = 20_000
    seed: Seed = 0
    _state: State = field(default_factory=State, init=False, repr=False)

    @abstractmethod
    def _minimum(self) -> int:
        """Return the number of rows needed to learn."""

    @abstractmethod
    def _untrained(self, dim: int, count: int, sample: int) -> Any:
        """Return an empty FAISS index with ids, for rows of at least ``dim`` values.

        Args:
            dim: the length of the rows.
            count: the number of rows in the index.
            sample: the rows it will learn from.
        """

    def _to_learn_from(self, rows: Floats) -> Floats:
        """Return the rows for training, made from the sampled ones."""
        return rows

    def _refined(self) -> int:
        """Return how many times more candidates are ranked exactly; 0 for none."""
        return 0

    def __len__(self) -> int:
        state = self._state
        index = state.exact if state.codes is None else state.codes
        return 0 if index is None else int(index.ntotal)

    def add(self, ids: Ids, descriptors: Floats) -> None:
        """Add ``(n, d)`` rows under their ids, ``(n,)`` int64; learn at ``train_rows`` rows.

        Raises:
            ShapeError: the rows differ in length from those in the index, are not finite or exceed float16, or their
                number differs from that of the ids.
        """
        state = self._state
        rows = rows_of(descriptors, dim=state.dim or None, most=LARGEST_HALF)
        given = ids_of(ids, len(rows))
        if not len(rows):
            return
        state.dim = rows.shape[1]
        numbers = np.arange(len(state.ids), len(state.ids) + len(rows))
        state.ids = np.concatenate([state.ids, given])
        if state.codes is not None:
            state.codes.add_with_ids(padded(rows, state.codes.d), numbers)
        if state.codes is None or self._refined():
            state.exact = _exact(state.dim) if state.exact is None else state.exact
            state.exact.add_with_ids(rows, numbers)
        if state.codes is None and len(self) >= max(self.train_rows, self._minimum()):
            self._learn()

    def remove(self, ids: Ids) -> None:
        """Remove the rows with these ids; unknown ids are ignored."""
        numbers = np.flatnonzero(np.isin(self._state.ids, ids))
        for index in (self._state.exact, self._state.codes):
            if index is not None and len(numbers):
                index.remove_ids(numbers)

    @checked
    def search(self, descriptors: Floats, top: Count, among: Ids | None = None) -> list[Ranking]:
        """Return the ``top`` best rows for each of ``(q, d)`` queries; equal scores are sorted by id.

        Learns before the first search if there are enough rows.

        Args:
            descriptors: the queries.
            top: the number of rows wanted.
            among: ``(k,)`` int64 ids of the rows that are searched, in all lists; None for all rows.

        Raises:
            ShapeError: the queries are not finite, or differ in length from the rows.
        """
        state = self._state
        rows = rows_of(descriptors, "queries", dim=state.dim or None)
        only = None if among is None else np.flatnonzero(np.isin(state.ids, among))
        count = min(top, len(self) if only is None else len(only))
        if count <= 0 or not len(rows) or not len(self):
            return [Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in rows]
        if state.codes is None and len(self) >= self._minimum():
            self._learn()
        if state.codes is None:
            found = _nearest(state.exact, rows, min(count, len(self)), state.ids, only)
        else:
            factor = self._refined()
            candidates = min(count * max(factor, 1), len(self))
            found = _nearest(state.codes, padded(rows, state.codes.d), candidates, state.ids, only)
            if factor:
                found = [
                    self._ranked_exactly(row, numbers, count) for row, (numbers, _) in zip(rows, found, strict=True)
                ]
        return [Ranking(state.ids[numbers], scores) for numbers, scores in found]

    def _ranked_exactly(self, row: Floats, numbers: Ids, count: int) -> tuple[Ids, Floats]:
        """Return the ``count`` best of these rows by their float16 values, and their scores."""
        import faiss

        state = self._state
        # the row numbers in FAISS increase, even after removals
        kept = np.searchsorted(faiss.vector_to_array(state.exact.id_map), numbers)
        scores = state.exact.index.reconstruct_batch(kept) @ row
        order = np.lexsort((state.ids[numbers], -scores))[:count]
        return numbers[order], scores[order]

    def _learn(self) -> None:
        import faiss

        state, exact = self._state, self._state.exact
        count = int(exact.ntotal)
        sample = min(count, max(self.train_rows, self._minimum()))
        chosen = np.sort(np.random.default_rng(self.seed).choice(count, sample, replace=False))
        codes = self._untrained(state.dim, count, sample)
        codes.train(padded(self._to_learn_from(exact.index.reconstruct_batch(chosen)), codes.d))
        numbers = faiss.vector_to_array(exact.id_map)
        for start in range(0, count, TOGETHER):
            part = numbers[start : start + TOGETHER]
            codes.add_with_ids(padded(exact.index.reconstruct_n(start, len(part)), codes.d), part)
        state.codes = codes
        if not self._refined():
            state.exact = None


def padded(rows: Floats, width: int) -> Floats:
    """Return ``(n, width)`` rows with zeros spread evenly among the values, which does not change inner products.

    Example:
        >>> padded(np.ones((1, 4), np.float32), 6)[0].tolist()
        [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    """
    dim = rows.shape[1]
    if dim == width:
        return rows
    result = np.zeros((len(rows), width), np.float32)
    result[:, np.arange(dim) * width // dim] = rows
    return result


def _exact(dim: int) -> Any:
    import faiss

    fp16 = faiss.ScalarQuantizer.QT_fp16
    return faiss.IndexIDMap(faiss.IndexScalarQuantizer(dim, fp16, faiss.METRIC_INNER_PRODUCT))


def _nearest(index: Any, rows: Floats, count: int, ids: Ids, only: Ids | None = None) -> list[tuple[Ids, Floats]]:
    """Return the numbers and scores of the ``count`` best rows per query, fewer if fewer are searched.

    Args:
        index: a FAISS index.
        rows: ``(q, d)`` queries.
        count: the number of rows wanted.
        ids: the id of each row number, which orders equal scores.
        only: the numbers of the rows that are searched; None for all.
    """
    size, among = int(index.ntotal), None if only is None else _Among(index, only)
    ask, everywhere = min(count + 1, size), None
    while True:
        scores, numbers = index.search(rows, ask, params=everywhere) if among is None else among.search(rows, ask)
        last = scores[:, count - 1]
        if among is None and everywhere is None and (last <= NOTHING).any():
            everywhere = parameters_of(None, index.nlist)
        elif ask < size and ((last == scores[:, -1]) & (last > NOTHING)).any():
            ask = min(2 * ask, size)
        else:
            break
    # missing entries have the lowest score, and their number -1 is never used
    orders = np.lexsort((ids[numbers], -scores))[:, :count]
    numbers, scores = np.take_along_axis(numbers, orders, axis=1), np.take_along_axis(scores, orders, axis=1)
    there = scores > NOTHING
    return [(row[has], values[has]) for row, values, has in zip(numbers, scores, there, strict=True)]


class _Among:
    """Searches some rows of a FAISS index; product codes without lists know no selector, so all are ranked there.

    Args:
        index: the FAISS index.
        numbers: the numbers of the rows.
    """

    def __init__(self, index: Any, numbers: Ids) -> None:
        import faiss

        self._index, self._numbers = index, numbers
        self._params: Any = None
        inner = faiss.downcast_index(index.index) if hasattr(index, "index") else index
        if not isinstance(inner, faiss.IndexPQ):
            self._params = parameters_of(numbers, getattr(inner, "nlist", None))

    def search(self, rows: Floats, count: int) -> tuple[Floats, Ids]:
        """Return the ``(q, count)`` best scores and numbers; `NOTHING` and -1 where there are fewer."""
        if self._params is not None:
            scores, numbers = self._index.search(rows, count, params=self._params)
            return scores, numbers
        scores, numbers = self._index.search(rows, int(self._index.ntotal))
        others = ~np.isin(numbers, self._numbers)
        scores[others], numbers[others] = NOTHING, -1
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(numbers, order, axis=1)
