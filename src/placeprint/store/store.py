"""The photos of an atlas on disk: what is known of each, its local features, what was learnt.

    atlas/
      atlas.toml     what made it
      state/*.npz    what was learnt (codebook, whitening), named by its content
      local.lance    id | keypoints | descriptors | scores | scales | angles, as bytes; and for every further
                     extractor n the same columns, named keypoints_n ...
      images.lance   id | path | sha256 | file size and time | width height | location | descriptor | state | error
      write.lock     held by the one process that writes

`local` is written first and `images` last: a photo exists when its row in `images` does. A crash between the
two leaves orphans in `local`, swept by the next writer. A photo that could not be used is a row with an
`error`, so that it is not read again until it changes. The newest row of a path counts.

Each row names the `state` (codebook) that made its descriptor, and a new codebook rewrites all rows in one
commit: vectors of two codebooks are never in one snapshot.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import AtlasBusyError, AtlasExistsError, AtlasFormatError
from placeprint.store.encoding import LOCAL_COLUMNS, Columns, column_name
from placeprint.store.files import write_arrays, writing
from placeprint.store.manifest import FILE_NAME, Manifest
from placeprint.store.path_text import path_to_text, text_to_path
from placeprint.store.tables import Table
from placeprint.types import Ids

State = dict[str, NDArray[Any]]

PHOTO_COLUMNS = ("id", "path", "sha256", "file_size", "file_time", "width", "height", "lat", "lon", "time")


@dataclass(frozen=True)
class PhotoRecord:
    """What the atlas knows of one photo.

    Args:
        path: absolute path when it was added.
        sha256: of the file's bytes; empty when it could not be read or its header is not that of a photo.
        file_size: bytes.
        file_time: modification time in nanoseconds.
        width: pixels, upright; 0 when skipped.
        height: pixels, upright; 0 when skipped.
        location: ``(latitude, longitude)`` in degrees, or None.
        taken: when it was taken, camera's local time, or None; stored without its fraction of a second and its zone.
        num_keypoints: count of stored local features.
        error: why it was skipped, or None.
        id: given by the store; -1 before.
    """

    path: str
    sha256: str
    file_size: int
    file_time: int
    width: int = 0
    height: int = 0
    location: tuple[float, float] | None = None
    taken: datetime.datetime | None = None
    num_keypoints: int = 0
    error: str | None = None
    id: int = -1


class Store:
    """One atlas folder.

    Args:
        folder: of an atlas.

    Raises:
        AtlasMissingError: there is none.
        AtlasFormatError: it is damaged or of a newer format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.read(folder)
        self._images = Table(folder / "images.lance", _images_schema())
        self._local = Table(folder / "local.lance", _local_schema(self.manifest.num_extractors))
        for table in (self._images, self._local):
            if not (table.path / "_versions").is_dir():
                raise AtlasFormatError(f"the atlas {str(folder)!r} lacks {table.path.name}; make it anew")
        self._photos: tuple[int, dict[int, PhotoRecord], str | None] | None = None
        self._next_id = 0

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> Store:
        """Make an empty atlas folder; its manifest is written last.

        Raises:
            AtlasExistsError: the path is a file, or a folder that holds something else.
            AtlasWriteError: it cannot be written.
        """
        if (folder / FILE_NAME).exists():
            raise AtlasExistsError(f"an atlas is at {str(folder)!r} already; open it, or choose another folder")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            started = folder.is_dir() and {path.name for path in folder.iterdir()} <= {
                "images.lance",
                "local.lance",
                "write.lock",
            }
            if not started:
                raise AtlasExistsError(
                    f"{str(folder)!r} exists and is not an atlas; choose another folder or empty this one"
                )
        with writing(folder.parent):
            folder.mkdir(parents=True, exist_ok=True)
        Table(folder / "local.lance", _local_schema(manifest.num_extractors)).create()
        Table(folder / "images.lance", _images_schema()).create()
        manifest.write(folder)
        return cls(folder)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the right to write; the system gives it back when the process dies.

        Raises:
            AtlasBusyError: another process holds it.
            AtlasWriteError: the folder is read-only.
        """
        import filelock

        lock = filelock.FileLock(self.folder / "write.lock", timeout=0)
        with writing(self.folder):
            try:
                lock.acquire()
            except filelock.Timeout as error:
                raise AtlasBusyError(
                    f"another process is writing to the atlas {str(self.folder)!r}; try again when it is done"
                ) from error
        try:
            self.reload()
            self._sweep()
            used = [*self._images.ids().tolist(), *self._local.ids().tolist()]
            self._next_id = max(used, default=-1) + 1
            yield
        finally:
            lock.release()

    def reload(self) -> None:
        """See what other processes have written since."""
        self._images.reload()
        self._local.reload()

    @property
    def version(self) -> int:
        """Grows with every change of the photos."""
        return self._images.version

    @property
    def state_name(self) -> str | None:
        """Name of the learnt state behind the descriptors; None while there are none."""
        return self._load()[2]

    def photos(self) -> dict[int, PhotoRecord]:
        """Return what is known of every photo, the skipped ones included, by id."""
        return self._load()[1]

    def usable(self) -> dict[int, PhotoRecord]:
        """Return what is known of every photo that can be searched, by id."""
        return {i: record for i, record in self.photos().items() if record.error is None}

    def append(
        self,
        entries: Sequence[tuple[PhotoRecord, Columns | None, bytes | None]],
        state: str,
        replaces: Sequence[int] = (),
    ) -> None:
        """Add photos in one commit, inside `exclusive`; on return they are safe.

        Args:
            entries: record, local features and descriptor of each (None and None for a skipped photo).
            state: name of the learnt state that made the descriptors.
            replaces: ids of older rows of the same paths, removed afterwards.
        """
        ids = range(self._next_id, self._next_id + len(entries))
        self._next_id += len(entries)
        local = [{"id": i, **columns} for i, (_, columns, _) in zip(ids, entries, strict=True) if columns]
        if local:
            self._local.append(local)
        rows = [_to_row(i, record, descriptor, state) for i, (record, _, descriptor) in zip(ids, entries, strict=True)]
        self._images.append(rows)
        self.remove(replaces)

    def remove(self, ids: Sequence[int]) -> None:
        """Forget photos: first that they exist, then their features."""
        self._images.delete(ids)
        self._local.delete(ids)

    def descriptors(self, size: int = 1024) -> Iterator[tuple[Ids, list[bytes]]]:
        """Yield the ids and encoded descriptors of the usable photos, ``size`` at a time."""
        current = self.photos()
        for batch in self._images.batches(["id", "descriptor"], size):
            rows = [
                (i, data)
                for i, data in zip(batch["id"].to_pylist(), batch["descriptor"].to_pylist(), strict=True)
                if data is not None and i in current
            ]
            if rows:
                yield np.array([i for i, _ in rows], np.int64), [data for _, data in rows]

    def local_columns(self, ids: Sequence[int], extractor: int = 0) -> dict[int, Columns]:
        """Return the encoded local features of one extractor, of photos by id; photos without are left out."""
        names = [column_name(name, extractor) for name in LOCAL_COLUMNS]
        return {row["id"]: row for row in self._local.take(ids, names)}

    def save_state(self, state: Mapping[str, NDArray[Any]]) -> str:
        """Save what was learnt under a name made of its content, and return the name."""
        digest = hashlib.sha256()
        for name in sorted(state):
            digest.update(name.encode() + str(state[name].dtype).encode() + str(state[name].shape).encode())
            digest.update(np.ascontiguousarray(state[name]).tobytes())
        name = digest.hexdigest()[:16]
        path = self.folder / "state" / f"{name}.npz"
        if not path.is_file():
            write_arrays(path, state)
        return name

    def load_state(self, name: str) -> State:
        """Read a learnt state.

        Raises:
            AtlasFormatError: it is missing or damaged.
        """
        path = self.folder / "state" / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except Exception as error:
            raise AtlasFormatError(
                f"the atlas lacks its learnt state {str(path)!r}, or it is damaged; restore it or make the atlas anew"
            ) from error

    def replace_descriptors(self, state: str, make: Callable[[Sequence[int]], Mapping[int, bytes]]) -> None:
        """Give every usable photo a new descriptor, all in one commit.

        Args:
            state: name of the learnt state that makes them.
            make: from ids to their encoded descriptors.
        """
        import pyarrow as pa

        current = self.photos()

        def batches() -> Iterator[Any]:
            for batch in self._images.batches(size=256):
                rows = [row for row in batch.to_pylist() if row["id"] in current]
                made = make([row["id"] for row in rows if row["error"] is None])
                changed = [row | {"descriptor": made.get(row["id"]), "state": state} for row in rows]
                yield from pa.Table.from_pylist(changed, schema=_images_schema()).to_batches()

        self._images.rewrite(batches())
        for path in (self.folder / "state").glob("*.npz"):
            if path.stem != state:
                with writing(self.folder):
                    path.unlink(missing_ok=True)

    def maintain(self) -> None:
        """Join small files and remove what is no longer used."""
        self._local.maintain()
        self._images.maintain()

    def num_bytes(self) -> int:
        """Bytes of the whole folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def _load(self) -> tuple[int, dict[int, PhotoRecord], str | None]:
        if self._photos is None or self._photos[0] != self._images.version:
            rows = self._images.scan([*PHOTO_COLUMNS, "num_keypoints", "error", "state"])
            newest = {row["path"]: row for row in sorted(rows, key=lambda row: int(row["id"]))}
            states = {row["state"] for row in newest.values() if row["error"] is None}
            if len(states) > 1:
                raise AtlasFormatError(f"the atlas mixes descriptors of {len(states)} codebooks; make it anew")
            photos = {row["id"]: _to_record(row) for row in newest.values()}
            self._photos = (self._images.version, dict(sorted(photos.items())), next(iter(states), None))
        return self._photos

    def _sweep(self) -> None:
        """Remove what a crash left: features without a photo, and rows replaced by a newer one."""
        current = self.photos().keys()
        if replaced := set(self._images.ids().tolist()) - current:
            self._images.delete(replaced)
        if orphans := set(self._local.ids().tolist()) - current:
            self._local.delete(orphans)


def _to_row(photo_id: int, record: PhotoRecord, descriptor: bytes | None, state: str) -> dict[str, Any]:
    latitude, longitude = record.location or (None, None)
    return {
        "id": photo_id,
        "path": path_to_text(record.path),
        "sha256": record.sha256,
        "file_size": record.file_size,
        "file_time": record.file_time,
        "width": record.width,
        "height": record.height,
        "lat": latitude,
        "lon": longitude,
        "time": None if record.taken is None else record.taken.replace(microsecond=0, tzinfo=None),
        "num_keypoints": record.num_keypoints,
        "descriptor": descriptor,
        "state": state,
        "error": record.error,
    }


def _to_record(row: Mapping[str, Any]) -> PhotoRecord:
    return PhotoRecord(
        text_to_path(row["path"]),
        row["sha256"],
        row["file_size"],
        row["file_time"],
        row["width"],
        row["height"],
        None if row["lat"] is None else (row["lat"], row["lon"]),
        row["time"],
        row["num_keypoints"],
        row["error"],
        row["id"],
    )


def _images_schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.int64()),
            ("path", pa.string()),
            ("sha256", pa.string()),
            ("file_size", pa.int64()),
            ("file_time", pa.int64()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("lat", pa.float64()),
            ("lon", pa.float64()),
            ("time", pa.timestamp("s")),
            ("num_keypoints", pa.int32()),
            ("descriptor", pa.large_binary()),
            ("state", pa.string()),
            ("error", pa.string()),
        ]
    )


def _local_schema(extractors: int) -> Any:
    import pyarrow as pa

    names = [column_name(name, number) for number in range(extractors) for name in LOCAL_COLUMNS]
    return pa.schema([("id", pa.int64()), *((name, pa.large_binary()) for name in names)])
