"""Inverted lists over codes in bytes, in one file that is mapped into memory (FAISS).

FAISS stores the signed bytes as they are, with 8 bytes for the number of the row. The centers are learned by k-means
from at most `LEARNED_FROM` rows, once; rows that come later are added to the lists of the nearest centers.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import evenly
from placeprint.types import Ids

LEARNED_FROM = 20_000
"""Most rows that centers are learned from."""
MOST_LISTS = 1024
PROBES = 48
"""Lists searched for a query; all of them in an atlas of up to some hundred photos."""
CHANCE = 3.0
"""Standard deviations by which the rows that a filter leaves near a query may differ from its share of all rows."""
KEPT = 0.8
"""Share of the rows near a query from which on a filter leaves the neighborhood whole."""
FEW = 4096
"""Rows that are all compared, whichever lists they are in."""
ITERATIONS = 8
TOGETHER = 16_384
"""Rows added at once."""
Codes = NDArray[np.int8]


def learned_lists(codes: Codes, seed: int = 0) -> Any:
    """Return empty lists whose centers were learned from ``(n, size)`` codes."""
    import faiss

    count, size = codes.shape
    lists = max(1, min(round(4 * math.sqrt(count)), MOST_LISTS, count // 8))
    kind, metric = faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(size), size, lists, kind, metric, False)
    index.cp.seed, index.cp.niter, index.cp.min_points_per_centroid = seed, ITERATIONS, 1
    index.train(np.asarray(codes[evenly(count, LEARNED_FROM)], np.float32))
    return index


def flat_lists(size: int) -> Any:
    """Return an empty index over codes without lists."""
    import faiss

    kind, metric = faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexScalarQuantizer(size, kind, metric)
    index.train(np.zeros((1, size), np.float32))
    return index


def add_codes(index: Any, codes: Codes) -> None:
    """Add rows; their numbers follow those in the index."""
    for start in range(0, len(codes), TOGETHER):
        index.add(np.asarray(codes[start : start + TOGETHER], np.float32))


def write_lists(index: Any, path: Path) -> None:
    """Write lists into a file.

    Raises:
        RuntimeError: FAISS cannot write it.
    """
    import faiss

    faiss.write_index(index, str(path))


def read_lists(path: Path, *, mapped: bool = True) -> Any:
    """Read the lists of a file: mapped into memory, or into memory that can be added to.

    Raises:
        RuntimeError: FAISS cannot read it.
    """
    import faiss

    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)


class RowFilter:
    """The rows of an index that may be found, prepared for its searches.

    Args:
        index: lists, or rows without lists; rows that are added later may not be found.
        only: ``(k,)`` the numbers of the rows that may be found.
    """

    def __init__(self, index: Any, only: Ids) -> None:
        import faiss

        allowed = np.zeros(int(index.ntotal), bool)
        allowed[only] = True
        self._bits = np.packbits(allowed, bitorder="little")
        self.selector = faiss.IDSelectorBitmap(len(self._bits), faiss.swig_ptr(self._bits))
        self.count = len(only)
        self._index = index
        sizes = [index.invlists.list_size(number) for number in range(_num_lists(index))]
        ids = (
            faiss.rev_swig_ptr(index.invlists.get_ids(number), size) if size else np.zeros(0, np.int64)
            for number, size in enumerate(sizes)
        )
        self._sizes = np.array(sizes)
        self._counts = np.array([int(np.count_nonzero(allowed[each])) for each in ids])

    def probes(self, query: NDArray[np.float32]) -> int:
        """Return how many lists are searched for a ``(1, size)`` query.

        `PROBES` hold the nearest rows where the filter keeps the neighborhood of the query, or leaves of it what chance
        would leave, such as a filter by time. Otherwise, such as by region, the nearest may be in any list.
        """
        if self.count <= FEW:
            return int(self._index.nlist)
        nearest = self._index.quantizer.search(query, min(PROBES, self._index.nlist))[1][0]
        there, left = int(self._sizes[nearest].sum()), int(self._counts[nearest].sum())
        usual = there * self.count / int(self._index.ntotal)
        as_everywhere = abs(left - usual) <= CHANCE * math.sqrt(usual)
        return PROBES if as_everywhere or left >= KEPT * there else int(self._index.nlist)


def best_codes(index: Any, query: Codes, count: int, only: RowFilter | None = None) -> tuple[Ids, NDArray[np.float32]]:
    """Return the numbers of the best rows for a ``(size,)`` query, and their products with it.

    Args:
        index: lists, or rows without lists.
        query: a code.
        count: the number of rows wanted.
        only: which rows of this index may be found; None for any.
    """
    import faiss

    wanted = min(count, int(index.ntotal) if only is None else only.count)
    if not wanted:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    row = np.asarray(query[None], np.float32)
    has_lists = _num_lists(index) > 0
    params: Any = faiss.SearchParametersIVF() if has_lists else faiss.SearchParameters()
    if has_lists:
        params.nprobe = min(PROBES if only is None else only.probes(row), index.nlist)
    if only is not None:
        params.sel = only.selector
    products, numbers = index.search(row, wanted, params=params)
    found = numbers[0] >= 0
    return numbers[0][found], products[0][found]


def _num_lists(index: Any) -> int:
    """Return the number of lists of an index, 0 for rows without lists."""
    return int(getattr(index, "nlist", 0))
