"""Write guessed positions beside photos: into XMP sidecars, or into the EXIF of copies. Originals are never changed.

A guess is marked as one: ``GPSProcessingMethod`` says that placeprint made it, ``GPSHPositioningError`` how far it may
be off in meters (EXIF 2.31), and the keyword ``placeprint:guess`` makes it searchable. `undo` finds guesses by these
marks, and removes them and nothing else.

exiv2 writes metadata without decoding pixels, so the compressed picture of a copy stays identical to the byte.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from placeprint.core.files import write_atomically, written_aside
from placeprint.core.packages import required
from placeprint.errors import PhotoError, WriteError
from placeprint.types import Location
from placeprint.version import __version__

KEYWORD = "placeprint:guess"
METHOD = f"placeprint {__version__}, guessed from what the photo shows"
SIDECAR = ".xmp"
WRITABLE = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
"""Formats whose copies can be tagged."""
_GPS, _XMP = "Exif.GPSInfo.", "Xmp.exif."
_NAMES = ("GPSLatitude", "GPSLongitude", "GPSProcessingMethod", "GPSHPositioningError")
_EXIF_NAMES = (*_NAMES, "GPSLatitudeRef", "GPSLongitudeRef")
_SUBJECT = "Xmp.dc.subject"
_EMPTY = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>
<?xpacket end="w"?>
"""


def write_sidecar(photo: Path, where: Location) -> Path:
    """Write a guess into ``photo.jpg.xmp`` beside ``photo.jpg``; return its path.

    Raises:
        WriteError: a sidecar that holds something else is there, or it cannot be written.
        PackageError: pyexiv2 is not installed.
    """
    path = photo.with_name(photo.name + SIDECAR)
    if path.exists() and not _is_only_ours(path):
        raise WriteError(f"cannot write to {str(path)!r}: another program wrote it; move it away, or write copies")
    with written_aside(path) as aside:
        new = aside.with_name(aside.name + SIDECAR)  # exiv2 knows sidecars by their suffix
        try:
            new.write_text(_EMPTY, encoding="utf-8")
            with _opened(new) as file:
                file.modify_xmp({**_xmp_tags(where), _SUBJECT: [KEYWORD]})
            new.replace(aside)
        finally:
            new.unlink(missing_ok=True)
    return path


def write_copy(photo: Path, target: Path, where: Location) -> None:
    """Copy a photo, with a guess in the EXIF of the copy.

    Raises:
        WriteError: the target exists and is not a copy written by placeprint, its format cannot be tagged, or the disk
            is full.
        PhotoError: the photo cannot be read, or it has a position.
        PackageError: pyexiv2 is not installed.
    """
    if photo.suffix.lower() not in WRITABLE:
        raise WriteError(f"the position of {str(photo)!r} cannot be written into a copy in its format; write sidecars")
    if os.path.lexists(target) and not is_guess(target):
        raise WriteError(f"cannot write to {str(target)!r}: it exists, and is not a copy written by placeprint")
    with written_aside(target) as aside:
        try:
            shutil.copyfile(photo, aside)
        except OSError as error:
            raise PhotoError(f"cannot read {str(photo)!r}: {error.strerror}") from error
        with _opened(aside) as file:
            if f"{_GPS}GPSLatitude" in file.read_exif():
                raise PhotoError(f"{str(photo)!r} has a position already")
            keywords = [*file.read_xmp().get(_SUBJECT, []), KEYWORD]
            file.modify_exif(_exif_tags(where))
            file.modify_xmp({_SUBJECT: keywords})
        shutil.copystat(photo, aside)


def undo(folder: Path) -> tuple[list[Path], list[Path]]:
    """Remove the guesses from copies and sidecars below a folder.

    Returns:
        The files whose guess was removed, and of these the sidecars that held nothing else and are gone.

    Raises:
        WriteError: a file cannot be written.
        PackageError: pyexiv2 is not installed.
    """
    cleaned, gone = [], []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (*WRITABLE, SIDECAR) or not path.is_file() or not is_guess(path):
            continue
        if path.suffix.lower() == SIDECAR and _is_only_ours(path):
            path.unlink()
            gone.append(path)
        elif path.suffix.lower() == SIDECAR:
            _clean_sidecar(path)
        else:
            _clean_copy(path)
        cleaned.append(path)
    return cleaned, gone


def is_guess(path: Path) -> bool:
    """Return whether a copy or a sidecar has a position that placeprint guessed."""
    try:
        with _opened(path) as file:
            exif, xmp = file.read_exif(), file.read_xmp()
    except PhotoError:
        return False
    said = f"{exif.get(_GPS + 'GPSProcessingMethod', '')} {xmp.get(_XMP + 'GPSProcessingMethod', '')}"
    return "placeprint" in said


def _clean_copy(path: Path) -> None:
    with written_aside(path) as aside:
        shutil.copyfile(path, aside)
        with _opened(aside) as file:
            xmp = file.read_xmp()
            file.modify_exif({_GPS + name: None for name in _EXIF_NAMES})
            if _SUBJECT in xmp:
                file.modify_xmp({_SUBJECT: [word for word in xmp[_SUBJECT] if word != KEYWORD] or None})
        shutil.copystat(path, aside)


def _clean_sidecar(path: Path) -> None:
    """Cut a guess out of the text of a sidecar: exiv2 removes nothing from sidecars."""
    text = path.read_text(encoding="utf-8")
    for name in _NAMES:
        text = re.sub(rf'\s+exif:{name}="[^"]*"|<exif:{name}>[^<]*</exif:{name}>\s*', "", text)
    text = re.sub(rf"\s*<rdf:li>{KEYWORD}</rdf:li>", "", text)
    text = re.sub(r"\s*<dc:subject>\s*<rdf:(Bag|Seq)>\s*</rdf:\1>\s*</dc:subject>", "", text)
    write_atomically(path, text.encode())


def _is_only_ours(path: Path) -> bool:
    """Return whether a sidecar has a guess and nothing else."""
    try:
        with _opened(path) as file:
            xmp = file.read_xmp()
    except PhotoError:
        return False
    ours = {_SUBJECT, *(_XMP + name for name in _NAMES)}
    return set(xmp) <= ours and xmp.get(_SUBJECT) == [KEYWORD]


def _exif_tags(where: Location) -> Mapping[str, str]:
    return {
        _GPS + "GPSLatitude": _rationals(where.latitude),
        _GPS + "GPSLatitudeRef": "N" if where.latitude >= 0 else "S",
        _GPS + "GPSLongitude": _rationals(where.longitude),
        _GPS + "GPSLongitudeRef": "E" if where.longitude >= 0 else "W",
        _GPS + "GPSHPositioningError": f"{round(10 * where.radius)}/10",
        _GPS + "GPSProcessingMethod": f"charset=Ascii {METHOD}",
    }


def _xmp_tags(where: Location) -> Mapping[str, str]:
    return {
        _XMP + "GPSLatitude": _minutes(where.latitude, "NS"),
        _XMP + "GPSLongitude": _minutes(where.longitude, "EW"),
        _XMP + "GPSHPositioningError": f"{round(10 * where.radius)}/10",
        _XMP + "GPSProcessingMethod": METHOD,
    }


def _rationals(degrees: float) -> str:
    """Return degrees, minutes and seconds as EXIF's rationals, to a tenth of a millimeter.

    Example:
        >>> _rationals(-33.51)
        '33/1 30/1 36000000/1000000'
    """
    whole, rest = divmod(round(abs(degrees) * 3600 * 1_000_000), 3600 * 1_000_000)
    minutes, seconds = divmod(rest, 60 * 1_000_000)
    return f"{whole}/1 {minutes}/1 {seconds}/1000000"


def _minutes(degrees: float, letters: str) -> str:
    """Return degrees and decimal minutes with a letter, as XMP writes them.

    Example:
        >>> _minutes(-33.51, "NS")
        '33,30.6000000S'
    """
    whole, rest = divmod(round(abs(degrees) * 60 * 10_000_000), 60 * 10_000_000)
    return f"{whole},{rest / 10_000_000:.7f}{letters[degrees < 0]}"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the metadata of a file; whatever exiv2 raises becomes a PhotoError.

    Raises:
        PackageError: pyexiv2 is not installed.
    """
    with required("writing positions needs pyexiv2", "places"):
        import pyexiv2
    pyexiv2.set_log_level(4)  # its errors are raised; it prints warnings about odd tags of cameras
    try:
        file = pyexiv2.Image(str(path))
        try:
            yield file
        finally:
            file.close()
    except (RuntimeError, UnicodeError, ValueError) as error:
        raise PhotoError(f"the metadata of {str(path)!r} cannot be changed: {' '.join(str(error).split())}") from error
