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
FILTERED = 2.0
"""How many times more lists are searched where a filter leaves some rows, besides the inverse of their share."""
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


def best_codes(index: Any, query: Codes, count: int, only: Ids | None = None) -> tuple[Ids, NDArray[np.float32]]:
    """Return the numbers of the best rows for a ``(size,)`` query, and their products with it.

    Args:
        index: lists, or rows without lists.
        query: a code.
        count: the number of rows wanted.
        only: the numbers of the rows that may be found; the fewer they are, the more lists are searched. None for any.
    """
    import faiss

    wanted = min(count, int(index.ntotal))
    if not wanted or (only is not None and not len(only)):
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    has_lists = hasattr(index, "nlist")
    params: Any = faiss.SearchParametersIVF() if has_lists else faiss.SearchParameters()
    if has_lists:
        rarity = 1.0 if only is None else FILTERED * index.ntotal / len(only)
        params.nprobe = min(math.ceil(PROBES * rarity), index.nlist)
    if only is not None:
        allowed = np.zeros(int(index.ntotal), bool)
        allowed[only] = True
        bits = np.packbits(allowed, bitorder="little")
        params.sel = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
    products, numbers = index.search(np.asarray(query[None], np.float32), wanted, params=params)
    found = numbers[0] >= 0
    return numbers[0][found], products[0][found]
