"""Voters over the local features of a store: made once, updated, and stored in the atlas's cache.

    atlas/cache/<name>-<digest of the parameters>-<digest of the photos>/
      stamp.npz      ids and sha256 of the photos, how many it was learned from, sha256 of the files below
      ...            what the voter writes

The cache depends only on the atlas and may be deleted at any time. It is written to a temporary folder, flushed and
renamed, so a crash leaves the old one or none. A damaged cache, or one for other photos, is rebuilt. When photos are
added or removed, only those change; when there are twice as many as it was learned from, it learns again. If the folder
cannot be written, it stays in memory. FAISS may crash on a damaged file, so files are checked by their sha256 before
reading.

Errors of FAISS end here: a voter that fails while it is read or updated is rebuilt.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.files import arrays_of, flush
from placeprint.core.numerics import spread_features
from placeprint.describing.describer import MAX_DESCRIPTORS
from placeprint.errors import PlaceprintError, ShapeError
from placeprint.presets import ComponentSpec, Preset
from placeprint.searching.learning import GROWTH, in_parts, sampled_photos
from placeprint.searching.snapshot import Snapshot
from placeprint.types import LocalFeatures, Ranking, Voter

logger = logging.getLogger(__name__)

DESCRIPTOR = "descriptor"
"""The name of search by the global descriptor."""
WORTH_WRITING = 0.01
"""Share of changed photos at which the cache is written again."""
STAMP = "stamp.npz"
LEFT_OVER = 3600.0
"""Seconds after which the incomplete folder of a crash is removed."""


@dataclasses.dataclass(eq=False)
class _Current:
    """A voter and its content.

    Args:
        voter: the voter.
        version: the version of the photos that it matches.
        prints: the first bytes of the sha256 of each photo's file, by id.
        learned_from: the number of photos it was learned from.
    """

    voter: Voter
    version: int
    prints: dict[int, str]
    learned_from: int


def default_mode(preset: Preset) -> str:
    """Return the search mode of a preset: the name of its voter, or ``"descriptor"``."""
    return DESCRIPTOR if preset.voter is None else preset.voter.name


class StoredVoters:
    """The voters of an atlas, by name; threads may share them, and search one after another.

    Args:
        folder: the folder of the atlas.
        preset: the preset of the atlas; a voter that it names has its parameters, others have their own defaults.
    """

    def __init__(self, folder: Path, preset: Preset) -> None:
        self._atlas, self._preset = folder, preset
        self._current: dict[str, _Current] = {}
        self._lock = threading.Lock()

    def search(self, now: Snapshot, name: str, features: LocalFeatures, top: int) -> Ranking:
        """Return the ``top`` photos that the features vote for.

        Raises:
            OptionError: the voter is unknown, or a parameter is out of its range.
        """
        with self._lock:
            voter = self._voter(now, name)
            none = Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32))
            return none if voter is None else voter.search(features, top)

    def prepare(self, now: Snapshot, name: str) -> None:
        """Make a voter of the current photos; raise as `search` does."""
        with self._lock:
            self._voter(now, name)

    def _voter(self, now: Snapshot, name: str) -> Voter | None:
        """Return a voter of the current photos, or None if none has features."""
        current = self._current.pop(name, None) or self._read(name)  # a voter that fails while it changes is dropped
        if current is None or current.version != now.version:
            try:
                current = self._refreshed(now, name, current)
            except PlaceprintError:
                raise
            except Exception as error:  # FAISS raises RuntimeError and more
                logger.warning("the index of local features is rebuilt: %s", error)
                current = self._refreshed(now, name, None)
        if current is None:
            return None
        self._current[name] = current
        return current.voter

    def _made(self, name: str) -> Voter:
        known = self._preset.voter
        spec = known if known is not None and known.name == name else ComponentSpec("voters", name)
        voter: Voter = spec.make()
        return voter

    def _refreshed(self, now: Snapshot, name: str, current: _Current | None) -> _Current | None:
        """Return a voter of the current photos, or None if none has features."""
        prints = {i: record.sha256[:16] for i, record in now.usable().items()}
        if current is None or len(prints) >= GROWTH * current.learned_from:
            current = self._learned(now, name, prints)
            if current is None:
                return None
        gone = [i for i, known in current.prints.items() if prints.get(i) != known]
        come = [i for i, known in prints.items() if current.prints.get(i) != known]
        current.voter.remove(np.array(gone, np.int64))
        for ids in in_parts(come):
            current.voter.add(np.array(ids, np.int64), now.verified_features(ids))
        current = dataclasses.replace(current, version=now.version, prints=prints)
        if len(gone) + len(come) > WORTH_WRITING * len(prints):
            self._write(name, current)
        return current

    def _learned(self, now: Snapshot, name: str, prints: dict[int, str]) -> _Current | None:
        sample = sampled_photos(now)
        each = max(1, MAX_DESCRIPTORS // max(len(sample), 1))
        features = [spread_features(photo, each) for ids in in_parts(sample) for photo in now.verified_features(ids)]
        voter = self._made(name)
        try:
            voter.fit(features)
        except ShapeError:
            if any(map(len, features)):
                raise
            return None
        return _Current(voter, -1, {}, len(prints))

    def _folder(self, name: str) -> tuple[Path, str]:
        """Return the cache folder, and the prefix of a voter's folders."""
        params = registry.params_of(self._made(name))
        digest = hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:8]
        return self._atlas / "cache", f"{name}-{digest}-"

    def _read(self, name: str) -> _Current | None:
        """Return the content of the cache, or None if it is not usable."""
        cache, prefix = self._folder(name)
        for folder in _folders(cache, prefix):
            try:
                stamp = stamp_of(folder)
                ids, sums, learned_from = stamp["ids"].tolist(), stamp["sums"].tolist(), int(stamp["learned_from"])
                voter = self._made(name)
                voter.read(folder)
                if len(voter) != len(ids):
                    raise ValueError(f"it has {len(voter)} photos, not {len(ids)}")
            except Exception as error:  # damaged archives and FAISS raise nearly anything
                logger.warning("the cache %s is rebuilt: %s", folder, error)
                continue
            return _Current(voter, -1, dict(zip(ids, sums, strict=True)), learned_from)
        return None

    def _write(self, name: str, current: _Current) -> None:
        cache, prefix = self._folder(name)
        ids, sums = np.array(list(current.prints), np.int64), np.array(list(current.prints.values()))
        digest = hashlib.sha256(ids.tobytes() + sums.tobytes()).hexdigest()[:12]
        final = cache / f"{prefix}{digest}"
        temporary: Path | None = None
        try:
            cache.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{prefix}", suffix=".tmp", dir=cache))
            temporary.chmod(0o755)
            current.voter.write(temporary)
            digests = np.array(_digests(temporary))
            stamp = {"ids": ids, "sums": sums, "learned_from": np.array(current.learned_from), "digests": digests}
            np.savez(temporary / STAMP, **stamp)  # type: ignore[arg-type]  # the stub takes the last keyword for an option
            for path in [*temporary.iterdir(), temporary]:
                flush(path)
            others = [path for path in _folders(cache, prefix) if path != final]
            shutil.rmtree(final, ignore_errors=True)
            temporary.rename(final)
            flush(cache)
        except (PlaceprintError, OSError, RuntimeError) as error:  # FAISS reports a full disk in its own words
            logger.warning("the index of local features is in memory only: %s", error)
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
            return
        for path in [*others, *_left_over(cache)]:
            shutil.rmtree(path, ignore_errors=True)


def stamp_of(folder: Path) -> dict[str, NDArray[Any]]:
    """Return the stamp of a cache whose files are those that were written.

    Raises:
        ValueError: they are not; whatever damaged archives raise.
    """
    stamp = arrays_of((folder / STAMP).read_bytes())
    if stamp["digests"].tolist() != _digests(folder):
        raise ValueError("its files are not the ones that were written")
    return stamp


def _folders(cache: Path, prefix: str) -> list[Path]:
    """Return the folders of a voter, without a glob pattern, because the atlas's path may contain ``[``."""
    with contextlib.suppress(OSError):
        return sorted(path for path in cache.iterdir() if path.name.startswith(prefix))
    return []


def _left_over(cache: Path) -> list[Path]:
    """Return incomplete folders of a crash."""
    found = []
    for path in _folders(cache, "."):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - LEFT_OVER:
                found.append(path)
    return found


def _digests(folder: Path) -> list[str]:
    """Return the name and sha256 of each file of a cache, except the stamp."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name != STAMP:
            with path.open("rb") as file:
                found.append(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}")
    return found


def search_modes() -> list[str]:
    """List the search modes."""
    return [DESCRIPTOR, *registry.names("voters")]
