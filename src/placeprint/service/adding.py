"""Add uploaded photos to the atlas, and remove photos from it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from placeprint.core.files import write_atomically
from placeprint.photos.formats import SUFFIXES
from placeprint.service.desk import Desk
from placeprint.service.problems import Refused
from placeprint.service.schemas import Added
from placeprint.service.uploads import Upload
from placeprint.store.records import PhotoRecord


def add_upload(desk: Desk, upload: Upload) -> Added:
    """Keep an uploaded photo in the folder of uploads, and add it to the atlas.

    The file is named by its content, so nothing that a client sends becomes a path, and a photo that comes twice is
    kept once.

    Raises:
        Refused: it is no photo that can be used.
        AtlasBusyError: another process is writing.
        WriteError: the disk is full, or the folder cannot be written.
    """
    sha256 = hashlib.sha256(upload.content).hexdigest()
    known = _with_content(desk, sha256)
    if known is not None:
        return Added(photo=desk.summary(known), known=True)
    upload.photo()  # refuses what is no photo before anything is written
    folder = desk.settings.uploads_folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sha256[:32]}{_suffix(upload.name)}"
    write_atomically(path, upload.content)
    try:
        report = desk.atlas.add(path)
        record = _with_content(desk, sha256)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if record is None:
        reason = report.skipped[0][1] if report.skipped else "it is not in the atlas"
        path.unlink(missing_ok=True)
        raise Refused(422, f"{upload.name}: {reason}")
    return Added(photo=desk.summary(record), known=False)


def remove_photo(desk: Desk, number: int) -> None:
    """Remove a photo from the atlas; its file stays.

    Raises:
        Refused: the atlas has no such photo.
    """
    desk.atlas.remove(Path(desk.record(number).path))


def _with_content(desk: Desk, sha256: str) -> PhotoRecord | None:
    return next((each for each in desk.catalog().by_path.values() if each.sha256 == sha256), None)


def _suffix(name: str) -> str:
    """Return the suffix that a client gave, if photos have it; how a file is read depends on its content alone."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix in SUFFIXES else ".jpg"
