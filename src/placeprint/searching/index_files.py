"""The compact index of an atlas as files: opened, extended with new photos, rebuilt if too many are gone.

    atlas/cache/compact/
      stamp.json               what counts: the state of the descriptors, how many rows, hashes of the files
      ids-1.bin, signs-1.bin the rows, see `index.compact_rows`; a number for each time they were rebuilt
      lists-1-20000.faiss inverted lists over the first rows of short descriptors lock held by the one process that
      writes here

The stamp alone defines what is valid, and it is replaced last, atomically. So a reader sees the rows before or after a
change, never half of it, and an interrupted build continues. The folder may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from placeprint.core.files import written_aside
from placeprint.core.numerics import evenly
from placeprint.index.compact_code import CompactCode
from placeprint.index.compact_lists import add_codes, learned_lists, read_lists, write_lists
from placeprint.index.compact_rows import CompactRows, append_rows, map_rows
from placeprint.store.writing import write_atomically

logger = logging.getLogger(__name__)

FORMAT = 1
STAMP, LOCK = "stamp.json", "lock"
BLOCK, BLOCKS = 4096, 64
"""Bytes of a file that are hashed at a place, and the number of places."""
DEAD = 0.2
"""Share of rows of removed photos from which the files are rebuilt."""
LISTS_FROM = 5000
"""Rows from which there are lists."""
LISTS_GROWTH = 1.1
"""Growth of the rows after which new ones are moved into the lists."""


@dataclass(frozen=True)
class Stamp:
    """What is valid in the folder.

    Args:
        state: the learned state that made the descriptors.
        dim: the length of a descriptor.
        generation: the number in the names of the files.
        rows: the number of rows.
        digest: the hash of some of the rows.
        lists: the name of the file of lists; empty without.
        lists_digest: the hash of parts of it.
        format: the version of the layout.
    """

    state: str
    dim: int
    generation: int
    rows: int
    digest: str
    lists: str = ""
    lists_digest: str = ""
    format: int = FORMAT


class IndexFiles:
    """The files of one atlas.

    Args:
        folder: the folder of the atlas.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cache" / "compact"

    def read(self, state: str, code: CompactCode) -> tuple[Stamp, CompactRows, Any] | None:
        """Return the stamp, the rows and the lists, None if there are none of this state, or they are damaged."""
        try:
            stamp = Stamp(**json.loads((self.folder / STAMP).read_bytes()))
            if (stamp.format, stamp.state, stamp.dim) != (FORMAT, state, code.dim):
                return None
            rows = map_rows(self.folder, stamp.generation, stamp.rows, code)
            if rows.digest() != stamp.digest:
                raise ValueError("its rows are not the ones that were written")
            return stamp, rows, self._lists(stamp)
        except FileNotFoundError:
            return None
        except Exception as error:  # damaged files and FAISS raise nearly anything
            logger.warning("the index %s is rebuilt: %s", self.folder, error)
            return None

    @contextlib.contextmanager
    def writing(self, wait: float = 0.0) -> Iterator[bool]:
        """Yield whether this process may write here: not while another one does, or in a read-only folder.

        Args:
            wait: the seconds to wait for another one.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.folder / LOCK, timeout=wait)
            lock.acquire()
        except (OSError, filelock.Timeout, NotImplementedError):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def begin(self, state: str, code: CompactCode) -> Stamp:
        """Return the stamp of a new generation without rows; nothing is written yet."""
        used = [int(path.stem.split("-")[1]) for path in self.folder.iterdir() if path.stem.count("-")]
        return Stamp(state, code.dim, max(used, default=0) + 1, 0, "")

    def append(self, stamp: Stamp, rows: CompactRows, code: CompactCode) -> Stamp:
        """Write rows after those of a stamp, then the new stamp; return it.

        Raises:
            OSError, AtlasWriteError: the disk is full, or the files cannot be written.
        """
        append_rows(self.folder, stamp.generation, stamp.rows, rows)
        count = stamp.rows + len(rows)
        digest = map_rows(self.folder, stamp.generation, count, code).digest()
        return self._publish(dataclasses.replace(stamp, rows=count, digest=digest))

    def has_many_outside(self, stamp: Stamp, code: CompactCode) -> bool:
        """Return whether enough rows are missing from the lists that `merge` is worth its time."""
        listed = int(stamp.lists.split("-")[3].partition(".")[0]) if stamp.lists else 0
        return not code.has_signs and stamp.rows >= max(LISTS_FROM, LISTS_GROWTH * listed)

    def merge(self, stamp: Stamp, code: CompactCode) -> Stamp:
        """Move all rows into the lists; return the stamp that counts then.

        Raises:
            OSError, RuntimeError, AtlasWriteError: the files cannot be written.
        """
        codes = map_rows(self.folder, stamp.generation, stamp.rows, code).arrays["short"]
        index = None if not stamp.lists else read_lists(self.folder / stamp.lists, mapped=False)
        if index is None or stamp.rows > 4 * learned_from(stamp.lists):
            index = learned_lists(codes)
            learned = stamp.rows
        else:
            learned = learned_from(stamp.lists)
        add_codes(index, codes[int(index.ntotal) :])
        name = f"lists-{stamp.generation}-{learned}-{stamp.rows}.faiss"
        with written_aside(self.folder / name) as temporary:
            write_lists(index, temporary)
        return self._publish(dataclasses.replace(stamp, lists=name, lists_digest=_digest(self.folder / name)))

    def clean(self, stamp: Stamp) -> None:
        """Remove the files that do not belong to a stamp; who has mapped them keeps them."""
        for path in self.folder.iterdir():
            parts = path.stem.split("-")
            old = len(parts) > 1 and (
                parts[1] != str(stamp.generation) or (parts[0] == "lists" and path.name != stamp.lists)
            )
            if old and path.suffix in (".bin", ".faiss"):
                path.unlink(missing_ok=True)

    def _publish(self, stamp: Stamp) -> Stamp:
        write_atomically(self.folder / STAMP, json.dumps(dataclasses.asdict(stamp), indent=1).encode() + b"\n")
        return stamp

    def _lists(self, stamp: Stamp) -> Any:
        if not stamp.lists:
            return None
        path = self.folder / stamp.lists
        if _digest(path) != stamp.lists_digest:
            raise ValueError("its lists are not the ones that were written")
        return read_lists(path)


def learned_from(lists: str) -> int:
    """Return how many rows there were when the centers of a file of lists were learned."""
    return int(lists.split("-")[2])


def _digest(path: Path) -> str:
    """Return a hash of the size of a file and of blocks spread over it, its ends among them."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for begin in evenly(max(size - BLOCK, 0) + 1, BLOCKS).tolist():
            file.seek(begin)
            digest.update(file.read(BLOCK))
    return digest.hexdigest()
