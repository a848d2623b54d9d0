"""A cache in memory of the global descriptors that recent searches used."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

from placeprint.searching.snapshot import Snapshot
from placeprint.store.encoding import Bytes
from placeprint.types import Floats, Ids

KEPT = 512
"""Descriptors in memory, encoded (39 KB each with the default preset)."""
TOGETHER = 8
"""Descriptors that are decoded at once."""


class KeptDescriptors:
    """Reads descriptors of photos, and keeps the last; threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str | None, int], Bytes] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, now: Snapshot, ids: Ids) -> Floats:
        """Return the ``(n, dim)`` descriptors of usable photos, in the order of their ids."""
        found = self._each(now, ids)
        return now.describer.rows_of_codes(found) if found else np.zeros((0, now.describer.dim), np.float32)

    def parts(self, now: Snapshot, ids: Ids) -> Iterator[Floats]:
        """Yield the rows of `rows`, a few at a time; the encoded ones are read at once."""
        found = self._each(now, ids)
        for start in range(0, len(found), TOGETHER):
            yield now.describer.rows_of_codes(found[start : start + TOGETHER])

    def similarities(self, now: Snapshot, ids: Ids, descriptor: Floats) -> Floats:
        """Return the ``(n,)`` cosines of a ``(dim,)`` descriptor and those of usable photos.

        One core does it: a descriptor takes less than a tenth of a millisecond, and threads would wait for each other.
        """
        codes = self._each(now, ids)
        return np.array([now.describer.cosine_of_codes(each, descriptor) for each in codes], np.float32)

    def _each(self, now: Snapshot, ids: Ids) -> list[Bytes]:
        state, photos = now.stored.state_name, ids.tolist()
        with self._lock:
            found = {photo: self._kept[state, photo] for photo in photos if (state, photo) in self._kept}
        missing = [photo for photo in photos if photo not in found]
        stored = now.stored.descriptors_of(np.array(missing, np.int64)) if missing else []
        found |= zip(missing, map(now.describer.descriptor_codes, stored), strict=True)
        with self._lock:
            for photo in photos:
                self._kept[state, photo] = found[photo]
                self._kept.move_to_end((state, photo))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return [found[photo] for photo in photos]
