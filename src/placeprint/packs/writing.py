"""Write an atlas, or a part of it, as a pack or an export."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.atlas import Atlas
from placeprint.core.files import common_folder, flush, flush_folder, writing, written_aside
from placeprint.core.outputs import Kind, check_output, check_output_folder
from placeprint.core.regions import Box
from placeprint.errors import OptionError, PhotoError
from placeprint.packs.layout import INDEX, TOGETHER, FolderTarget, Index, Recorder, ZipTarget
from placeprint.packs.roots import relative_text
from placeprint.photos import normalized, read_image
from placeprint.photos.thumbnails import jpeg
from placeprint.searching.snapshot import Snapshot
from placeprint.store import FILE_NAME
from placeprint.store.calibration_file import FILE as CALIBRATION
from placeprint.store.home import Home
from placeprint.store.photo_filter import PhotoFilter
from placeprint.store.store_snapshot import state_name
from placeprint.types import Ids, Progress
from placeprint.version import __version__

PACK = Kind("pack", (b"PK\x03\x04",), (INDEX.encode(),))


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        photos: the number of photos.
        num_bytes: the size of all members.
        without_thumbnail: photos whose file cannot be read, so that they have no thumbnail.
    """

    photos: int
    num_bytes: int
    without_thumbnail: int = 0


def pack(
    atlas: Atlas,
    output: Path | str,
    *,
    region: Box | None = None,
    root: Path | str | None = None,
    thumbnails: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write the usable photos of an atlas, or of a region, into one file: what is stored of them, but no photos.

    Args:
        atlas: the atlas.
        output: the path of the file; an older pack is replaced.
        region: photos with a position in it; None for all photos.
        root: the folder that paths are kept relative to; None for the one that all chosen photos share.
        thumbnails: whether to add small pictures, which are read from the photos.
        progress: called with the count of photos written and of all.

    Raises:
        OptionError: no photo is in the region, or one is not below the root.
        WriteError: the file cannot be written.
    """
    path = Path(output)
    check_output(path, PACK, [atlas.folder])
    now = atlas.snapshot()
    ids = PhotoFilter(box=region).ids(now.usable())
    if not len(ids):
        raise OptionError("no photo of the atlas is in the region" if region is not None else "the atlas is empty")
    with written_aside(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        writer = _Writer(now, Recorder(ZipTarget(file)), ids, root, progress)
        writer.write_parts(thumbnails=thumbnails)
        box = None if region is None else (region.west, region.south, region.east, region.north)
        writer.finish("pack", region=box)
    return Written(len(ids), path.stat().st_size, writer.without_thumbnail)


def export_atlas(
    atlas: Atlas,
    output: Path | str,
    *,
    root: Path | str | None = None,
    descriptors: bool = True,
    progress: Progress | None = None,
) -> Written:
    """Write all of an atlas into a folder of Parquet and NumPy files, which `import_atlas` reads.

    Args:
        atlas: the atlas.
        output: a new or empty folder.
        root: the folder that paths are kept relative to; None for the one that all photos share.
        descriptors: whether to add ``descriptors.npy``, ``(n, dim)`` float16, and ``ids.npy`` for other programs.
        progress: called with the count of photos written and of all.

    Raises:
        OptionError: a photo is not below the root.
        WriteError: the folder cannot be written, or has something in it.
    """
    path = Path(output)
    check_output_folder(path, [atlas.folder], only=())
    now = atlas.snapshot()
    ids = now.photos().ids
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".placeprint-", suffix=".tmp", dir=path.parent))
        try:
            writer = _Writer(now, Recorder(FolderTarget(temporary)), ids, root, progress)
            writer.write_parts(thumbnails=False)
            if descriptors:
                _write_descriptors(now, temporary)
            writer.finish("export", tell_root=True)
            for each in [*(file for file in temporary.rglob("*") if file.is_file()), temporary]:
                flush(each)
            temporary.chmod(0o755)
            temporary.rename(path)
            flush_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Written(len(ids), sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))


class _Writer:
    """Writes the members of a pack or an export.

    Args:
        now: the atlas.
        to: what members are written to.
        ids: ``(n,)`` of the photos that are written.
        root: the folder that paths are kept relative to; None for the one that all of them share.
        progress: called with the count of photos written and of all.
    """

    def __init__(
        self, now: Snapshot, to: Recorder, ids: Ids, root: Path | str | None, progress: Progress | None
    ) -> None:
        self._now, self._to, self._ids, self._progress = now, to, ids, progress
        records = now.photos().some(ids.tolist())
        paths = [records[number].path for number in ids.tolist()]
        self._root = common_folder(paths) if root is None else Path(normalized(root))
        self._relative = {n: relative_text(path, self._root) for n, path in zip(ids.tolist(), paths, strict=True)}
        self.without_thumbnail = 0

    def write_parts(self, *, thumbnails: bool) -> None:
        """Write the rows of the photos, part by part, and their thumbnails."""
        import pyarrow as pa

        images, local = self._now.stored.images, self._now.stored.local
        for part, start in enumerate(range(0, len(self._ids), TOGETHER)):
            ids = self._ids[start : start + TOGETHER].tolist()
            rows = [row | {"path": self._relative[row["id"]]} for row in images.take(ids, images.schema.names[1:])]
            self._to.write(f"photos/{part:05}.parquet", _parquet(pa.Table.from_pylist(rows, schema=images.schema)))
            features = pa.Table.from_pylist(local.take(ids, local.schema.names[1:]), schema=local.schema)
            self._to.write(f"features/{part:05}.parquet", _parquet(features))
            if thumbnails:
                self._write_thumbnails(ids)
            if self._progress is not None:
                self._progress(start + len(ids), len(self._ids))

    def _write_thumbnails(self, ids: Sequence[int]) -> None:
        records = self._now.photos().some(ids)
        for number in ids:
            name = f"thumbnails/{records[number].sha256}.jpg"
            if name in self._to.members:
                continue
            try:
                self._to.write(name, jpeg(read_image(records[number].path)))
            except PhotoError:
                self.without_thumbnail += 1

    def finish(
        self, kind: str, *, tell_root: bool = False, region: tuple[float, float, float, float] | None = None
    ) -> None:
        """Write how the atlas was made and what it has learned, and at last what this is."""
        stored = self._now.stored
        for name, data in _made_of(stored.home, stored.state_name, calibration=kind == "export"):
            self._to.write(name, data)
        root = str(self._root) if tell_root else None
        index = Index(kind, self._now.preset.name, len(self._ids), stored.state_name, __version__, root, region)
        self._to.finish(index)


def _made_of(home: Home, state: str | None, *, calibration: bool) -> Iterator[tuple[str, bytes]]:
    yield FILE_NAME, home.read(FILE_NAME)
    for name in home.names("files"):
        yield f"files/{name}", home.read(f"files/{name}")
    if state is not None:
        yield state_name(state), home.read(state_name(state))
    if calibration:
        with contextlib.suppress(FileNotFoundError):
            yield CALIBRATION, home.read(CALIBRATION)


def _parquet(table: Any) -> bytes:
    import pyarrow.parquet as pq

    data = io.BytesIO()
    pq.write_table(table, data, compression="zstd")
    return data.getvalue()


def _write_descriptors(now: Snapshot, folder: Path) -> None:
    """Write the global descriptors of the usable photos as arrays that other programs map into memory."""
    shape = (len(now.usable()), now.describer.dim)
    rows = np.lib.format.open_memmap(folder / "descriptors.npy", "w+", np.float16, shape)
    ids, done = np.zeros(shape[0], np.int64), 0
    for numbers, vectors in now.descriptors():
        rows[done : done + len(numbers)], ids[done : done + len(numbers)] = vectors, numbers
        done += len(numbers)
    rows.flush()
    np.save(folder / "ids.npy", ids)
