"""Compute all descriptors of an atlas with a new learned state: a job that continues after an interruption.

    atlas/jobs/describe/
      state.npz      what was learned
      00000.npz      ids, hashes of the files and descriptors of the photos whose id is below `BLOCK`, and so on

The job reads a snapshot of the atlas and stores its results in blocks, each written atomically. Meanwhile the atlas can
be searched and changed, and the results are invisible. At the end the job takes the write lock, describes photos added
since, and replaces all descriptors in one commit. A block is used again only for photos with the same id and content.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import arrays_of
from placeprint.core.threads import map_cores, one_core_for_products
from placeprint.describing.describer import Describer, State
from placeprint.presets import Preset
from placeprint.searching.snapshot import Snapshot
from placeprint.store import Store
from placeprint.store.here import locked
from placeprint.store.store_snapshot import digest_of
from placeprint.store.writing import write_arrays, writing
from placeprint.types import Progress

FOLDER = Path("jobs", "describe")
STATE = "state.npz"
BLOCK = 1024
"""Ids of one block."""
READ_PHOTOS = 64
"""Most photos whose features are read at once."""


class Redescription:
    """Makes the descriptors of an atlas with another state.

    Args:
        store: the store of the atlas.
        preset: the preset of the atlas.
        progress: called with the count of photos described and of all.
    """

    def __init__(self, store: Store, preset: Preset, progress: Progress | None = None) -> None:
        self._store, self._preset, self._progress = store, preset, progress
        self._folder = store.folder / FOLDER
        self._block: tuple[int, dict[int, tuple[str, bytes]]] = (-1, {})

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only process that does this job.

        Raises:
            AtlasBusyError: another one does it.
            AtlasWriteError: the folder is read-only.
        """
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder, "another process is describing the photos of the atlas"):
            yield

    def pending(self) -> State | None:
        """Return the state whose descriptors were not all made when the job was interrupted; None if there is none."""
        return _read(self._folder / STATE)

    def begin(self, state: State) -> None:
        """Forget what was made with another state, and keep this one for the job."""
        kept = self.pending()
        if kept is not None and digest_of(kept) == digest_of(state):
            return
        for path in self._folder.glob("*.npz"):
            with writing(path):
                path.unlink(missing_ok=True)
        write_arrays(self._folder / STATE, state)

    def describe(self, describer: Describer) -> None:
        """Make the missing blocks of the current photos.

        Args:
            describer: with the state of the job.
        """
        ids = self._now(describer).usable().ids
        for block in np.unique(ids // BLOCK).tolist():
            chosen = ids[ids // BLOCK == block].tolist()
            self._descriptors(self._now(describer), chosen, keep=True)
            if self._progress is not None:
                self._progress(int(np.searchsorted(ids, chosen[-1])) + 1, len(ids))

    def finish(self, state: State, describer: Describer) -> None:
        """Replace all descriptors in one commit, with exclusive access to the store, and forget the job."""
        name = self._store.save_state(state)
        now = self._now(describer)
        self._store.replace_descriptors(name, lambda ids: self._descriptors(now, ids, keep=False))
        for path in self._folder.glob("*.npz"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _now(self, describer: Describer) -> Snapshot:
        return Snapshot(self._store.snapshot(), self._preset, lambda _: describer)

    def _descriptors(self, now: Snapshot, ids: Sequence[int], *, keep: bool) -> dict[int, bytes]:
        """Return the encoded descriptors of photos, from the blocks where they are.

        Args:
            now: the atlas.
            ids: of usable photos; others are skipped.
            keep: whether all ids are of one block, which is written if something in it is new.
        """
        prints = {number: record.sha256 for number, record in now.usable().some(ids).items()}
        found: dict[int, bytes] = {}
        for number, digest in prints.items():
            made = self._made(number // BLOCK).get(number)
            if made is not None and made[0] == digest:
                found[number] = made[1]
        missing = [number for number in prints if number not in found]
        for start in range(0, len(missing), READ_PHOTOS):
            found |= _described(now, missing[start : start + READ_PHOTOS])
        if keep and missing:
            self._write(ids[0] // BLOCK, {number: (prints[number], found[number]) for number in sorted(found)})
        return found

    def _made(self, block: int) -> Mapping[int, tuple[str, bytes]]:
        if self._block[0] != block:
            arrays = _read(self._path(block))
            self._block = block, {} if arrays is None else _rows(arrays)
        return self._block[1]

    def _write(self, block: int, rows: dict[int, tuple[str, bytes]]) -> None:
        data = [packed for _, packed in rows.values()]
        write_arrays(
            self._path(block),
            {
                "ids": np.array(list(rows), np.int64),
                "prints": np.array([digest for digest, _ in rows.values()]),
                "ends": np.cumsum([len(packed) for packed in data], dtype=np.int64),
                "data": np.frombuffer(b"".join(data), np.uint8),
            },
        )
        self._block = block, rows

    def _path(self, block: int) -> Path:
        return self._folder / f"{block:05}.npz"


def _described(now: Snapshot, ids: Sequence[int]) -> dict[int, bytes]:
    describer = now.describer
    with one_core_for_products():
        return dict(
            map_cores(
                lambda row: (row[0], describer.encode_descriptor(describer.descriptor(row[1]))), now.features(ids)
            )
        )


def _read(path: Path) -> State | None:
    """Return the arrays of a file; None if it is missing or damaged, so that it is rebuilt."""
    try:
        return arrays_of(path.read_bytes())
    except Exception:  # damaged archives raise nearly anything
        return None


def _rows(arrays: Mapping[str, NDArray[np.generic]]) -> dict[int, tuple[str, bytes]]:
    try:
        data, ends = arrays["data"].tobytes(), [0, *arrays["ends"].tolist()]
        parts = [data[start:end] for start, end in pairwise(ends)]
        return {
            int(number): (str(digest), part)
            for number, digest, part in zip(arrays["ids"], arrays["prints"], parts, strict=True)
        }
    except (KeyError, TypeError, ValueError):
        return {}
