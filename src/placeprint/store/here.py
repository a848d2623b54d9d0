"""An atlas in a folder of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from placeprint.core.files import flush_folder
from placeprint.core.outputs import ATLAS_FILE
from placeprint.errors import AtlasBusyError, AtlasExistsError, AtlasWriteError, PlaceprintError
from placeprint.store.writing import write_atomically, writing

LOCK = "write.lock"
BUSY = "another process is writing to the atlas"


class Here:
    """The folder of an atlas; see `store.home`.

    Args:
        folder: the folder, which need not exist.
    """

    lance: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, folder: Path) -> None:
        self.given = os.fspath(folder)
        self.folder = absolute(folder)
        self.name = str(self.folder)

    def table(self, name: str) -> str:
        """Return the path of a table; in a relative one, Lance takes the part before a colon for a protocol."""
        return str(self.folder / name)

    def identity(self) -> object:
        """Return what changes if the manifest is replaced."""
        told = (self.folder / ATLAS_FILE).stat()
        return told.st_ino, told.st_mtime_ns

    def path(self, name: str) -> Path:
        """Return the path of a file of the atlas."""
        return self.folder / name

    def read(self, name: str, *, again: bool = False) -> bytes:  # there is nothing to fetch again
        """Return the content of a file."""
        return (self.folder / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole."""
        write_atomically(self.folder / name, data)

    def remove(self, name: str) -> None:
        """Remove a file if there is one."""
        with writing(self.folder):
            (self.folder / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, sorted."""
        with contextlib.suppress(OSError):
            return sorted(path.name for path in (self.folder / folder).iterdir())
        return []

    def has(self, folder: str) -> bool:
        """Return whether there is a folder."""
        return (self.folder / folder).is_dir()

    def has_atlas(self) -> bool:
        """Return whether there is an atlas."""
        return os.path.lexists(self.folder / ATLAS_FILE)

    def content(self) -> set[str] | None:
        """Return the names in the folder; None if it does not exist."""
        try:
            return {path.name for path in self.folder.iterdir()}
        except FileNotFoundError as error:
            if self.folder.is_symlink():
                raise AtlasExistsError(
                    f"{self.name!r} is a broken link; choose another folder for the atlas"
                ) from error
            return None
        except NotADirectoryError as error:
            raise AtlasExistsError(f"{self.name!r} is a file; choose another folder for the atlas") from error
        except OSError as error:
            raise AtlasWriteError(f"cannot write to {self.name!r}: {error.strerror}") from error

    def make(self) -> None:
        """Make the folder."""
        with writing(self.folder.parent):
            self.folder.mkdir(parents=True, exist_ok=True)

    def remove_below(self, folder: str) -> None:
        """Remove a folder or a file, as far as that is possible."""
        shutil.rmtree(self.folder / folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.folder / folder).unlink()

    def unmake(self, *, was_there: bool) -> None:
        """Remove what `make` and `locked` made."""
        with contextlib.suppress(OSError):
            (self.folder / LOCK).unlink()
            if not was_there:
                self.folder.rmdir()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock; the system frees it when the process dies."""
        with locked(self.folder):
            yield

    def check_locked(self) -> None:
        """Do nothing: the system keeps the lock."""

    def failure(self, error: BaseException, *, writes: bool) -> PlaceprintError | None:
        """Return None: a table that fails is damaged."""
        return None

    def sizes(self) -> list[int]:
        """Return the size of every file, in bytes; files that disappear meanwhile are ignored."""
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with contextlib.suppress(OSError):
                    found.append(os.lstat(os.path.join(folder, name)).st_size)  # noqa: PTH118  # os.walk gives text
        return found

    def workshop(self) -> Path:
        """Return a new folder to make an atlas in, for `adopt`."""
        with writing(self.folder):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=".placeprint-", suffix=".tmp", dir=self.folder.parent))
            made.chmod(0o755)
            return made

    def adopt(self, made: Path) -> None:
        """Take an atlas that was made in a workshop, at once."""
        with writing(self.folder):
            made.rename(self.folder)
            flush_folder(self.folder.parent)


def absolute(folder: Path) -> Path:
    """Return the absolute path of a folder, which stays valid when the current folder changes."""
    return Path(os.path.abspath(folder))  # noqa: PTH100  # Path.absolute keeps "..", Path.resolve follows links


@contextlib.contextmanager
def locked(folder: Path, busy: str = BUSY) -> Iterator[None]:
    """Hold the lock of a folder; a leftover lock file does not lock it.

    Args:
        folder: the folder.
        busy: what the process does that has the lock, which starts the message.

    Raises:
        AtlasBusyError: another process or thread has the lock.
        AtlasWriteError: the folder is read-only.
    """
    import filelock

    lock = filelock.FileLock(folder / LOCK, timeout=0)
    with writing(folder):
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise AtlasBusyError(f"{busy} {str(folder)!r}; try again when it is done") from error
    try:
        yield
    finally:
        lock.release()
