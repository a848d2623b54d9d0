"""Open a photo file without trusting it: only regular files, and no more in memory than a photo needs."""

from __future__ import annotations

import math
import os
import stat
from io import BufferedReader
from pathlib import PurePath
from typing import Any

from placeprint.core.addresses import url_of
from placeprint.errors import PhotoError, PlaceprintError
from placeprint.photos.remote import RemotePhoto, Stamp, open_url, stamp_of_url

MAX_HEADER_BYTES = 1 << 26
"""Most bytes to read before the size of the picture is known; metadata of real photos takes a few megabytes."""
MAX_HEADER_READS = 20_000
"""Most reads before the size is known. Some decoders search for a header byte by byte through gigabytes."""
MAX_WHOLE_BYTES = 1 << 28
"""Most bytes of a file that its decoder loads whole."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_file(path: PurePath | str) -> BufferedReader | RemotePhoto:
    """Open a regular file for reading, here or in an object store; refuse a pipe instead of waiting for it.

    Raises:
        PhotoError: the file does not exist, is not a regular file, or may not be read. The message does not name the
            path.
        PackageError: a package for the object store is not installed.
    """
    url = url_of(path)
    if url is not None:
        return open_url(url, MAX_WHOLE_BYTES)
    try:
        check_regular(os.stat(path).st_mode)  # check before opening: opening some devices has side effects
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        file = os.fdopen(os.open(path, flags), "rb")
        try:
            check_regular(os.fstat(file.fileno()).st_mode)  # check again: the name may point elsewhere by now
        except PhotoError:
            file.close()
            raise
    except OSError as error:
        raise PhotoError(reason_of(error)) from error
    except PhotoError:
        raise
    except ValueError as error:  # a path with a NUL, or one that the system's encoding cannot hold
        raise PhotoError(f"not a path ({error})") from error
    return file


def stamp_of_path(path: PurePath | str) -> Stamp:
    """Return the size and the time of a file, here or in an object store.

    Raises:
        OSError, ValueError, PhotoError: it cannot be read.
    """
    url = url_of(path)
    return stamp_of(os.stat(path)) if url is None else stamp_of_url(url)


def stamp_of_open(file: BufferedReader | RemotePhoto) -> Stamp:
    """Return the size and the time of a file that `open_file` has opened."""
    return file.stamp if isinstance(file, RemotePhoto) else stamp_of(os.fstat(file.fileno()))


def is_there(path: PurePath | str) -> bool:
    """Return whether there is a file at a path or URL, as far as that can be known."""
    if url_of(path) is None:
        return os.path.lexists(path)
    try:
        stamp_of_path(path)
    except PlaceprintError:
        return False
    return True


def stamp_of(status: os.stat_result) -> Stamp:
    """Return a file's size and its modification time in nanoseconds, limited to the 64 bits of a table.

    64 bits end in the year 2262; file systems allow later times, and broken clocks write them.
    """
    return status.st_size, min(max(status.st_mtime_ns, -(2**63)), 2**63 - 1)


def check_regular(mode: int) -> None:
    """Raise a PhotoError for anything but a regular file; the message says what it is."""
    if not stat.S_ISREG(mode):
        what = next((name for check, name in _KINDS if check(mode)), "something else")
        raise PhotoError(f"{what}, not a file")


def reason_of(error: OSError) -> str:
    """Return the system's error message, without the path."""
    return error.strerror or type(error).__name__


class MeteredFile:
    """A file with a read budget: it refuses to be read further than its photo can need.

    Decoders read what the header promises: chunks of any length, junk up to the next marker. The budget is small until
    the size of the picture is known, and then grows with its pixels.

    Args:
        file: a seekable file object in binary mode.
        max_bytes: the most bytes to read, over all reads.
        max_reads: the most calls of `read`.
    """

    def __init__(self, file: Any, max_bytes: int = MAX_HEADER_BYTES, max_reads: float = MAX_HEADER_READS) -> None:
        self._file = file
        self._bytes_left = max_bytes
        self._reads_left = max_reads

    def allow(self, max_bytes: int, max_reads: float = math.inf) -> None:
        """Start a new budget."""
        self._bytes_left, self._reads_left = max_bytes, max_reads

    def read(self, size: int | None = -1) -> bytes:
        """Read like a file.

        Raises:
            PhotoError: the budget is used up.
        """
        if size is None or size < 0:
            size = self._rest()
        self._bytes_left -= size
        self._reads_left -= 1
        self._check(0)
        data: bytes = self._file.read(size)
        self._bytes_left += size - len(data)
        return data

    def check_rest(self) -> None:
        """Raise, as `read` does, if the rest of the file exceeds the budget."""
        self._check(self._rest())

    def _check(self, more: int) -> None:
        if self._bytes_left < more or self._reads_left < 0:
            raise PhotoError("not a photo: the file is far larger than a picture of its size needs")

    def _rest(self) -> int:
        place = self._file.tell()
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(place)
        return max(int(end) - int(place), 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
