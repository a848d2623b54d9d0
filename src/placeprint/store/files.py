"""Writing files so that a crash leaves the old content or the new, and errors in one voice."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import AtlasWriteError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole: a temporary file beside it, fsync, rename.

    Raises:
        AtlasWriteError: the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path.parent):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Check, before work is done for it, that a file can be written.

    Raises:
        AtlasWriteError: the path is a folder, or a folder of it is a file or may not be written.
    """
    if path.is_dir():
        raise AtlasWriteError(f"cannot write to {os.fspath(path)!r}: it is a folder; give the name of a file in it")
    above = next(each for each in path.absolute().parents if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        why = "the folder is read-only" if above.is_dir() else f"{os.fspath(above)!r} is a file"
        raise AtlasWriteError(f"cannot write to {os.fspath(path)!r}: {why}")


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` whole; raises as `write_atomically`."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]  # the stub takes the last keyword for an option
    write_atomically(path, buffer.getvalue())


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the system says of a failed write into one clear line.

    Raises:
        AtlasWriteError: the disk is full or the folder cannot be written.
    """
    try:
        yield
    except AtlasWriteError:
        raise
    except OSError as error:
        raise AtlasWriteError(
            f"cannot write to {os.fspath(folder)!r}: {_reason(error)}; what was stored before is kept"
        ) from error


def _reason(error: OSError) -> str:
    text = str(error)
    if error.errno == errno.ENOSPC or "os error 28" in text:
        return "the disk is full"
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM} or "os error 30" in text or "os error 13" in text:
        return "the folder is read-only"
    return error.strerror or " ".join(text.split())[:160]
