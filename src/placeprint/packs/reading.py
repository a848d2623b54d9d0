"""Make an atlas from a pack or an export."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placeprint.atlas import Atlas
from placeprint.core.files import flush_folder, write_atomically
from placeprint.errors import AtlasExistsError, AtlasFormatError, AtlasWriteError
from placeprint.packs.layout import Source, damaged, open_export, open_pack
from placeprint.packs.roots import absolute_text
from placeprint.photos import normalized
from placeprint.store import FILE_NAME, Manifest, Store
from placeprint.store.calibration_file import FILE as CALIBRATION
from placeprint.store.store import absolute
from placeprint.store.store_snapshot import state_path
from placeprint.store.thumbnails import FOLDER as THUMBNAILS
from placeprint.store.writing import writing
from placeprint.types import Progress

PHOTOS = "photos"
"""The folder that photos of an atlas are recorded under if no root is given."""


def unpack(
    pack: Path | str, into: Path | str, *, root: Path | str | None = None, progress: Progress | None = None
) -> Atlas:
    """Make an atlas of a pack; it appears at once when it is whole.

    Args:
        pack: the file.
        into: a new or empty folder.
        root: the folder on this machine that the photos are below, if they are here.
        progress: called with the count of photos written and of all.

    Raises:
        AtlasFormatError: the pack is damaged, or of a newer format.
        AtlasExistsError: the folder has something in it.
        AtlasMismatchError: the networks of the atlas are not installed as they were.
        AtlasWriteError: the folder cannot be written.
    """
    with open_pack(Path(pack)) as source:
        return _made(source, Path(into), root, progress)


def import_atlas(
    export: Path | str, into: Path | str, *, root: Path | str | None = None, progress: Progress | None = None
) -> Atlas:
    """Make an atlas of an export; arguments and errors as `unpack`, but the photos are where they were by default."""
    return _made(open_export(Path(export)), Path(into), root, progress)


def _made(source: Source, into: Path, root: Path | str | None, progress: Progress | None) -> Atlas:
    target = absolute(into)
    _check_free(target)
    given = root if root is not None else source.index.root
    base = target / PHOTOS if given is None else Path(normalized(given))
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".placeprint-", suffix=".tmp", dir=target.parent))
        temporary.chmod(0o755)
    try:
        _fill(source, temporary, base, progress)
        Atlas.open(temporary)  # raises where the networks differ
        with writing(target):
            temporary.rename(target)
            flush_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Atlas.open(target)


def _check_free(target: Path) -> None:
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise AtlasExistsError(f"{str(target)!r} exists and is not an empty folder; choose another one")


def _fill(source: Source, folder: Path, root: Path, progress: Progress | None) -> None:
    """Write an atlas into an empty folder."""
    manifest = Manifest.parse(source.member(FILE_NAME), folder)
    store = Store.create(folder, manifest, source.folder("files"))
    for name, data in source.folder("state").items():
        write_atomically(state_path(folder, name.removesuffix(".npz")), data, error=AtlasWriteError)
    if CALIBRATION in source.index.members:
        write_atomically(folder / CALIBRATION, source.member(CALIBRATION), error=AtlasWriteError)
    for name in source.names("thumbnails"):
        write_atomically(folder / THUMBNAILS / name.partition("/")[2], source.member(name), error=AtlasWriteError)
    done = 0
    with store.exclusive():
        for photos in source.names("photos"):
            features = f"features/{photos.partition('/')[2]}"
            rows = [_placed(row, root, source) for row in _rows(source, photos, store)]
            store.restore(rows, _rows(source, features, store))
            done += len(rows)
            if progress is not None:
                progress(done, source.index.photos)
        store.maintain(readers=False)
    if done != source.index.photos:
        raise AtlasFormatError(damaged(source.what, f"it has {done} photos, not {source.index.photos}"))


def _placed(row: Mapping[str, Any], root: Path, source: Source) -> dict[str, Any]:
    if row["error"] is None and row["state"] != source.index.state:
        raise AtlasFormatError(damaged(source.what, "its descriptors are of another learned state"))
    return {**row, "path": absolute_text(row["path"], root)}


def _rows(source: Source, name: str, store: Store) -> list[dict[str, Any]]:
    """Return the rows of a part.

    Raises:
        AtlasFormatError: it has other columns than the tables of an atlas.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    now = store.snapshot()
    schema = now.images.schema if name.startswith("photos/") else now.local.schema
    try:
        table = pq.read_table(io.BytesIO(source.member(name)))
        if table.schema.names != schema.names:
            raise AtlasFormatError(damaged(source.what, f"{name} has other columns"))
        rows: list[dict[str, Any]] = table.cast(schema).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise AtlasFormatError(damaged(source.what, f"{name}: {error}")) from error
    return rows
