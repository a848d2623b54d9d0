"""The global descriptors of the photos that searches looked at last, read from the atlas and kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from placeprint.atlas.snapshot import Snapshot
from placeprint.core.threads import map_cores
from placeprint.types import Floats, Ids

KEPT = 256
"""Descriptors in memory (155 KB each with the default preset)."""
TOGETHER = 16
"""Descriptors that one core decodes at once."""


class KeptDescriptors:
    """Reads descriptors of photos, and keeps the last; threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str | None, int], NDArray[np.float16]] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, now: Snapshot, ids: Ids) -> Floats:
        """Return the ``(n, dim)`` descriptors of usable photos, rounded to float16."""
        keys = [(now.stored.state_name, photo) for photo in ids.tolist()]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
        missing = np.array([photo for _, photo in keys if (now.stored.state_name, photo) not in found], np.int64)
        parts = [missing[start : start + TOGETHER] for start in range(0, len(missing), TOGETHER)]
        for part, read in zip(parts, map_cores(now.rows, parts), strict=True):
            found |= {
                (keys[0][0], photo): row for photo, row in zip(part.tolist(), read.astype(np.float16), strict=True)
            }
        with self._lock:
            for key in keys:
                self._kept[key] = found[key]
                self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        rows = [found[key] for key in keys]
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, now.describer.dim), np.float32)
