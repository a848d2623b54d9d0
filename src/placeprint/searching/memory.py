"""What searches of an atlas keep in memory for the next ones: the index, local features, typical similarities."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from placeprint.core.numerics import evenly
from placeprint.errors import OptionError
from placeprint.evidence.overlays import Overlays, find_overlays
from placeprint.index.flat import FlatIndex
from placeprint.presets import OpinionSpec, Preset
from placeprint.searching.index_files import IndexFiles
from placeprint.searching.kept_descriptors import TOGETHER, KeptDescriptors
from placeprint.searching.pushed_index import PushedIndex
from placeprint.searching.snapshot import Snapshot
from placeprint.searching.stored_index import StoredIndex
from placeprint.searching.stored_voters import StoredVoters
from placeprint.store import PhotoRecord
from placeprint.types import Floats, Ids, Index, LocalFeatures, Ranking, Verifier

CACHE_PHOTOS = 500
"""Photos whose decoded local features are kept in memory, the latest used (about 260 KB each)."""
BACKGROUND = 128
"""Photos spread over the atlas that say how similar a query is to any."""
LOOKED_AT = 64
"""Photos spread over the atlas in which overlays are looked for."""
MEASURED = 100
"""Candidates found by compact codes whose similarity is then measured by their descriptors."""
FLAT = "flat"
Kept = TypeVar("Kept")
logger = logging.getLogger(__name__)


class Memory:
    """What searches of an atlas keep; threads may share it.

    Args:
        folder: the folder of the atlas.
        preset: the preset of the atlas.
        pushed: its index in a database, which then finds all candidates; None without.
    """

    def __init__(self, folder: Path, preset: Preset, pushed: PushedIndex | None = None) -> None:
        self.verifier: Verifier = preset.verifier.make()
        self.voters = StoredVoters(folder, preset)
        self._opinions: dict[str, Verifier] = {each.source: each.verifier.make() for each in preset.opinion}
        self._index: Indexed | None = None
        self._index_lock = threading.Lock()
        self._most = preset.index.make().most if preset.index.name == FLAT else 0
        self._pushed = pushed
        self._compact = pushed or StoredIndex(IndexFiles(folder))
        self._descriptors = KeptDescriptors()
        self._features: OrderedDict[tuple[int, str, int], LocalFeatures] = OrderedDict()
        self._features_lock = threading.Lock()
        self._usual: dict[str, tuple[int, Any]] = {}
        self._usual_lock = threading.Lock()
        self._told: set[str] = set()

    def nearest(self, now: Snapshot, descriptors: Floats, count: int, among: Ids | None = None) -> list[Ranking]:
        """Return the ``count`` photos nearest to each of ``(q, d)`` descriptors, one search after another.

        With ``among``, only the photos with these ids are searched.
        """
        if self._is_compact(now):
            return [self._nearest_in_two_stages(now, row, count, among) for row in descriptors]
        with self._index_lock:
            index = self._current_index(now)
            return index.search(descriptors, count) if among is None else index.search(descriptors, count, among)

    def rows(self, now: Snapshot, ids: Ids) -> Floats:
        """Return the ``(n, dim)`` global descriptors of photos.

        Raises:
            OptionError: the preset's index keeps no rows.
        """
        if self._is_compact(now):
            return self._descriptors.rows(now, ids)
        with self._index_lock:
            index = self._current_index(now)
            if not isinstance(index, FlatIndex):
                raise OptionError("only an index 'flat' keeps the descriptors of the photos")
            return index.rows(ids)

    def update(self, now: Snapshot) -> None:
        """Bring the compact index up to date after the photos have changed, if the atlas has one."""
        if self._is_compact(now):
            self._compact.update(now)

    def _is_compact(self, now: Snapshot) -> bool:
        """Return whether photos are searched in two stages: there are many, or a database has them."""
        return self._pushed is not None or 0 < self._most < len(now.usable())

    def _nearest_in_two_stages(self, now: Snapshot, row: Floats, count: int, among: Ids | None = None) -> Ranking:
        """Return photos by compact codes, the first ones by their descriptors; scores do not increase."""
        found = self._compact.of(now).search(row[None], max(count, MEASURED), among)[0]
        exact = self._descriptors.similarities(now, found.ids[:MEASURED], row)
        order = np.lexsort((found.ids[: len(exact)], -exact))
        rest = np.minimum(found.scores[len(exact) :], exact.min(initial=1))
        ids = np.concatenate([found.ids[order], found.ids[len(exact) :]])
        return Ranking(ids[:count], np.concatenate([exact[order], rest])[:count].astype(np.float32))

    def prepare(self, now: Snapshot) -> None:
        """Make the index, and what evidence is compared with."""
        if self._is_compact(now):
            self._compact.of(now)
        else:
            with self._index_lock:
                self._current_index(now)
        if now.preset.evidence is not None:
            self.background(now)
            self.overlays(now, 0)

    def background(self, now: Snapshot) -> list[Floats]:
        """Return ``(n, d)`` rows of each descriptor, of photos spread over the atlas."""

        def make() -> list[Floats]:
            ids = now.usable().ids
            chosen = ids[evenly(len(ids), BACKGROUND)]
            found = [np.empty((len(chosen), branch.aggregator.dim), np.float32) for branch in now.describer.branches]
            start = 0
            for some in self._parts(now, chosen):  # a few at a time: all of them would be 40 MB more
                part = slice(start, start := start + len(some))
                for rows, each in zip(found, now.describer.parts(some), strict=True):
                    rows[part] = each
            return found

        return self._kept(now, "background", make)

    def _parts(self, now: Snapshot, ids: Ids) -> Iterator[Floats]:
        """Yield the rows of photos, a few at a time."""
        if self._is_compact(now):
            return self._descriptors.parts(now, ids)
        return (self.rows(now, ids[start : start + TOGETHER]) for start in range(0, len(ids), TOGETHER))

    def overlays(self, now: Snapshot, number: int) -> Overlays:
        """Return what cameras write on the photos, as one of the extractors sees it."""

        def make() -> Overlays:
            ids = now.usable().ids
            return find_overlays(now.features_of(ids[evenly(len(ids), LOOKED_AT)].tolist(), number))

        return self._kept(now, f"overlays {number}", make)

    def opinion(self, spec: OpinionSpec) -> Verifier:
        """Return the verifier of an opinion."""
        return self._opinions[spec.source]

    def tell_once(self, words: str) -> None:
        """Warn of something that holds for all searches, at the first of them."""
        if words not in self._told:
            self._told.add(words)
            logger.warning(words)

    def read(self, now: Snapshot, ids: Sequence[int], number: int = 0) -> list[LocalFeatures]:
        """Return the stored features of photos by one of the extractors, from memory where they are."""
        photos = now.photos().some(ids)
        keys = [(*_key(photos[i]), number) for i in ids]
        with self._features_lock:
            found = {key: self._features[key] for key in keys if key in self._features}
        missing = [key for key in keys if key not in found]
        read = now.features_of([i for i, _, _ in missing], number)
        found |= dict(zip(missing, read, strict=True))
        with self._features_lock:
            for key in keys:
                self._features[key] = found[key]
                self._features.move_to_end(key)
            while len(self._features) > max(CACHE_PHOTOS, len(ids)):
                self._features.popitem(last=False)
        return [found[key] for key in keys]

    def _kept(self, now: Snapshot, name: str, make: Callable[[], Kept]) -> Kept:
        """Return something computed from the current photos; it is recomputed when they change."""
        with self._usual_lock:
            version, made = self._usual.get(name, (-1, None))
            kept: Kept = make() if version != now.version else made
            self._usual[name] = now.version, kept
            return kept

    def _current_index(self, now: Snapshot) -> Index:
        """Return the index over all stored descriptors; when the photos change, it is changed or rebuilt."""
        if self._index is None or self._index.version != now.version:
            self._index = self._grown(now) or Indexed.of(now)
        return self._index.index

    def _grown(self, now: Snapshot) -> Indexed | None:
        """Return the index with the rows of new photos added and those of removed ones taken out, if it can be."""
        last = self._index
        if last is None or last.state != now.stored.state_name or not isinstance(last.index, FlatIndex):
            return None
        ids = now.usable().ids  # no id is given again
        new = ids[~np.isin(ids, last.ids)]
        if len(new) > len(ids) // 2:
            return None
        last.index.remove(last.ids[~np.isin(last.ids, ids)])
        for start in range(0, len(new), TOGETHER):
            last.index.add(new[start : start + TOGETHER], now.rows(new[start : start + TOGETHER]))
        return Indexed(now.version, now.stored.state_name, ids, last.index)


@dataclass(frozen=True, eq=False)
class Indexed:
    """An index in memory.

    Args:
        version: of the atlas.
        state: the learned state of its descriptors.
        ids: ``(n,)`` int64 of its photos, increasing.
        index: over them.
    """

    version: int
    state: str | None
    ids: Ids
    index: Index

    @classmethod
    def of(cls, now: Snapshot) -> Indexed:
        """Return an index over all descriptors of an atlas."""
        index: Index = now.preset.index.make()
        for ids, rows in now.descriptors():
            index.add(ids, rows)
        return cls(now.version, now.stored.state_name, now.usable().ids, index)


def _key(record: PhotoRecord) -> tuple[int, str]:
    """Return what features are kept in memory by: an id may be given again when its photo was removed."""
    return record.id, record.sha256
