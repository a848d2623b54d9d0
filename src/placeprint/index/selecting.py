"""FAISS parameters that restrict a search to some rows, or extend it to all lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from placeprint.types import Ids

MOST_BITS = 1 << 31
"""Largest id, plus one, up to which a bit for each id is kept: 256 MB."""


def parameters_of(ids: Ids | None, lists: int | None = None) -> Any:
    """Return the parameters of a search.

    Args:
        ids: ``(k,)`` int64 of the rows that are searched; None for all.
        lists: the number of lists that are searched; None for an index without lists.
    """
    import faiss

    options: dict[str, Any] = {} if ids is None else {"sel": _selector_of(ids)}
    if lists is None:
        return faiss.SearchParameters(**options)
    found = faiss.SearchParametersIVF(**options)
    found.nprobe = lists
    return found


def _selector_of(ids: Ids) -> Any:
    """Return what selects some ids.

    A bit for each id is several times as quick as a set of them; ids that are negative or very large need the set.
    """
    import faiss

    kinds: Any = faiss
    if len(ids) and int(ids.min()) >= 0 and int(ids.max()) < MOST_BITS:
        bits = np.zeros(int(ids.max()) + 1, bool)
        bits[ids] = True
        return kinds.IDSelectorBitmap(np.packbits(bits, bitorder="little"))
    return kinds.IDSelectorBatch(np.ascontiguousarray(ids, np.int64))
