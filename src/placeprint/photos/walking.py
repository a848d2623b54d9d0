"""Find the photos in files and folders: each once, in a fixed order, with a reason for each skip.

- A folder gives the files below it that have a photo's suffix (`formats.SUFFIXES`), except hidden files and folders. A
  file named explicitly is listed whatever its suffix.
- Links are followed after all regular files and folders, so a photo has its real path if it has one. A folder is walked
  once and a file is listed once, identified by device and inode, however many links and hard links lead to them. So
  folders that link to each other end, and the time is proportional to what is on disk.
- Pipes, devices, sockets, links that lead nowhere or to something already listed, and folders that cannot be read are
  skipped, each with one reason.
- Files that a person may take for photos (raw files of cameras, videos, drawings) are counted by suffix.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from placeprint.core.addresses import as_path, url_of
from placeprint.errors import PhotoError
from placeprint.photos.formats import LEFT_OUT, SUFFIXES
from placeprint.photos.opening import check_regular, reason_of
from placeprint.photos.remote import files_at

SHOWN = 5
"""Most suffixes that a message lists."""
NOT_THERE = "no such file or folder"


class Skipped(NamedTuple):
    """A skipped path, and why."""

    path: str
    reason: str


@dataclass
class PhotoList:
    """The result of a walk.

    Args:
        places: the files and folders that were searched.
        paths: the absolute paths of the photos.
        skipped: what was skipped below the folders, sorted by path.
        missing: named places that do not exist or cannot be read, in the order given.
        unread: number of files below the folders that look like photos but are not read, by suffix.
    """

    places: list[str]
    paths: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    missing: list[Skipped] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)

    def required(self, *, every: bool = True) -> PhotoList:
        """Return this list, or raise.

        Args:
            every: whether all places must exist; otherwise one photo is enough.

        Raises:
            PhotoError: a place does not exist or cannot be read, or there is no photo in any; the message says what
                there is.
        """
        if self.missing and (every or not self.paths):
            raise _refusal(self.missing[0])
        if self.paths:
            return self
        where = ", ".join(map(repr, self.places)) or "nothing"
        instead = [f"{len(self.skipped)} skipped, the first: {self.skipped[0].reason}"] if self.skipped else []
        instead += [f"not read as photos: {in_words(self.unread)}"] if self.unread else []
        raise PhotoError(f"there are no photos in {where}" + (f" ({'; '.join(instead)})" if instead else ""))


def scan_photos(places: Iterable[Path | str] | Path | str, *, every_name: bool = False) -> PhotoList:
    """Find all photos in files and folders; missing places do not raise.

    Args:
        places: files and folders, or a single one.
        every_name: whether to list a file under each of its names, for data sets whose lists name files.

    Raises:
        PhotoError: the places are not paths.
    """
    walk = _Walk(as_places(places), every_name)
    for place in walk.found.places:
        walk.visit(place)
    walk.follow_links()
    walk.found.skipped.sort()
    return walk.found


def find_photos(places: Iterable[Path | str] | Path | str, *, every_name: bool = False) -> Iterator[Path]:
    """Yield the absolute paths of all photos in files and folders, in a fixed order, none twice.

    Args:
        places: files and folders, or a single one.
        every_name: see `scan_photos`.

    Raises:
        PhotoError: a place does not exist or cannot be read.
    """
    found = scan_photos(places, every_name=every_name)
    if found.missing:
        raise _refusal(found.missing[0])
    yield from found.paths


def list_photos(places: Iterable[Path | str] | Path | str) -> list[Path]:
    """Return the paths from `find_photos` as a list.

    Raises:
        PhotoError: a place does not exist or cannot be read, or there is no photo in any.
    """
    return scan_photos(places).required().paths


def normalized(path: Path | str) -> Path:
    """Return a path as the atlas stores it: absolute, without ``..``, with symbolic links.

    After a link, ``..`` means the parent of the link's target; such a path is resolved.
    """
    url = url_of(path)
    return Path(_absolute(os.fspath(path))) if url is None else as_path(url)


def _absolute(path: str) -> str:
    plain = os.path.abspath(path)  # which removes a link together with the ".." after it
    if os.pardir in path.split(os.sep) and os.path.realpath(plain) != os.path.realpath(path):
        return os.path.realpath(path)
    return plain


def in_words(unread: Counter[str]) -> str:
    """Return the number of files by suffix as text, most frequent first.

    Example:
        >>> in_words(Counter({".cr2": 12, ".mp4": 1}))
        '12 .cr2, 1 .mp4'
    """
    most = sorted(unread.items(), key=lambda each: (-each[1], each[0]))
    rest = sum(count for _, count in most[SHOWN:])
    return ", ".join([*(f"{count} {suffix}" for suffix, count in most[:SHOWN]), *([f"{rest} others"] if rest else [])])


def as_places(places: Iterable[Path | str] | Path | str) -> list[str]:
    """Return places as a list of paths; a single place becomes a list of one.

    Raises:
        PhotoError: they are not paths, or one is empty.
    """
    try:
        each = [places] if isinstance(places, (str, os.PathLike)) else places
        texts = [os.fsdecode(place) for place in each]
        paths = [url_of(text) or text for text in texts]
    except TypeError as error:
        got = f"{type(places).__name__} {str(places)[:40]!r}"
        raise PhotoError(f"photos must be paths of files and folders, got {got}") from error
    if "" in paths:
        raise PhotoError("a path is empty; use '.' for the current folder")
    return paths


class _Walk:
    """The state of one walk: what it found, where it has been, and the links still to follow."""

    def __init__(self, places: list[str], every_name: bool) -> None:
        self.found = PhotoList(places)
        self._every_name = every_name
        self._listed: set[str] = set()
        self._files: set[tuple[int, int]] = set()
        self._folders: dict[tuple[int, int] | str, str] = {}  # and the path by which they were walked
        self._links: deque[str] = deque()

    def visit(self, place: str) -> None:
        """List the files and folders that were named."""
        url = url_of(place)
        if url is not None:
            self._visit_url(place, url)
            return
        try:
            path = _absolute(place)
            status = os.stat(place)
            if stat.S_ISDIR(status.st_mode):
                self._walk(path, named=True)
            else:
                check_regular(status.st_mode)
                self._files.add((status.st_dev, status.st_ino))
                self._list(path)
        except (OSError, ValueError) as error:  # includes PhotoError
            self.found.missing.append(Skipped(place, _why_missing(place, error)))

    def _visit_url(self, place: str, url: str) -> None:
        try:
            files = files_at(url)
        except PhotoError as error:
            self.found.missing.append(Skipped(place, str(error)))
            return
        for file in files:
            if str(file) == url or file.suffix.lower() in SUFFIXES:
                self._list(str(file))
            else:
                self._count(file.name)

    def follow_links(self) -> None:
        """List the targets of links; more links may appear on the way."""
        while self._links:
            path = self._links.popleft()
            try:
                status = os.stat(path)
            except OSError as error:
                self._skip(path, _why_broken(error))
                continue
            if stat.S_ISDIR(status.st_mode):
                self._walk(path)
            elif _suffix(path) in SUFFIXES:
                self._list_file(path, status, link=True)
            else:
                self._count(path)

    def _walk(self, top: str, *, named: bool = False) -> None:
        """List the photos in a folder, then those in its folders; links come later."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                new = self._enter(folder, link=folder == top and not named)
                entries = _entries(folder) if new else []
            except OSError as error:
                if named and folder == top:
                    raise
                self._skip(folder, f"a folder that cannot be read: {reason_of(error)}")
                continue
            folders = []
            for entry in entries:
                if entry.is_symlink():
                    self._links.append(entry.path)
                elif _is_folder(entry):
                    folders.append(entry.path)
                elif _suffix(entry.name) in SUFFIXES:
                    self._list_entry(entry)
                else:
                    self._count(entry.name)
            waiting.extend(reversed(folders))

    def _enter(self, folder: str, *, link: bool) -> bool:
        """Return whether a folder is seen for the first time."""
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)
        before = self._folders.get(identity)
        if before is None:
            self._folders[identity] = folder
        elif before != folder:
            self._skip(folder, f"{'a link to a folder' if link else 'a folder'} that is listed already")
        return before is None

    def _list_entry(self, entry: os.DirEntry[str]) -> None:
        try:
            status = entry.stat()
        except OSError as error:
            self._skip(entry.path, f"cannot be read: {reason_of(error)}")
        else:
            self._list_file(entry.path, status, link=False)

    def _list_file(self, path: str, status: os.stat_result, *, link: bool) -> None:
        try:
            check_regular(status.st_mode)
        except PhotoError as error:
            self._skip(path, str(error))
            return
        identity = status.st_dev, status.st_ino
        several = link or status.st_nlink > 1
        if several and identity in self._files and not self._every_name:
            if path not in self._listed:
                self._skip(
                    path, f"{'a link' if link else 'a second name (hard link)'} to a photo that is listed already"
                )
            return
        if status.st_ino:
            self._files.add(identity)
        self._list(path)

    def _list(self, path: str) -> None:
        if path not in self._listed:
            self._listed.add(path)
            self.found.paths.append(as_path(path))

    def _count(self, name: str) -> None:
        if (suffix := _suffix(name)) in LEFT_OUT:
            self.found.unread[suffix] += 1

    def _skip(self, path: str, reason: str) -> None:
        self.found.skipped.append(Skipped(path, reason))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((each for each in entries if not each.name.startswith(".")), key=lambda each: each.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # asked again later, and then answered with a reason
        return False


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _why_broken(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "a broken link"
    return f"a link that cannot be followed: {reason_of(error)}"


def _why_missing(place: str, error: OSError | ValueError) -> str:
    if isinstance(error, PhotoError):
        return str(error)
    if isinstance(error, OSError):
        if os.path.islink(place):
            return _why_broken(error)
        return NOT_THERE if error.errno in {errno.ENOENT, errno.ENOTDIR} else f"cannot be read: {reason_of(error)}"
    return NOT_THERE  # a path with a NUL


def _refusal(missing: Skipped) -> PhotoError:
    if missing.reason == NOT_THERE:
        return PhotoError(f"{NOT_THERE} {missing.path!r}")
    return PhotoError(f"cannot use {missing.path!r}: {missing.reason}")


def natural(path: str) -> list[tuple[int, str]]:
    """Return what paths are sorted by: numbers in them by their value.

    Example:
        >>> sorted(["b10.jpg", "b9.jpg", "a.jpg"], key=natural)
        ['a.jpg', 'b9.jpg', 'b10.jpg']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path)]
