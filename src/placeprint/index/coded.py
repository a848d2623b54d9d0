"""What the indexes that learn a code share: rows are held exactly until there are enough to learn from, then coded.

An index is only told of rows by `add`, so it decides itself when to learn:

- Rows are held as float16 and searched exactly, as by `index.flat`, until there are ``train_rows`` of them, or until
  the first search when there are fewer but as many as its code needs. Below that it stays exact. Rows added later are
  coded by what was learned; nothing is learned anew, since an atlas makes its index anew when its photos change.
- It learns from at most ``train_rows`` of the rows held then, drawn at random with ``seed``: every n-th row would take
  one camera of several, or one frame of each turn. The same calls in the same order learn the same.
- Scores are inner products of the query with the decoded rows; equal scores come by rising id. Many rows of one code
  are common, so the list is searched further until the tie at its end is broken.
- FAISS knows the rows by numbers of ours, rising in the order they came: an inverted list loses a row of id -1, and
  ids may be any int64.
- An index with inverted lists that finds fewer rows than were asked for looks into all lists.
- ``refine``: the float16 rows are kept too, ``refine`` times as many candidates as were asked for are taken by their
  codes, and ranked by their exact scores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from placeprint.arrays import LARGEST_HALF, ids_of, rows_of
from placeprint.core.options import Count, Seed, checked
from placeprint.types import Floats, Ids, Ranking

MIN_ROWS = 1000
"""No code is learned from fewer rows."""
ROWS_PER_CENTROID = 39
"""Fewer give poor centers, says FAISS."""
ITERATIONS = 10
"""Of k-means; 25 find no more neighbors and take two to four times as long."""
TOGETHER = 8192
"""Rows decoded and coded at once."""


@dataclass(eq=False)
class Held:
    """What an index holds: ``exact`` and ``codes`` are FAISS's, by number.

    Args:
        dim: length of a row.
        ids: id of each number there has been.
        exact: rows as float16.
        codes: coded rows, once there are any.
    """

    dim: int = 0
    ids: Ids = field(default_factory=lambda: np.zeros(0, np.int64))
    exact: Any = None
    codes: Any = None


@dataclass(kw_only=True, eq=False)
class CodedIndex(ABC):
    """Search rows by codes that are learned from the rows themselves.

    Args:
        train_rows: the code is learned when there are this many rows, or at the first search if there are as many as
            the code needs.
        seed: of the draw of the rows that are learned from, and of k-means.
    """

    train_rows: Count = 20_000
    seed: Seed = 0
    _held: Held = field(default_factory=Held, init=False, repr=False)

    @abstractmethod
    def _minimum(self) -> int:
        """Return the count of rows needed to learn."""

    @abstractmethod
    def _untrained(self, dim: int, count: int, sample: int) -> Any:
        """Return FAISS's empty index that takes ids, for rows of ``dim`` values or of more.

        Args:
            dim: length of the rows.
            count: rows held.
            sample: those it will learn from.
        """

    def _to_learn_from(self, rows: Floats) -> Floats:
        """Return the rows that the index is trained with, made of those drawn."""
        return rows

    def _refined(self) -> int:
        """Return how many times as many candidates are ranked exactly, 0 for none."""
        return 0

    def __len__(self) -> int:
        held = self._held
        index = held.exact if held.codes is None else held.codes
        return 0 if index is None else int(index.ntotal)

    def add(self, ids: Ids, descriptors: Floats) -> None:
        """Hold ``(n, d)`` rows under their ids, ``(n,)`` int64; learn when there are ``train_rows``.

        Raises:
            ShapeError: the rows have another length than those held, are not finite or exceed float16, or there are
                not as many as ids.
        """
        held = self._held
        rows = rows_of(descriptors, dim=held.dim or None, most=LARGEST_HALF)
        given = ids_of(ids, len(rows))
        if not len(rows):
            return
        held.dim = rows.shape[1]
        numbers = np.arange(len(held.ids), len(held.ids) + len(rows))
        held.ids = np.concatenate([held.ids, given])
        if held.codes is not None:
            held.codes.add_with_ids(padded(rows, held.codes.d), numbers)
        if held.codes is None or self._refined():
            held.exact = _exact(held.dim) if held.exact is None else held.exact
            held.exact.add_with_ids(rows, numbers)
        if held.codes is None and len(self) >= max(self.train_rows, self._minimum()):
            self._learn()

    def remove(self, ids: Ids) -> None:
        """Forget the rows of these ids; unknown ids are ignored."""
        numbers = np.flatnonzero(np.isin(self._held.ids, ids))
        for index in (self._held.exact, self._held.codes):
            if index is not None and len(numbers):
                index.remove_ids(numbers)

    @checked
    def search(self, descriptors: Floats, top: Count) -> list[Ranking]:
        """Return the ``top`` best rows for each of ``(q, d)`` queries; equal scores come by rising id.

        Learns before the first search when there are enough rows.

        Raises:
            ShapeError: the queries are not finite, or of another length than the rows.
        """
        held = self._held
        rows = rows_of(descriptors, "queries", dim=held.dim or None)
        count = min(top, len(self))
        if count <= 0 or not len(rows):
            return [Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in rows]
        if held.codes is None and len(self) >= self._minimum():
            self._learn()
        if held.codes is None:
            found = _nearest(held.exact, rows, count, held.ids)
        else:
            factor = self._refined()
            candidates = min(count * max(factor, 1), len(self))
            found = _nearest(held.codes, padded(rows, held.codes.d), candidates, held.ids)
            if factor:
                found = [
                    self._ranked_exactly(row, numbers, count) for row, (numbers, _) in zip(rows, found, strict=True)
                ]
        return [Ranking(held.ids[numbers], scores) for numbers, scores in found]

    def _ranked_exactly(self, row: Floats, numbers: Ids, count: int) -> tuple[Ids, Floats]:
        """Return the ``count`` of these rows that are best by their float16 values, and their scores."""
        import faiss

        held = self._held
        # the numbers that FAISS keeps beside the rows rise, also after some were removed
        kept = np.searchsorted(faiss.vector_to_array(held.exact.id_map), numbers)
        scores = held.exact.index.reconstruct_batch(kept) @ row
        order = np.lexsort((held.ids[numbers], -scores))[:count]
        return numbers[order], scores[order]

    def _learn(self) -> None:
        import faiss

        held, exact = self._held, self._held.exact
        count = int(exact.ntotal)
        sample = min(count, max(self.train_rows, self._minimum()))
        chosen = np.sort(np.random.default_rng(self.seed).choice(count, sample, replace=False))
        codes = self._untrained(held.dim, count, sample)
        codes.train(padded(self._to_learn_from(exact.index.reconstruct_batch(chosen)), codes.d))
        numbers = faiss.vector_to_array(exact.id_map)
        for start in range(0, count, TOGETHER):
            part = numbers[start : start + TOGETHER]
            codes.add_with_ids(padded(exact.index.reconstruct_n(start, len(part)), codes.d), part)
        held.codes = codes
        if not self._refined():
            held.exact = None


def padded(rows: Floats, width: int) -> Floats:
    """Return ``(n, width)`` rows with zeros spread evenly among the values, which leaves inner products as they are.

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


def _nearest(index: Any, rows: Floats, count: int, ids: Ids) -> list[tuple[Ids, Floats]]:
    """Return the numbers and scores of the ``count`` best of at least as many rows for each query.

    Args:
        index: FAISS's.
        rows: ``(q, d)`` queries.
        count: wanted.
        ids: id of each number, by which equal scores are ordered.
    """
    import faiss

    size, nothing = int(index.ntotal), np.finfo(np.float32).min
    ask, everywhere = min(count + 1, size), None
    while True:
        scores, numbers = index.search(rows, ask, params=everywhere)
        last = scores[:, count - 1]
        if (last <= nothing).any() and everywhere is None:
            everywhere = faiss.SearchParametersIVF()
            everywhere.nprobe = index.nlist
        elif ask < size and (last == scores[:, -1]).any():
            ask = min(2 * ask, size)
        else:
            break
    # what is missing beyond the count has the lowest score, and its number -1 is never looked at
    orders = np.lexsort((ids[numbers], -scores))[:, :count]
    found = np.take_along_axis(numbers, orders, axis=1), np.take_along_axis(scores, orders, axis=1)
    return list(zip(*found, strict=True))
