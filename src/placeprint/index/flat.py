"""Exact search: every row compared, by FAISS.

Rows are held as float16 or float32. Exact means that no row is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from placeprint.errors import OptionError, ShapeError
from placeprint.types import Floats, Ids, Ranking


@dataclass(kw_only=True, eq=False)
class FlatIndex:
    """Exact inner-product search over unit rows.

    Args:
        bits: 16 or 32 a value held in memory.
    """

    bits: int = 16
    _index: Any = field(default=None, init=False, repr=False)

    def __len__(self) -> int:
        return 0 if self._index is None else int(self._index.ntotal)

    def add(self, ids: Ids, descriptors: Floats) -> None:
        """Hold ``(n, d)`` rows under their ids, ``(n,)`` int64.

        Raises:
            ShapeError: the rows have another length than those held.
            OptionError: ``bits`` is not 16 or 32.
        """
        rows = _rows(descriptors)
        if self._index is None:
            self._index = _make(rows.shape[1], self.bits)
        if rows.shape[1] != self._index.d or len(ids) != len(rows):
            raise ShapeError(f"descriptors must have shape ({len(ids)}, {self._index.d}), got {rows.shape}")
        self._index.add_with_ids(rows, np.ascontiguousarray(ids, np.int64))

    def remove(self, ids: Ids) -> None:
        """Forget the rows of these ids; unknown ids are ignored."""
        if self._index is not None and len(ids):
            self._index.remove_ids(np.ascontiguousarray(ids, np.int64))

    def search(self, descriptors: Floats, top: int) -> list[Ranking]:
        """Return the ``top`` best rows for each of ``(q, d)`` queries; equal scores come by rising id.

        Raises:
            ShapeError: the queries have another length than the rows.
        """
        rows = _rows(descriptors)
        count = min(top, len(self))
        if count <= 0:
            return [Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in rows]
        if rows.shape[1] != self._index.d:
            raise ShapeError(f"queries must have shape (q, {self._index.d}), got {rows.shape}")
        scores, ids = self._index.search(rows, count)
        rankings = []
        for row_scores, row_ids in zip(scores, ids, strict=True):
            order = np.lexsort((row_ids, -row_scores))
            rankings.append(Ranking(row_ids[order], row_scores[order]))
        return rankings


def _make(dim: int, bits: int) -> Any:
    import faiss

    metric = faiss.METRIC_INNER_PRODUCT
    if bits == 32:
        return faiss.IndexIDMap2(faiss.IndexFlat(dim, metric))
    if bits == 16:
        return faiss.IndexIDMap2(faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, metric))
    raise OptionError(f"bits must be 16 or 32, got {bits}")


def _rows(descriptors: Floats) -> Floats:
    if descriptors.ndim != 2:
        raise ShapeError(f"descriptors must have shape (n, d), got {descriptors.shape}")
    return np.ascontiguousarray(descriptors, np.float32)
