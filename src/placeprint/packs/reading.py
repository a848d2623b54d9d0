"""Make an atlas from a pack or an export."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placeprint.atlas import Atlas
from placeprint.core.addresses import as_path
from placeprint.errors import AtlasExistsError, AtlasFormatError
from placeprint.packs.layout import Source, damaged, open_export, open_pack
from placeprint.packs.roots import absolute_text
from placeprint.photos import normalized
from placeprint.store import FILE_NAME, Manifest, Store
from placeprint.store.calibration_file import FILE as CALIBRATION
from placeprint.store.home import Home, home_of
from placeprint.store.thumbnails import FOLDER as THUMBNAILS
from placeprint.types import Progress

PHOTOS = "photos"
"""The folder that photos of an atlas are recorded under if no root is given."""


def unpack(
    pack: Path | str, into: Path | str, *, root: Path | str | None = None, progress: Progress | None = None
) -> Atlas:
    """Make an atlas of a pack; it appears at once when it is whole.

    Args:
        pack: the file.
        into: a new or empty folder, or an address where nothing is.
        root: the folder on this machine that the photos are below, if they are here.
        progress: called with the count of photos written and of all.

    Raises:
        AtlasFormatError: the pack is damaged, or of a newer format.
        AtlasExistsError: there is something in the folder or at the address.
        AtlasMismatchError: the networks of the atlas are not installed as they were.
        AtlasWriteError: the atlas cannot be written.
        ServiceError: the store at the address does not answer.
    """
    with open_pack(Path(pack)) as source:
        return _made(source, home_of(into), root, progress)


def import_atlas(
    export: Path | str, into: Path | str, *, root: Path | str | None = None, progress: Progress | None = None
) -> Atlas:
    """Make an atlas of an export; arguments and errors as `unpack`, but the photos are where they were by default."""
    return _made(open_export(Path(export)), home_of(into), root, progress)


def _made(source: Source, into: Home, root: Path | str | None, progress: Progress | None) -> Atlas:
    _check_free(into)
    given = root if root is not None else source.index.root
    base = as_path(into.name) / PHOTOS if given is None else Path(normalized(given))
    made = into.workshop()
    try:
        _fill(source, made, base, progress)
        Atlas.open(made)  # raises where the networks differ
        into.adopt(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return Atlas.open(into.name)


def _check_free(into: Home) -> None:
    if into.content():
        raise AtlasExistsError(f"something is at {into.name!r} already; choose a new or empty folder, or a new address")


def _fill(source: Source, folder: Path, root: Path, progress: Progress | None) -> None:
    """Write an atlas into an empty folder."""
    manifest = Manifest.parse(source.member(FILE_NAME), str(folder))
    store = Store.create(folder, manifest, source.folder("files"))
    for name, data in source.folder("state").items():
        store.home.write(f"state/{name}", data)
    if CALIBRATION in source.index.members:
        store.home.write(CALIBRATION, source.member(CALIBRATION))
    for name in source.names("thumbnails"):
        store.home.write(f"{THUMBNAILS}/{name.partition('/')[2]}", source.member(name))
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
