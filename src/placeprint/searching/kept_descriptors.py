"""The global descriptors of the photos that searches looked at last, read from the atlas and kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from placeprint.core.threads import map_cores
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Floats, Ids

KEPT = 64
"""Descriptors in memory (311 KB each with the default preset)."""
TOGETHER = 8
"""Descriptors that are decoded by one job."""


class KeptDescriptors:
    """Reads descriptors of photos, and keeps the last; threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str | None, int], Floats] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, now: Snapshot, ids: Ids) -> Floats:
        """Return the ``(n, dim)`` descriptors of usable photos, in the order of their ids."""
        found = self._each(now, ids)
        return np.stack(found) if found else np.zeros((0, now.describer.dim), np.float32)

    def similarities(self, now: Snapshot, ids: Ids, descriptor: Floats) -> Floats:
        """Return the ``(n,)`` cosines of a ``(dim,)`` descriptor and those of usable photos."""
        return np.array([row @ descriptor for row in self._each(now, ids)], np.float32)

    def _each(self, now: Snapshot, ids: Ids) -> list[Floats]:
        state, photos = now.stored.state_name, ids.tolist()
        with self._lock:
            found = {photo: self._kept[state, photo] for photo in photos if (state, photo) in self._kept}
        missing = [photo for photo in photos if photo not in found]
        stored = now.stored.descriptors_of(np.array(missing, np.int64)) if missing else []

        def decoded(part: Sequence[bytes]) -> list[Floats]:
            # one by one: a row of a larger array would keep all of it in memory
            return [now.describer.decode_descriptors([data])[0] for data in part]

        parts = [stored[start : start + TOGETHER] for start in range(0, len(stored), TOGETHER)]
        found |= zip(missing, (row for rows in map_cores(decoded, parts) for row in rows), strict=True)
        with self._lock:
            for photo in photos:
                self._kept[state, photo] = found[photo]
                self._kept.move_to_end((state, photo))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return [found[photo] for photo in photos]
