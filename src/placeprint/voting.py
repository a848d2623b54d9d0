"""The local features of a store, to be searched by votes: made once, brought up to date, kept in the atlas's cache.

    atlas/cache/<name>-<digest of the parameters>-<digest of the photos>/
      stamp.npz      ids and sha256 of the photos held, how many it was learned from
      ...            what the voter writes

The cache is made of the store alone and may be deleted at any time. It is written beside, flushed and renamed, so a
crash leaves the old one or none; one that is damaged, or of other photos, is made anew. When photos have come or gone
only they are added or removed; when there are twice as many as it was learned from, it is learned anew. Where the
folder cannot be written, it is kept in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import logging
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np

from placeprint import registry
from placeprint.describe import MAX_DESCRIPTORS, Describer
from placeprint.errors import AtlasWriteError, ShapeError
from placeprint.learning import GROWTH, in_parts, sampled_photos
from placeprint.numerics import spread_features
from placeprint.presets import Tables
from placeprint.store import Store
from placeprint.store.files import writing
from placeprint.types import LocalFeatures, Ranking, Voter

logger = logging.getLogger(__name__)

DESCRIPTOR = "descriptor"
"""What searches by the global descriptor are called."""
WORTH_WRITING = 0.01
"""Share of the photos that must have changed for the cache to be written again."""
STAMP = "stamp.npz"


@dataclasses.dataclass(eq=False)
class _Current:
    """A voter and what it holds.

    Args:
        voter: itself.
        version: of the store it was compared with.
        prints: by id of the photo, the beginning of the sha256 of its file.
        learned_from: photos.
    """

    voter: Voter
    version: int
    prints: dict[int, str]
    learned_from: int


def default_way(tables: Tables) -> str:
    """Return what a preset's photos are searched by: the name of its voter, or ``"descriptor"``."""
    return str(tables["voter"]["name"]) if "voter" in tables else DESCRIPTOR


class StoredVoters:
    """The voters of a store, by name.

    Args:
        store: of the atlas.
        tables: of its preset; a voter that it names has its parameters, others have their own defaults.
    """

    def __init__(self, store: Store, tables: Tables) -> None:
        self._store, self._tables = store, tables
        self._current: dict[str, _Current] = {}

    def search(self, name: str, describer: Describer, features: LocalFeatures, top: int) -> Ranking:
        """Return the ``top`` photos that the features vote for.

        Raises:
            OptionError: there is no such voter, or a parameter is out of its range.
        """
        voter = self.current(name, describer)
        none = Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32))
        return none if voter is None else voter.search(features, top)

    def current(self, name: str, describer: Describer) -> Voter | None:
        """Return a voter that holds the photos as they are, None where none has a feature; raises as `search`."""
        current = self._current.get(name) or self._read(name)
        if current is None or current.version != self._store.version:
            current = self._refreshed(name, describer, current)
        if current is None:
            return None
        self._current[name] = current
        return current.voter

    def _made(self, name: str) -> Voter:
        table = dict(self._tables.get("voter", {}))
        params = table if table.pop("name", None) == name else {}
        voter: Voter = registry.create("voters", name, params)
        return voter

    def _refreshed(self, name: str, describer: Describer, current: _Current | None) -> _Current | None:
        """Return a voter of the photos as they are; None where none of them has a feature."""
        prints = {i: record.sha256[:16] for i, record in self._store.usable().items()}
        if current is None or len(prints) >= GROWTH * current.learned_from:
            current = self._learned(name, describer, prints)
            if current is None:
                return None
        gone = [i for i, known in current.prints.items() if prints.get(i) != known]
        come = [i for i, known in prints.items() if current.prints.get(i) != known]
        current.voter.remove(np.array(gone, np.int64))
        for ids in in_parts(come):
            current.voter.add(np.array(ids, np.int64), describer.read_verified_features(self._store, ids))
        current = dataclasses.replace(current, version=self._store.version, prints=prints)
        if len(gone) + len(come) > WORTH_WRITING * len(prints):
            self._write(name, current)
        return current

    def _learned(self, name: str, describer: Describer, prints: dict[int, str]) -> _Current | None:
        sample = sampled_photos(self._store)
        each = max(1, MAX_DESCRIPTORS // max(len(sample), 1))
        features = [
            spread_features(photo, each)
            for ids in in_parts(sample)
            for photo in describer.read_verified_features(self._store, ids)
        ]
        voter = self._made(name)
        try:
            voter.fit(features)
        except ShapeError:
            if any(map(len, features)):
                raise
            return None
        return _Current(voter, -1, {}, len(prints))

    def _folder(self, name: str) -> tuple[Path, str]:
        """Return the cache, and what the folders of a voter's name begin with."""
        params = registry.params_of(self._made(name))
        digest = hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:8]
        return self._store.folder / "cache", f"{name}-{digest}-"

    def _read(self, name: str) -> _Current | None:
        """Return what the cache holds, None where that is nothing of use."""
        cache, prefix = self._folder(name)
        for folder in sorted(cache.glob(f"{prefix}*")):
            try:
                with np.load(io.BytesIO((folder / STAMP).read_bytes()), allow_pickle=False) as arrays:
                    ids, sums = arrays["ids"].tolist(), arrays["sums"].tolist()
                    learned_from = int(arrays["learned_from"])
                voter = self._made(name)
                voter.read(folder)
            except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
                logger.warning("the cache %s is made anew: %s", folder, error)
                continue
            if len(voter) == len(ids):
                return _Current(voter, -1, dict(zip(ids, sums, strict=True)), learned_from)
        return None

    def _write(self, name: str, current: _Current) -> None:
        cache, prefix = self._folder(name)
        ids, sums = np.array(list(current.prints), np.int64), np.array(list(current.prints.values()))
        digest = hashlib.sha256(ids.tobytes() + sums.tobytes()).hexdigest()[:12]
        temporary, final = cache / f".{prefix}{os.getpid()}.tmp", cache / f"{prefix}{digest}"
        try:
            with writing(cache):
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir(parents=True)
                current.voter.write(temporary)
                np.savez(temporary / STAMP, ids=ids, sums=sums, learned_from=np.array(current.learned_from))
                for path in temporary.iterdir():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
                others = [path for path in cache.glob(f"{prefix}*") if path != final]
                shutil.rmtree(final, ignore_errors=True)
                temporary.rename(final)
        except (AtlasWriteError, RuntimeError) as error:  # FAISS tells of a full disk in its own words
            logger.warning("the index of local features is kept in memory only: %s", error)
            with contextlib.suppress(OSError):
                shutil.rmtree(temporary, ignore_errors=True)
            return
        for path in others:
            shutil.rmtree(path, ignore_errors=True)


def known_ways() -> list[str]:
    """List what photos can be searched by."""
    return [DESCRIPTOR, *registry.names("voters")]
