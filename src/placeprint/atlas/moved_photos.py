"""Recognize photos by their content: touched but not changed, or moved to another path.

A file with another size or time than stored, or with a new path, is read for its hash if a known photo of the same size
is no longer at its path. So new photos are read once, when they are described, and moved photos are never described
again.

A photo has moved if its content is at a path of the given files, and its old path is empty or has other content. While
its old path still has it, a file with the same content is a copy, which is a new photo. Among several photos with one
content, a file matches the one with its own name if there is one. A file replaced by another with the same size and
time looks unchanged, as to other tools that compare files.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from placeprint.core.addresses import as_path
from placeprint.describing.bulk import map_photos
from placeprint.errors import PhotoError
from placeprint.photos.opening import open_file, stamp_of_open, stamp_of_path
from placeprint.store import PhotoRecord, StoredPhotos


@dataclass(frozen=True)
class File:
    """The identity of a file.

    Args:
        size: the size in bytes.
        time: the modification time in nanoseconds.
        sha256: the hash of its content.
    """

    size: int
    time: int
    sha256: str


@dataclass
class Recognized:
    """Photos that need not be described again.

    Args:
        touched: records of photos at their old path, with the current size and time of the file.
        moved: records with their new path, size and time.
        replaced: ids of photos whose path a moved photo has taken, and that do not exist elsewhere.
    """

    touched: list[PhotoRecord] = field(default_factory=list)
    moved: list[PhotoRecord] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)

    @property
    def paths(self) -> set[str]:
        """The paths of the recognized photos."""
        return {record.path for record in (*self.touched, *self.moved)}


def recognize(paths: Sequence[Path], photos: StoredPhotos, workers: int | None = None) -> Recognized:
    """Find the files whose content is a known photo.

    Args:
        paths: files that are new, or whose size or time differs from the stored one.
        photos: the known photos.
        workers: threads; the count of cores when None.
    """
    sizes = {path: size for path in paths if (size := _size(path)) is not None}
    known = photos.of_paths(map(str, paths))
    away = [r for r in photos.of_sizes(set(sizes.values())) if r.sha256 and not is_current(as_path(r.path), r)]
    possible = {record.file_size for record in away}
    candidates = [path for path, size in sizes.items() if size in possible]
    there = [as_path(record.path) for record in away if as_path(record.path) not in sizes]
    files = _read(dict.fromkeys([*candidates, *there]), workers)
    return _matched(candidates, files, away, known)


def is_current(path: Path, known: PhotoRecord | None) -> bool:
    """Return whether a file has the stored size and time."""
    if known is None:
        return False
    try:
        return stamp_of_path(path) == (known.file_size, known.file_time)
    except (OSError, ValueError, PhotoError):
        return False


def _matched(
    candidates: Iterable[Path], files: Mapping[str, File], away: Sequence[PhotoRecord], known: Mapping[str, PhotoRecord]
) -> Recognized:
    found = Recognized()
    free: dict[str, dict[int, PhotoRecord]] = defaultdict(dict)
    named: dict[tuple[str, str], list[PhotoRecord]] = defaultdict(list)
    for record in away:
        here = files.get(record.path)
        if here is None or here.sha256 != record.sha256:
            free[record.sha256][record.id] = record
            named[record.sha256, Path(record.path).name].append(record)
    new = []
    for path in candidates:
        file, before = files.get(str(path)), known.get(str(path))
        if file is None:
            continue
        if before is not None and before.sha256 == file.sha256:
            found.touched.append(_at(before, path, file))
        else:
            new.append((path, file))

    def take(path: Path, file: File, record: PhotoRecord) -> None:
        del free[file.sha256][record.id]
        found.moved.append(_at(record, path, file))

    rest = []
    for path, file in new:
        same_name = named[file.sha256, path.name]
        if same_name:
            take(path, file, same_name.pop())
        else:
            rest.append((path, file))
    for path, file in rest:
        if left := free.get(file.sha256):
            take(path, file, left[next(iter(left))])
    gone = {record.id for record in found.moved}
    found.replaced = [known[r.path].id for r in found.moved if r.path in known and known[r.path].id not in gone]
    return found


def _at(record: PhotoRecord, path: Path, file: File) -> PhotoRecord:
    return replace(record, path=str(path), file_size=file.size, file_time=file.time)


def _size(path: Path) -> int | None:
    try:
        return stamp_of_path(path)[0]
    except (OSError, ValueError, PhotoError):
        return None


def _read(paths: Iterable[Path], workers: int | None) -> dict[str, File]:
    listed = list(paths)
    found = map_photos(_file, listed, workers) if listed else ()
    return {str(path): file for path, file in zip(listed, found, strict=False) if file is not None}


def _file(path: Path) -> File | None:
    """Return the identity of a file, or None if it cannot be read."""
    try:
        with open_file(path) as file:
            size, time = stamp_of_open(file)
            return File(size, time, hashlib.file_digest(file, "sha256").hexdigest())
    except (OSError, PhotoError):
        return None
