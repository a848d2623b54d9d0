"""The photos of an atlas on disk: their records, their local features, and what was learned.

    atlas/
      atlas.toml     how it was made
      files/*        what its preset needs: a trained network, a codebook
      state/*.npz    what was learned (codebook, whitening), named by its content
      local.lance    id | keypoints | descriptors | scores | scales | angles, as bytes; and for every further
                     extractor n the same columns, named keypoints_n ...
      images.lance   id | path | sha256 | file size and time | width height | location | descriptor | state | error
      calibration.json   how certain answers are in this atlas, if it was calibrated
      last-id        the largest id ever given, if its photo was removed
      write.lock     locked by the one process that writes

It may also be at an address of an object store (`store.away`): the tables and the small files are there.

`local` is written first and `images` last: a photo exists once its row in `images` does. A crash between the two leaves
orphans in `local`, which the next writer removes. A photo that could not be used is a row with an `error`, so that it
is not read again until it changes. The newest row of a path counts.

Each row names the `state` (codebook) that made its descriptor, and a new codebook rewrites all rows in one
commit: vectors of two codebooks are never in one snapshot.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from placeprint.core.files import bytes_of
from placeprint.core.numerics import not_in
from placeprint.errors import AtlasBusyError, AtlasError, AtlasExistsError, AtlasFormatError, AtlasMissingError
from placeprint.presets import Preset
from placeprint.store.encoding import Columns
from placeprint.store.here import LOCK
from placeprint.store.home import Home, home_of
from placeprint.store.last_id import FILE as LAST_ID
from placeprint.store.last_id import read_last_id, write_last_id
from placeprint.store.manifest import FILE_NAME, Manifest
from placeprint.store.records import PhotoRecord, images_schema, local_schema, to_row
from placeprint.store.store_snapshot import StoreSnapshot, digest_of, state_name
from placeprint.store.tables import KEEP, Table, TableVersion

FILES = "files"
PARTS = ("images.lance", "local.lance", FILES)
"""Names that an interrupted creation may leave."""
TOGETHER = 2048
"""Most rows changed in one commit."""
OFTEN = 256
"""Commits of one long write after which small files are joined in the middle of it."""
TRIES = 20


class Store:
    """The store of one atlas.

    Args:
        place: the folder or the address of the atlas.

    Attributes:
        home: where it is.
        name: the absolute path of its folder, or its address, for messages.
        folder: the folder on this machine: its own, or the working copy of an address.

    Raises:
        AtlasMissingError: there is no atlas.
        AtlasFormatError: it is damaged or of a newer format.
        ServiceError: the store at the address does not answer, or does not let us read.
    """

    def __init__(self, place: Path | str | Home) -> None:
        self.home = home_of(place)
        self.name = self.home.name
        self.manifest = Manifest.read(self.home)
        self.folder = self.home.folder
        self._made = self.home.identity()
        self._local, self._images = tables_of(self.home, self.manifest)
        for table in (self._images, self._local):
            if not table.is_there():
                raise AtlasFormatError(f"the atlas {self.home.given!r} lacks {table.name}; make it again")
        self._lock = threading.Lock()
        self._now: StoreSnapshot | None = None
        self._next_id = 0
        self._commits = 0

    @classmethod
    def create(cls, place: Path | str | Home, manifest: Manifest, files: Mapping[str, bytes] | None = None) -> Store:
        """Make an empty atlas; its manifest is written last, and nothing is left when that fails.

        Args:
            place: a new or empty folder, or an address where nothing is.
            manifest: how the atlas is made.
            files: the files of the preset by name, stored in the folder ``files``.

        Raises:
            AtlasExistsError: the path is a file, or a folder with other content.
            AtlasWriteError: it cannot be written.
            ServiceError: the store at the address does not answer.
        """
        home = home_of(place)
        tables = tables_of(home, manifest)
        was_there = _check_free(home, tables)
        try:
            home.make()
            with home.locked():
                _check_free(home, tables)  # check again, as another process may have made one meanwhile
                _remove_parts(home)
                for table in tables:
                    table.create()
                for name, data in (files or {}).items():
                    home.write(f"{FILES}/{name}", data)
                manifest.write(home)
        except (AtlasBusyError, AtlasExistsError):
            raise
        except BaseException:
            _remove_parts(home)
            home.unmake(was_there=was_there)
            raise
        return cls(home)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the write lock; the system frees it when the process dies.

        Raises:
            AtlasMissingError: the atlas no longer exists.
            AtlasBusyError: another process or thread has the lock.
            AtlasWriteError: the folder is read-only, or the store does not let us write.
        """
        self._check_there()
        with self.home.locked():
            self._sweep()
            now = self.snapshot()
            used = (now.images.ids(), now.local.ids())
            last = max(int(ids.max(initial=-1)) for ids in used)
            self._next_id = max(last, read_last_id(self.home)) + 1
            yield

    def snapshot(self) -> StoreSnapshot:
        """Return a snapshot of the current content, the last one while nothing changes; threads may share it.

        Raises:
            AtlasMissingError: the atlas no longer exists.
            AtlasFormatError: a table is damaged.
        """
        self._check_there()
        last = self._now
        if last is not None and self._is_newest(last):
            return last
        images, local = self._newest()
        with self._lock:
            last = self._now
            if last is None or (last.images.number, last.local.number) != (images.number, local.number):
                self._now = last = StoreSnapshot(self.home, images, local)
        return last

    def _is_newest(self, last: StoreSnapshot) -> bool:
        """Return whether nothing was written since a snapshot; also False if that cannot be read."""
        try:
            return all(table.newest_number() == table.number for table in (last.images, last.local))
        except AtlasFormatError:
            return False

    def _newest(self) -> tuple[TableVersion, TableVersion]:
        """Return versions of the tables that fit together; a version may be removed while it is opened."""
        for left in reversed(range(TRIES)):
            try:
                images, local = self._images.newest(), self._local.newest()
                if images.newest_number() == images.number or not left:
                    break
            except AtlasFormatError:
                if not left:
                    raise
        return images, local

    @property
    def preset(self) -> Preset:
        """The preset that made the atlas, with its files where they are; raises as `path_of`."""
        return self.manifest.preset.with_files(self.path_of)

    def path_of(self, name: str) -> str:
        """Return the path of a file that the manifest names; paths in the atlas are relative to its folder.

        Raises:
            AtlasFormatError: a file of the atlas is missing.
        """
        if Path(name).is_absolute():
            return name
        with contextlib.suppress(FileNotFoundError):
            path = self.home.path(name)
            if path.is_file():
                return str(path)
        raise AtlasFormatError(f"the atlas {self.name!r} lacks its file {name!r}; restore it")

    def append(
        self,
        entries: Sequence[tuple[PhotoRecord, Columns | None, bytes | None]],
        state: str,
        replaces: Sequence[int] = (),
    ) -> None:
        """Add photos in one commit, inside `exclusive`; on return they are safe on disk.

        Args:
            entries: the record, local features and descriptor of each photo (None and None for a skipped photo).
            state: the name of the learned state that made the descriptors.
            replaces: the ids of older rows of the same paths, which are removed afterwards.
        """
        ids = range(self._next_id, self._next_id + len(entries))
        self._next_id += len(entries)
        local = [{"id": i, **columns} for i, (_, columns, _) in zip(ids, entries, strict=True) if columns]
        if local:
            self._local.append(local)
        rows = [to_row(i, record, descriptor, state) for i, (record, _, descriptor) in zip(ids, entries, strict=True)]
        self._images.append(rows)
        self.remove(replaces)
        self._commits += 1
        if self._commits >= OFTEN:
            self.maintain()

    def restore(self, photos: Sequence[dict[str, Any]], features: Sequence[dict[str, Any]]) -> None:
        """Add rows of both tables as they are, ids included, inside `exclusive`."""
        if features:
            self._local.append(features)
        self._images.append(photos)

    def update(self, records: Sequence[PhotoRecord]) -> None:
        """Replace the records of photos with the same ids; features and descriptors stay.

        Args:
            records: the new records, with their ids. A photo whose path is reused must have been removed before.
        """
        for start in range(0, len(records), TOGETHER):
            changed = {record.id: record for record in records[start : start + TOGETHER]}
            rows = self.snapshot().images.take(changed)
            kept = ((changed[row["id"]], row) for row in rows)
            self._images.update([to_row(record.id, record, row["descriptor"], row["state"]) for record, row in kept])

    def remove(self, ids: Sequence[int]) -> None:
        """Remove photos: first their records, then their features. Their ids are never given again."""
        if len(ids) and max(ids) >= self.snapshot().images.ids().max(initial=-1):
            write_last_id(self.home, max(ids))
        self._images.delete(ids)
        self._local.delete(ids)

    def save_state(self, state: Mapping[str, NDArray[Any]]) -> str:
        """Save a learned state under a name made from its content, and return the name."""
        name = digest_of(state)
        try:
            self.snapshot().load_state(name)
        except AtlasFormatError:  # missing or damaged
            self.home.write(state_name(name), bytes_of(state))
        return name

    def replace_descriptors(self, state: str, make: Callable[[Sequence[int]], Mapping[int, bytes]]) -> None:
        """Replace the descriptor of every usable photo, all in one commit.

        Args:
            state: the name of the learned state that makes them.
            make: a function from ids to encoded descriptors.
        """
        now = self.snapshot()
        current = now.photos()

        def changed() -> Iterator[list[dict[str, Any]]]:
            for batch in now.images.batches(size=256):
                rows = [row for row in batch if row["id"] in current]
                made = make([row["id"] for row in rows if row["error"] is None])
                yield [row | {"descriptor": made.get(row["id"]), "state": state} for row in rows]

        self._images.rewrite(changed())
        for name in self.home.names("state"):
            if name.endswith(".npz") and name != f"{state}.npz":
                self.home.remove(f"state/{name}")

    def maintain(self, *, readers: bool = True) -> None:
        """Join small files and remove old versions.

        Args:
            readers: whether to keep the latest versions for a while, for those who read them.
        """
        keep = KEEP if readers else datetime.timedelta(0)
        self._local.maintain(keep)
        self._images.maintain(keep)
        self._commits = 0

    def compact(self, *, readers: bool = True) -> None:
        """Join all small files, drop deleted rows, and remove old versions; arguments as `maintain`."""
        for table in (self._local, self._images):
            table.compact()
        self.maintain(readers=readers)

    def num_files(self) -> int:
        """Return the number of files of the atlas."""
        return len(self.home.sizes())

    def num_bytes(self) -> int:
        """Return the size of the atlas in bytes."""
        return sum(self.home.sizes())

    def _sweep(self) -> None:
        """Remove what a crash left: features without a photo, and rows that newer ones replaced."""
        now = self.snapshot()
        current = now.photos().ids
        for table, version in ((self._images, now.images), (self._local, now.local)):
            table.delete(not_in(version.ids(), current).tolist())

    def _check_there(self) -> None:
        """Raise if the atlas was deleted, or replaced by another, after it was opened."""
        try:
            same = self.home.identity() == self._made
        except FileNotFoundError as error:
            raise AtlasMissingError(f"the atlas {self.name!r} no longer exists") from error
        except OSError as error:
            raise AtlasFormatError(f"the atlas {self.name!r} cannot be read: {error.strerror}") from error
        if not same:
            raise AtlasFormatError(f"the atlas {self.name!r} was replaced after it was opened; open it again")


def tables_of(home: Home, manifest: Manifest) -> tuple[Table, Table]:
    """Return the tables ``local`` and ``images`` of an atlas, in the order in which they are written."""
    return (
        Table(home, "local.lance", local_schema(manifest.num_extractors)),
        Table(home, "images.lance", images_schema()),
    )


def _check_free(home: Home, tables: Sequence[Table]) -> bool:
    """Return whether something is there; raise if it is more than the remains of an interrupted creation."""
    names, place = home.content(), home.name
    if names is None:
        return False
    if FILE_NAME in names:
        raise AtlasExistsError(f"an atlas is at {place!r} already; open it, or choose another folder")
    if not names <= {*PARTS, LOCK, LAST_ID}:
        raise AtlasExistsError(f"{place!r} exists and is not an atlas; choose another folder or empty this one")
    for table in tables:
        if table.is_there() and _holds_rows(table):
            raise AtlasExistsError(
                f"{place!r} has the photos of an atlas, but its {FILE_NAME} is gone; restore that, or choose "
                "another folder"
            )
    return True


def _holds_rows(table: Table) -> bool:
    try:
        return len(table.newest().ids()) > 0
    except AtlasError:
        return False


def _remove_parts(home: Home) -> None:
    """Remove the remains of an interrupted creation; an atlas is not touched."""
    if home.has_atlas():
        return
    for name in (*PARTS, LAST_ID):
        home.remove_below(name)
