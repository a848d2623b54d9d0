"""Where an atlas is: a folder of this machine (`Here`), or an address of an object store (`Away`)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from placeprint.core.addresses import PROTOCOLS, url_of
from placeprint.errors import OptionError, PlaceprintError
from placeprint.store.away import Away
from placeprint.store.here import Here

FOLDER, MEMORY = "file://", "memory://"
NO_NAMES = {"", ".", ".."}
OTHER = re.compile(rf"(?:{'|'.join(PROTOCOLS)}):(?=/*$)|[A-Za-z][A-Za-z0-9+.-]+:(?=/)")
"""How other addresses begin; ``C:/`` is a drive of Windows."""


class Home(Protocol):
    """Where an atlas is; threads may share it.

    Names of files are relative, with ``/`` between their parts. Small files are read and written here; Lance reads and
    writes the tables.

    Every method raises an error of ours if the place fails: `AtlasWriteError`, or `ServiceError` if a store does not
    answer. Those that read raise FileNotFoundError where there is nothing.
    """

    def __hash__(self) -> int:
        """Return a hash; each object is equal to itself alone."""

    @property
    def given(self) -> str:
        """The path or the address as the user gave it."""

    @property
    def name(self) -> str:
        """The absolute path or the address, for messages."""

    @property
    def folder(self) -> Path:
        """The folder on this machine: the atlas's own, or the working copy of an address."""

    @property
    def lance(self) -> Mapping[str, Any]:
        """What Lance is given to reach the tables, beside the environment."""

    def table(self, name: str) -> str:
        """Return where Lance finds a table."""

    def identity(self) -> object:
        """Return what changes if the atlas is replaced by another one; FileNotFoundError if it is gone."""

    def path(self, name: str) -> Path:
        """Return the path of a small file that never changes, on this machine."""

    def read(self, name: str, *, again: bool = False) -> bytes:
        """Return the content of a small file.

        Args:
            name: the name of the file.
            again: whether a copy on this machine is damaged, and must be fetched again.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole; on return it is safe."""

    def remove(self, name: str) -> None:
        """Remove a file if there is one."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, sorted."""

    def has(self, folder: str) -> bool:
        """Return whether there is a folder."""

    def has_atlas(self) -> bool:
        """Return whether there is an atlas."""

    def content(self) -> set[str] | None:
        """Return the names of all that is there; None if there is nothing, not even a folder."""

    def make(self) -> None:
        """Make the folder."""

    def unmake(self, *, was_there: bool) -> None:
        """Undo `make`, when no atlas could be made."""

    def remove_below(self, folder: str) -> None:
        """Remove a folder with all that is in it, or a file, as far as that is possible."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the write lock; raises `AtlasBusyError` if another process or thread has it."""

    def check_locked(self) -> None:
        """Check, before a commit, that the lock was not lost; raises `AtlasBusyError`."""

    def failure(self, error: BaseException, *, writes: bool) -> PlaceprintError | None:
        """Return our error for a failure of Lance that is the place's; None if a table is damaged, or was removed."""

    def sizes(self) -> list[int]:
        """Return the size of every file, in bytes."""

    def workshop(self) -> Path:
        """Return a new folder on this machine to make an atlas in."""

    def adopt(self, made: Path) -> None:
        """Take the atlas that was made in a workshop; raises `AtlasExistsError` where something is."""


def home_of(place: Path | str | Home) -> Home:
    """Return where an atlas is.

    Args:
        place: a path, or an address: ``s3://``, ``gs://``, ``az://``; ``file://`` is the folder itself.

    Raises:
        OptionError: the address is one in memory, which no other process could read, has a part without a name, or is
            of a kind that no atlas can be at.
    """
    if not isinstance(place, str | os.PathLike):
        return place
    url = url_of(place)
    if url is None:
        _check_folder(os.fspath(place))
        return Here(Path(place))
    if url.startswith(MEMORY):
        raise OptionError(
            f"an atlas cannot be in memory, got {url!r}; give a folder, or an address such as s3://bucket/atlas"
        )
    if url.startswith(FOLDER):
        return Here(Path(url.removeprefix(FOLDER)))
    _check_address(url.rstrip("/"))
    return Away(url)


def _check_folder(text: str) -> None:
    """Raise if a path is meant as an address, such as ``https://...``; a folder may have a colon in its name."""
    found = OTHER.match(text)
    if found is not None and not Path(found[0]).is_dir():
        url = f"{found[0]}//{text[found.end() :].lstrip('/')}"
        raise OptionError(
            f"an atlas cannot be at {url!r}; give a folder, or an address that "
            "begins with s3://, gs:// or az:// and names a bucket"
        )


def _check_address(url: str) -> None:
    """Raise if a part of an address is empty, ``.`` or ``..``, which a store takes for a name and Lance does not."""
    if NO_NAMES.intersection(url.partition("://")[2].split("/")[1:]):
        raise OptionError(f"the address of an atlas may not have empty parts, '.' or '..', got {url!r}; write it out")
