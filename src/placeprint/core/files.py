"""Read files that a user names, and write every file whole.

After a crash, a full disk or Ctrl-C a file has the old content or the new, never a part: placeprint writes to a file
beside the target, then syncs and renames it. A failed write becomes a one-line `WriteError`.

Links are followed: what a link points to is replaced, not the link. Devices and pipes (``/dev/stdout``) cannot be
replaced, so they are written directly.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import io
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError, PlaceprintError, WriteError

TEMPORARY = ".placeprint-{}.tmp"
"""Name of the temporary file; short, because the target's name may be as long as the system allows."""
KNOWN = {errno.ENAMETOOLONG: "the name is too long", errno.ENXIO: "nobody reads the pipe"}
SPECIAL_FOLDERS = ("/dev/", "/proc/")


def write_atomically(path: Path, data: bytes, *, error: type[WriteError] = WriteError) -> None:
    """Write a file whole.

    Args:
        path: the path of the file; missing parent folders are created.
        data: the content to write.
        error: the class of the error to raise.

    Raises:
        WriteError: the disk is full, or the file cannot be written.
    """
    with written_aside(path, error=error) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def written_aside(path: Path, *, error: type[WriteError] = WriteError) -> Iterator[Path]:
    """Yield a path to write to. If the block succeeds, its content becomes the file; otherwise it is removed.

    Args:
        path: the path of the file; missing parent folders are created.
        error: the class of the error to raise.

    Raises:
        WriteError: the disk is full, or the file cannot be written.
    """
    with writing(path, error=error):
        if is_special(path):
            with tempfile.TemporaryDirectory() as folder:
                yield Path(folder) / path.name
                _append(path, (Path(folder) / path.name).read_bytes())
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(TEMPORARY.format(secrets.token_hex(6)))
        try:
            yield temporary
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            flush(temporary)
            temporary.replace(target)
            flush_folder(target.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, error: type[WriteError] = WriteError) -> None:
    """Write an ``.npz`` whole; raise the same errors as `write_atomically`."""
    write_atomically(path, bytes_of(arrays), error=error)


def bytes_of(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the content of an ``.npz`` file with these arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]  # the stub takes the last keyword for an option
    return buffer.getvalue()


def arrays_of(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file by name; a damaged one raises nearly any error."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@contextlib.contextmanager
def writing(path: Path | str, *, error: type[WriteError] = WriteError) -> Iterator[None]:
    """Turn the system's error for a failed write into one clear line.

    Args:
        path: the file or folder being written, for the message.
        error: the class of the error to raise.

    Raises:
        WriteError: the disk is full, or the path cannot be written.
    """
    try:
        yield
    except PlaceprintError:
        raise
    except (OSError, ValueError) as failed:
        if isinstance(failed, ValueError) and "null" not in str(failed):
            raise
        raise error(f"cannot write to {os.fspath(path)!r}: {reason_of(failed)}; earlier data is kept") from failed


def read_bytes(path: Path, *, error: type[PlaceprintError], what: str = "") -> bytes:
    """Return the content of a file that a user names.

    Args:
        path: the path of a regular file; a pipe or a device is refused, because reading it could block.
        error: the class of the error to raise.
        what: what the file should be, for the message, such as ``"a result"``.

    Raises:
        PlaceprintError: the file is missing, is not a regular file, or may not be read; of the class ``error``.
    """
    try:
        if path.exists() and not path.is_file():
            raise error(_unreadable(path, what, "it is a folder" if path.is_dir() else "it is not a regular file"))
        return path.read_bytes()
    except (OSError, ValueError) as failed:
        if isinstance(failed, PlaceprintError):
            raise
        why = failed.strerror if isinstance(failed, OSError) else str(failed)
        raise error(_unreadable(path, what, why or str(failed))) from failed


def file_sha256(path: Path, *, error: type[PlaceprintError], what: str) -> str:
    """Return the sha256 of a file's content, read in pieces.

    Args:
        path: the path of the file.
        error: the class of the error to raise.
        what: what the file is, for the message, such as ``"the weights"``.

    Raises:
        PlaceprintError: the file cannot be read; of the class ``error``.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as failed:
        raise error(f"cannot read {what} {str(path)!r}: {failed.strerror or failed}") from failed


def read_text(path: Path, *, error: type[PlaceprintError], what: str = "") -> str:
    """Return the text of a UTF-8 file, without a byte order mark; arguments as for `read_bytes`.

    Raises:
        PlaceprintError: the file cannot be read, or is not UTF-8; of the class ``error``.
    """
    data = read_bytes(path, error=error, what=what)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise error(_unreadable(path, what, "it is UTF-16; save it as UTF-8"))
    if b"\0" in data:
        raise error(_unreadable(path, what, "it is not text"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as failed:
        line = data.count(b"\n", 0, failed.start) + 1
        raise error(_unreadable(path, what, f"line {line} is not UTF-8; save it as UTF-8")) from failed


def read_json(path: Path, what: str, *, error: type[PlaceprintError] = OptionError) -> Any:
    """Return the content of a JSON file; arguments as for `read_bytes`.

    Raises:
        PlaceprintError: the file cannot be read, or is not JSON; of the class ``error``.
    """
    text = read_text(path, error=error, what=what)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as failed:
        raise error(_unreadable(path, what, f"it is not JSON ({failed})")) from failed


def _unreadable(path: Path, what: str, why: str) -> str:
    return f"cannot read {os.fspath(path)!r}{f' as {what}' if what else ''}: {why}"


def common_folder(paths: Iterable[str]) -> Path:
    """Return the folder that some files are below; the root if they are on several drives, or there are none.

    Example:
        >>> common_folder(["/photos/a/1.jpg", "/photos/b/2.jpg"]).as_posix()
        '/photos'
    """
    folders = {os.path.dirname(path) for path in paths}  # noqa: PTH120  # there may be very many
    try:
        return Path(os.path.commonpath(folders)) if folders else Path(os.sep)
    except ValueError:
        return Path(os.sep)


def flush_folder(path: Path) -> None:
    """Sync the names in a folder to disk, if the system can."""
    with contextlib.suppress(OSError):
        flush(path)


def is_special(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which can be written but not replaced."""
    if os.path.abspath(path).startswith(SPECIAL_FOLDERS):  # noqa: PTH100  # links such as /dev/stdout are not followed
        return path.exists() and not path.is_dir()
    return path.exists() and not path.is_file() and not path.is_dir()


def reason_of(error: Exception) -> str:
    """Return why the system refused to read or write, as text."""
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOSPC, errno.EDQUOT} or "os error 28" in text:
        return "the disk is full"
    if number in {errno.EROFS, errno.EACCES, errno.EPERM} or "os error 30" in text or "os error 13" in text:
        return "the folder is read-only"
    if number in KNOWN:
        return KNOWN[number]
    if number in {errno.ENOTDIR, errno.EEXIST}:
        return "a part of the path is a file, not a folder"
    words = error.strerror if isinstance(error, OSError) else None
    return words or " ".join(text.split())[:160] or type(error).__name__


def _append(path: Path, data: bytes) -> None:
    """Write to a device or a pipe, without truncating it (/dev/stdout may be a file) or waiting for a reader."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def flush(path: Path) -> None:
    """Sync a file, or the names in a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
