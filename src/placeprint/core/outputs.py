"""Check outputs: a command may overwrite only what placeprint wrote itself.

Every path that a user names for an output is checked here before any work is done. It is refused when it is one of the
inputs (by any name: a relative path, a link, another spelling), lies in an atlas, or is something that placeprint did
not write. Running a command again onto its own output works, because each kind of file is recognized by its first or
last bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from placeprint.core.addresses import as_path, url_of
from placeprint.core.files import is_special, reason_of
from placeprint.errors import WriteError

ATLAS_FILE = "atlas.toml"
"""The file that marks a folder as an atlas."""
LOOKED_AT = 1 << 16
"""Number of bytes at either end of a file that identify its kind."""
MADE_BY = "made by placeprint"
"""The mark in pictures, reports and presets."""


@dataclass(frozen=True)
class Kind:
    """A kind of file that placeprint writes.

    Args:
        name: the name of the kind in messages.
        starts: possible first bytes.
        marks: bytes that must all appear near one of its ends.
    """

    name: str
    starts: tuple[bytes, ...]
    marks: tuple[bytes, ...] = ()

    def is_of(self, path: Path) -> bool:
        """Return whether a file is of this kind; an empty one may become any."""
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(LOOKED_AT)
            file.seek(max(0, size - LOOKED_AT))
            tail = file.read(LOOKED_AT)
        both = head + tail
        return not size or (head.startswith(self.starts) and all(mark in both for mark in self.marks))


PICTURE = Kind("picture", (b"\x89PNG\r\n", b"\xff\xd8\xff", b"RIFF"), (MADE_BY.encode(),))
RESULT = Kind(
    "result (JSON)", tuple(f'{start}"format": {version},'.encode() for start in ("{\n ", "{") for version in (1, 2))
)
ONNX = Kind("model (ONNX)", (b"\x08",), (b"placeprint.version",))
ARRAYS = Kind("file of arrays (.npz)", (b"PK\x03\x04",), (b".npy",))
PRESET = Kind("preset (TOML)", (f"# {MADE_BY}".encode(),))
PAGE = Kind("report (HTML)", (b"<!DOCTYPE html>",), (MADE_BY.encode(),))
TABLE = Kind("table (CSV) or GeoJSON", (b"path,latitude,longitude,", b'{\n "type": "FeatureCollection"'))
PAIRS = Kind("file of pairs", (b"first,second,probability,inliers", f"# {MADE_BY}".encode()))
POSES = Kind("file of poses", (b'[\n {\n  "query":', b'{\n "type": "FeatureCollection"', f"# {MADE_BY}".encode()))
PARQUET = Kind("table (Parquet)", (b"PAR1",), (MADE_BY.encode(),))
FAISS = Kind("FAISS index or its table that may be replaced", (b"nothing",))
KML = Kind("map (KML)", (b"<?xml",), (MADE_BY.encode(),))
DATABASE = Kind("COLMAP database that may be replaced", (b"nothing",))
TEXT = Kind("report (Markdown)", (b"# ",), (MADE_BY.encode(),))


def check_output(path: Path, kind: Kind, inputs: Iterable[Path | str | None] = ()) -> None:
    """Check, before any work, that a file may be written.

    Args:
        path: the path of the file.
        kind: what will be written.
        inputs: files and folders that the command reads; None entries are ignored.

    Raises:
        WriteError: the output is refused; the message says why and what to do.
    """
    try:
        _check_place(path)
        if path.is_dir():
            raise _refused(path, "it is a folder; give the name of a file in it")
        if any(_is_same(path, each) for each in inputs if each is not None):
            raise _refused(path, "it is one of the inputs; choose another name")
        if path.exists() and not is_special(path) and not kind.is_of(path):
            raise _refused(
                path, f"it exists and is not a {kind.name} written by placeprint; move it away, or choose another name"
            )
    except (OSError, ValueError) as error:
        raise error if isinstance(error, WriteError) else _refused(path, reason_of(error)) from error


def check_output_folder(
    path: Path, inputs: Iterable[Path | str | None] = (), *, only: Iterable[str] | None = None, mark: str = ""
) -> None:
    """Check, before any work, that files may be written into a folder.

    Args:
        path: the path of the folder, which need not exist.
        inputs: files and folders that the command reads; None entries are ignored. The output may not be inside one of
            them, or it would be read as input the next time.
        only: the only names that the folder may already have the first time; None for any.
        mark: the name of a file that shows that the folder was written before.

    Raises:
        WriteError: the output is refused; the message says why and what to do.
    """
    try:
        _check_place(path)
        if path.exists() and not path.is_dir():
            raise _refused(path, "it is a file; name a folder")
        for each in inputs:
            if each is not None and Path(each).is_dir() and _is_in(path, Path(each)):
                raise _refused(
                    path,
                    f"it is in the input {os.fspath(each)!r} and would be read as input later; choose another place",
                )
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
            raise _refused(path, "the folder is read-only")
        if only is not None and path.is_dir() and not (path / mark).is_file():
            other = sorted({each.name for each in path.iterdir()} - set(only))
            if other:
                raise _refused(path, f"it contains {other[0]!r} and no earlier output; choose a new or empty folder")
    except (OSError, ValueError) as error:
        raise error if isinstance(error, WriteError) else _refused(path, reason_of(error)) from error


def is_free(path: Path, kind: Kind, mark: bytes) -> bool:
    """Return whether writing a file loses nothing: it does not exist, or it is of this kind and has the mark."""
    return not os.path.lexists(path) or (
        path.is_file() and Kind(kind.name, kind.starts, (*kind.marks, mark)).is_of(path) and path.stat().st_size > 0
    )


def _check_place(path: Path) -> None:
    """Raise if a path is not the name of a file, or its folder cannot be written."""
    if os.fspath(path) == "-":
        raise _refused(path, "it is not the name of a file; to print, name /dev/stdout")
    if (url := url_of(path)) is not None:
        raise _refused(as_path(url), "outputs are written on this machine; name a file or folder here, and copy it")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.stat()  # fails for names that are too long, and for circular links
    if is_special(path):
        return
    target = Path(os.path.realpath(path))
    atlas = next((each for each in (target, *target.parents) if (each / ATLAS_FILE).is_file()), None)
    if atlas is not None:
        raise _refused(path, f"it is in the atlas {os.fspath(atlas)!r}; choose a place outside")
    above = next(each for each in target.parents if each.exists())
    if not above.is_dir():
        raise _refused(path, f"{os.fspath(above)!r} is a file")
    if not os.access(above, os.W_OK | os.X_OK):
        raise _refused(path, "the folder is read-only")


def _is_same(path: Path, other: Path | str) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return os.path.realpath(path) == os.path.realpath(other)


def _is_in(path: Path, folder: Path) -> bool:
    """Return whether a path is a folder or inside it, following links."""
    target = Path(os.path.realpath(path))
    return any(each.exists() and each.samefile(folder) for each in (target, *target.parents))


def _refused(path: Path, reason: str) -> WriteError:
    return WriteError(f"cannot write to {os.fspath(path)!r}: {reason}")
