"""The compact index of an atlas: read from the cache, completed if rows are missing (`index_files`).

Photos missing from the files are added by writers at the end of a write, else by the first search. If the files cannot
be written, or another process is writing them, the missing rows are in memory only.
"""

from __future__ import annotations

import logging
import threading

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import not_in
from placeprint.core.threads import map_cores, one_core_for_products
from placeprint.errors import AtlasFormatError, PlaceprintError
from placeprint.index.compact import CompactIndex
from placeprint.index.compact_code import CompactCode
from placeprint.index.compact_rows import CompactRows
from placeprint.searching.index_files import DEAD, IndexFiles, Stamp
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Ids

logger = logging.getLogger(__name__)

TOGETHER = 32
"""Photos whose descriptors are read and encoded by one job."""
MERGING = 60.0
"""Seconds that merging waits for a write that holds the files."""
PUBLISHED = 8192
"""Rows after which an unfinished build is kept."""


class StoredIndex:
    """The compact index of one atlas; threads may share it.

    Args:
        files: where it is kept.
    """

    def __init__(self, files: IndexFiles) -> None:
        self._files = files
        self._current: tuple[int, CompactIndex] | None = None
        self._code: CompactCode | None = None
        self._lock = threading.Lock()
        self._merging: threading.Thread | None = None

    def of(self, now: Snapshot) -> CompactIndex:
        """Return the index over the usable photos of an atlas as it is."""
        with self._lock:
            if self._current is None or self._current[0] != now.version:
                self._current = now.version, self._opened(now)
            return self._current[1]

    def update(self, now: Snapshot) -> None:
        """Bring the files up to date; where that fails, searches do without."""
        with self._lock:
            self._updated(now)

    def _opened(self, now: Snapshot) -> CompactIndex:
        code, photos = self._code_of(now), now.usable().ids
        index = self._read(now, code, photos)
        if index is None or len(index) < len(photos):
            self._updated(now)
            index = self._read(now, code, photos)
        known = np.zeros(0, np.int64) if index is None else index.rows.ids
        missing = not_in(photos, known)
        if index is not None and not len(missing):
            return index
        logger.warning("%d photos of the index are in memory only", len(missing))
        rows = _encoded(now, code, missing)
        if index is None:
            return CompactIndex(code, rows)
        joined = index.rows.joined(rows)
        return CompactIndex(code, joined, index.lists, _dead(joined.ids, photos))

    def _read(self, now: Snapshot, code: CompactCode, photos: Ids) -> CompactIndex | None:
        kept = self._files.read(str(now.stored.state_name), code)
        if kept is None:
            return None
        _, rows, lists = kept
        return CompactIndex(code, rows, lists, _dead(rows.ids, photos))

    def _updated(self, now: Snapshot) -> None:
        """Add what is missing to the files, if this process may write them."""
        self.merged()
        try:
            with self._files.writing() as may_write:
                if may_write:
                    self._write(now, self._code_of(now))
        except AtlasFormatError:
            raise
        except (PlaceprintError, OSError, RuntimeError) as error:  # FAISS reports a full disk in its own words
            logger.warning("the index is in memory only: %s", error)

    def _write(self, now: Snapshot, code: CompactCode) -> None:
        files, state, photos = self._files, str(now.stored.state_name), now.usable().ids
        kept = files.read(state, code)
        stamp = files.begin(state, code) if kept is None else kept[0]
        known = np.zeros(0, np.int64) if kept is None else np.asarray(kept[1].ids)
        if kept is not None and float(_dead(known, photos).mean() if len(known) else 0) > DEAD:
            stamp, known = self._anew(kept[1], photos, code, state)
        missing = not_in(photos, known)
        if len(known) and len(missing) and missing[0] < known[-1]:  # ids only grow; the files are of another atlas
            stamp, missing = files.begin(state, code), photos
        for start in range(0, len(missing), PUBLISHED):
            stamp = files.append(stamp, _encoded(now, code, missing[start : start + PUBLISHED]), code)
        if stamp.rows:
            files.clean(stamp)
        if files.has_many_outside(stamp, code):
            self._merging = threading.Thread(target=self._merge, args=(state, code), name="placeprint-merge")
            self._merging.start()  # it needs the lock of the files, so it begins when this write is done

    def _merge(self, state: str, code: CompactCode) -> None:
        """Move the rows that a search compares one by one into the lists; searches go on meanwhile."""
        try:
            with self._files.writing(wait=MERGING) as may_write:
                kept = self._files.read(state, code) if may_write else None
                if kept is not None and self._files.has_many_outside(kept[0], code):
                    self._files.clean(self._files.merge(kept[0], code))
        except (PlaceprintError, OSError, RuntimeError) as error:  # FAISS reports a full disk in its own words
            logger.warning("new photos are not in the lists of the index yet: %s", error)
            return
        self._current = None  # the next search opens what is merged now

    def merged(self) -> None:
        """Wait until lists that are being merged are there."""
        if self._merging is not None:
            self._merging.join()

    def _anew(self, rows: CompactRows, photos: Ids, code: CompactCode, state: str) -> tuple[Stamp, Ids]:
        """Copy the rows of photos that are still there into new files."""
        alive = np.flatnonzero(~_dead(rows.ids, photos))
        stamp = self._files.begin(state, code)
        for start in range(0, len(alive), PUBLISHED):
            stamp = self._files.append(stamp, rows.some(alive[start : start + PUBLISHED]), code)
        return stamp, np.asarray(rows.ids[alive])

    def _code_of(self, now: Snapshot) -> CompactCode:
        if self._code is None or self._code.dim != now.describer.dim:
            self._code = CompactCode(now.describer.dim)
        return self._code


def _encoded(now: Snapshot, code: CompactCode, ids: Ids) -> CompactRows:
    """Return the rows of some photos, by their stored descriptors."""
    chosen = [ids[start : start + TOGETHER] for start in range(0, len(ids), TOGETHER)]
    with one_core_for_products():
        parts = map_cores(lambda part: code.encode(now.rows(part)), chosen)
    names = [column.name for column in code.columns]
    return CompactRows(ids, {name: np.concatenate([part[name] for part in parts]) for name in names})


def _dead(ids: Ids, photos: Ids) -> NDArray[np.bool_]:
    """Return which rows are of photos that are gone."""
    if len(ids) == len(photos) and np.array_equal(ids, photos):
        return np.zeros(len(ids), bool)
    return ~np.isin(ids, photos, assume_unique=True)
