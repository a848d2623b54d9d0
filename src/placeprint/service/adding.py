"""Add uploaded photos to the atlas, and remove photos from it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

from placeprint.core.files import write_atomically
from placeprint.photos.formats import SUFFIXES
from placeprint.service.desk import Desk
from placeprint.service.problems import Refused
from placeprint.service.schemas import Added
from placeprint.service.uploads import Upload
from placeprint.store.records import PhotoRecord

NAME, HASH = 40, 16
"""Characters of an added photo's name that come from the client, and those that come from its content."""


def add_upload(desk: Desk, upload: Upload) -> Added:
    """Keep an uploaded photo in the folder of uploads, and add it to the atlas.

    The file is named by its content, so a photo that comes twice is kept once and none replaces another. From the name
    that the client sent, only letters and digits go before that, so that people know the photo again.

    Raises:
        Refused: it is no photo that can be used.
        AtlasBusyError: another process is writing.
        WriteError: the disk is full, or the folder cannot be written.
    """
    sha256 = hashlib.sha256(upload.content).hexdigest()
    known = _with_content(desk, len(upload.content), sha256)
    if known is not None:
        return Added(photo=desk.summary(known), known=True)
    upload.photo()  # refuses what is no photo before anything is written
    folder = desk.settings.uploads_folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(upload.name, sha256)
    write_atomically(path, upload.content)
    try:
        report = desk.atlas.add(path, learn=False)
        record = _with_content(desk, len(upload.content), sha256)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if record is None:
        reason = report.skipped[0][1] if report.skipped else "it is not in the atlas"
        path.unlink(missing_ok=True)
        raise Refused(422, f"{upload.name}: {reason}")
    desk.learner.start()
    return Added(photo=desk.summary(record), known=False)


def remove_photo(desk: Desk, number: int) -> None:
    """Remove a photo from the atlas; its file is kept.

    Raises:
        Refused: the atlas has no such photo.
    """
    desk.atlas.remove(Path(desk.record(number).path))


def _with_content(desk: Desk, size: int, sha256: str) -> PhotoRecord | None:
    alike = desk.atlas.snapshot().usable().of_sizes({size})
    return next((each for each in alike if each.sha256 == sha256), None)


def file_name(name: str, sha256: str) -> str:
    """Return the name of the file that keeps an uploaded photo.

    Its suffix is the one that the client gave if photos have it; how a file is read depends on its content alone.

    Args:
        name: what the client calls it.
        sha256: the hash of its content, in hexadecimal digits.

    Example:
        >>> file_name("../Château d'If.JPG", "0123456789abcdef0123456789abcdef")
        'Chateau-d-If-0123456789abcdef.jpg'
        >>> file_name("photo", "0123456789abcdef0123456789abcdef")
        'photo-0123456789abcdef.jpg'
    """
    given = Path(name)
    plain = unicodedata.normalize("NFKD", given.stem).encode("ascii", "ignore").decode()
    words = re.sub("[^A-Za-z0-9]+", "-", plain)[:NAME].strip("-") or "photo"
    suffix = given.suffix.lower()
    return f"{words}-{sha256[:HASH]}{suffix if suffix in SUFFIXES else '.jpg'}"
