"""What a command may write over: nothing but what placeprint wrote itself.

Every path that a user names for an output is checked here before any work is done. It is refused when it is one of the
inputs (by any name: a relative path, a link, another spelling), lies in an atlas, or holds something that placeprint
did not write. Running a command again onto its own output works: each kind of file is known by its first or last bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from placeprint.core.files import is_special, reason_of
from placeprint.errors import WriteError

ATLAS_FILE = "atlas.toml"
"""A folder that holds it is an atlas."""
LOOKED_AT = 1 << 16
"""Bytes at both ends of a file that say what it is."""
MADE_BY = "made by placeprint"
"""Stands in pictures, reports and presets."""


@dataclass(frozen=True)
class Kind:
    """A kind of file that placeprint writes.

    Args:
        name: what it is called in messages.
        starts: bytes it begins with, one of them.
        marks: bytes that are near one of its ends, all of them.
    """

    name: str
    starts: tuple[bytes, ...]
    marks: tuple[bytes, ...] = ()

    def is_of(self, path: Path) -> bool:
        """Say whether a file is of this kind; an empty one may become any."""
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(LOOKED_AT)
            file.seek(max(0, size - LOOKED_AT))
            tail = file.read(LOOKED_AT)
        both = head + tail
        return not size or (head.startswith(self.starts) and all(mark in both for mark in self.marks))


PICTURE = Kind("picture", (b"\x89PNG\r\n", b"\xff\xd8\xff", b"RIFF"), (MADE_BY.encode(),))
RESULT = Kind("result (JSON)", (b'{\n "format": 1,', b'{"format": 1,'))
ONNX = Kind("model (ONNX)", (b"\x08",), (b"placeprint.version",))
ARRAYS = Kind("file of arrays (.npz)", (b"PK\x03\x04",), (b".npy",))
PRESET = Kind("preset (TOML)", (f"# {MADE_BY}".encode(),))
PAGE = Kind("report (HTML)", (b"<!DOCTYPE html>",), (MADE_BY.encode(),))
TEXT = Kind("report (Markdown)", (b"# ",), (MADE_BY.encode(),))


def check_output(path: Path, kind: Kind, inputs: Iterable[Path | str | None] = ()) -> None:
    """Check, before any work is done for it, that a file may be written.

    Args:
        path: of the file.
        kind: what will be written.
        inputs: files and folders that the command reads; None is left out.

    Raises:
        WriteError: it may not; the message says why and what to do.
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
    """Check, before any work is done for it, that files may be written into a folder.

    Args:
        path: of the folder, which need not exist.
        inputs: files and folders that the command reads; None is left out. The output may not lie in one of them: what
            is written would be read as input the next time.
        only: names that a folder may hold that is written for the first time; None for any.
        mark: name of a file that says that the folder was written before.

    Raises:
        WriteError: it may not; the message says why and what to do.
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
    """Say whether a file may be written without a loss: there is none, or it is of this kind and carries the mark."""
    return not os.path.lexists(path) or (
        path.is_file() and Kind(kind.name, kind.starts, (*kind.marks, mark)).is_of(path) and path.stat().st_size > 0
    )


def _check_place(path: Path) -> None:
    """Refuse a path that is no name of a file, or whose folder cannot be written."""
    if os.fspath(path) == "-":
        raise _refused(path, "it is not the name of a file; to print, name /dev/stdout")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.stat()  # fails for a name that is too long, and for links that lead to each other
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
    """Say whether a path is a folder or lies below it, links followed."""
    target = Path(os.path.realpath(path))
    return any(each.exists() and each.samefile(folder) for each in (target, *target.parents))


def _refused(path: Path, reason: str) -> WriteError:
    return WriteError(f"cannot write to {os.fspath(path)!r}: {reason}")
