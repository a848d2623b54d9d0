"""The contents of packs and exports, and where they are written and read.

    placeprint.json         what this is, and the sha256 of every other member
    atlas.toml  files/*     how the atlas was made, and what its preset needs
    state/*.npz             what it has learned
    photos/00000.parquet    rows of the table ``images``, up to `TOGETHER` a part; paths are relative to a root
    features/00000.parquet  rows of the table ``local``, of the same photos
    thumbnails/SHA256.jpg   small pictures, where they were asked for

An export is a folder of these, with ``descriptors.npy`` and ``ids.npy`` for other programs. A pack is one ZIP file of
them, stored without compression, because its members are compressed already.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from placeprint.core.files import read_bytes
from placeprint.errors import AtlasFormatError, PlaceprintError

FORMAT = 1
INDEX = "placeprint.json"
MEMBER = re.compile(
    r"(atlas\.toml|calibration\.json|descriptors\.npy|ids\.npy|(files|state|photos|features|thumbnails)/[^/\\\0]+)"
)
"""Names that a member may have; nothing leads out of the folder."""
TOGETHER = 256
"""Photos of one part."""
MOST_INDEX = 1 << 28
"""Largest list of members, in bytes, that is read."""
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal atlases give equal packs."""


@dataclass
class Index:
    """What a pack or an export is.

    Args:
        kind: ``"pack"`` or ``"export"``.
        preset: the name of the preset of the atlas.
        photos: the number of photos.
        state: the name of the learned state; None if the atlas has none.
        created_by: the version of placeprint.
        root: the folder that the photos were below, in an export; None in a pack, which reveals nothing about its
            machine.
        region: west, south, east and north in degrees, where a part of the atlas was chosen.
        members: the sha256 of each member, by its name.
        format: the version of the layout.
    """

    kind: str
    preset: str
    photos: int
    state: str | None
    created_by: str
    root: str | None = None
    region: tuple[float, float, float, float] | None = None
    members: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def as_bytes(self) -> bytes:
        """Return the content of `INDEX`."""
        return json.dumps({"format": self.format, **vars(self)}, indent=1).encode() + b"\n"

    @classmethod
    def read(cls, data: bytes, what: str) -> Index:
        """Read the content of `INDEX`.

        Raises:
            AtlasFormatError: it is something else, or of a newer format.
        """
        try:
            content = json.loads(data)
            if int(content["format"]) > FORMAT:
                raise AtlasFormatError(f"{what} has format {content['format']}, this placeprint reads up to {FORMAT}")
            found = cls(
                str(content["kind"]),
                str(content["preset"]),
                int(content["photos"]),
                None if content["state"] is None else str(content["state"]),
                str(content["created_by"]),
                None if content["root"] is None else str(content["root"]),
                None,
                {str(name): str(digest) for name, digest in dict(content["members"]).items()},
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise AtlasFormatError(damaged(what, f"{INDEX}: {error!r}")) from error
        if wrong := [name for name in found.members if not MEMBER.fullmatch(name) or ".." in name]:
            raise AtlasFormatError(damaged(what, f"it has a member {wrong[0]!r}"))
        return found


def damaged(what: str, why: str) -> str:
    """Return the message about a damaged pack or export."""
    return f"{what} is damaged ({' '.join(why.split())[:160]}); make it again from the atlas"


class Target(Protocol):
    """What members are written to."""

    def write(self, name: str, data: bytes) -> None:
        """Write one member."""


@dataclass(frozen=True)
class FolderTarget:
    """Members as files of a folder.

    Args:
        folder: the folder, which exists.
    """

    folder: Path

    def write(self, name: str, data: bytes) -> None:
        """Write one member."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@dataclass(frozen=True)
class ZipTarget:
    """Members of a ZIP file.

    Args:
        file: that is open for writing.
    """

    file: zipfile.ZipFile

    def write(self, name: str, data: bytes) -> None:
        """Write one member."""
        self.file.writestr(zipfile.ZipInfo(name, BEGINNING), data)


class Recorder:
    """Writes members to a target, and knows their hashes.

    Args:
        target: what they are written to.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.members: dict[str, str] = {}

    def write(self, name: str, data: bytes) -> None:
        """Write one member."""
        self._target.write(name, data)
        self.members[name] = hashlib.sha256(data).hexdigest()

    def finish(self, index: Index) -> None:
        """Write what the pack or the export is; it is whole then."""
        index.members = self.members
        self._target.write(INDEX, index.as_bytes())


class Source:
    """Reads the members of a pack or an export, and checks them.

    Args:
        read: gives the content of a member.
        what: the pack or the export, for messages.

    Attributes:
        index: what it is.

    Raises:
        AtlasFormatError: (on reading too) it is damaged or of a newer format.
    """

    def __init__(self, read: Any, what: str) -> None:
        self._read, self.what = read, what
        self.index = Index.read(read(INDEX), what)

    def member(self, name: str) -> bytes:
        """Return the content of a member."""
        data: bytes = self._read(name)
        if hashlib.sha256(data).hexdigest() != self.index.members.get(name):
            raise AtlasFormatError(damaged(self.what, f"{name} differs from what was written"))
        return data

    def names(self, folder: str) -> list[str]:
        """Return the names of the members in a folder, sorted."""
        return sorted(name for name in self.index.members if name.startswith(f"{folder}/"))

    def folder(self, folder: str) -> Mapping[str, bytes]:
        """Return the members of a folder by their names in it."""
        return {name.partition("/")[2]: self.member(name) for name in self.names(folder)}


@contextlib.contextmanager
def open_pack(path: Path) -> Iterator[Source]:
    """Open a pack.

    Raises:
        AtlasFormatError: it is not a pack, is damaged or of a newer format, or cannot be read.
    """
    what = f"the pack {str(path)!r}"
    if path.exists() and not path.is_file():
        raise AtlasFormatError(f"{what} is not a file; name a file that `placeprint pack` has written")
    with _reading(what):
        file = zipfile.ZipFile(path)

    def read(name: str) -> bytes:
        with _reading(what):
            found = file.getinfo(name)
            if found.compress_type != zipfile.ZIP_STORED or (name == INDEX and found.file_size > MOST_INDEX):
                raise AtlasFormatError(damaged(what, f"{name} was not written by placeprint"))
            return file.read(found)

    with file:
        yield Source(read, what)


@contextlib.contextmanager
def _reading(what: str) -> Iterator[None]:
    """Turn whatever `zipfile` raises into one clear line."""
    try:
        yield
    except PlaceprintError:
        raise
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise AtlasFormatError(damaged(what, str(error))) from error
    except OSError as error:
        raise AtlasFormatError(f"{what} cannot be read: {error.strerror or error}") from error


def open_export(folder: Path) -> Source:
    """Open an export.

    Raises:
        AtlasFormatError: it is not an export, is damaged or of a newer format, or cannot be read.
    """
    if not (folder / INDEX).is_file():
        raise AtlasFormatError(
            f"{str(folder)!r} is not an export: it lacks {INDEX}; make one with: placeprint export-atlas"
        )
    return Source(lambda name: read_bytes(folder / name, error=AtlasFormatError), f"the export {str(folder)!r}")
