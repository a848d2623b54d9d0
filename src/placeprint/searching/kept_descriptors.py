"""A cache in memory of the global descriptors that recent searches used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from placeprint.core.threads import map_cores
from placeprint.searching.snapshot import Snapshot
from placeprint.store.encoding import Bytes
from placeprint.types import Floats, Ids

KEPT = 512
"""Descriptors in memory, encoded (39 KB each with the default preset)."""
TOGETHER = 8
"""Descriptors that are read or compared by one job."""
Job = TypeVar("Job")
Result = TypeVar("Result")


class KeptDescriptors:
    """Reads descriptors of photos, and keeps the last; threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str | None, int], Bytes] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, now: Snapshot, ids: Ids) -> Floats:
        """Return the ``(n, dim)`` descriptors of usable photos, in the order of their ids."""
        found = self._each(now, ids)
        return now.describer.rows_of_codes(found) if found else np.zeros((0, now.describer.dim), np.float32)

    def similarities(self, now: Snapshot, ids: Ids, descriptor: Floats) -> Floats:
        """Return the ``(n,)`` cosines of a ``(dim,)`` descriptor and those of usable photos."""
        describer = now.describer

        def compared(part: Sequence[Bytes]) -> list[float]:
            return [describer.cosine_of_codes(codes, descriptor) for codes in part]

        return np.array([value for each in _in_jobs(compared, self._each(now, ids)) for value in each], np.float32)

    def _each(self, now: Snapshot, ids: Ids) -> list[Bytes]:
        state, photos = now.stored.state_name, ids.tolist()
        with self._lock:
            found = {photo: self._kept[state, photo] for photo in photos if (state, photo) in self._kept}
        missing = [photo for photo in photos if photo not in found]
        stored = now.stored.descriptors_of(np.array(missing, np.int64)) if missing else []

        def read(part: Sequence[bytes]) -> list[Bytes]:
            return [now.describer.descriptor_codes(data) for data in part]

        found |= zip(missing, (codes for each in _in_jobs(read, stored) for codes in each), strict=True)
        with self._lock:
            for photo in photos:
                self._kept[state, photo] = found[photo]
                self._kept.move_to_end((state, photo))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return [found[photo] for photo in photos]


def _in_jobs(work: Callable[[Sequence[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
    """Return the results of some jobs together, by all cores."""
    return map_cores(work, [jobs[start : start + TOGETHER] for start in range(0, len(jobs), TOGETHER)])
