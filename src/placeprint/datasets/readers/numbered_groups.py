"""Sets whose photo numbers identify the object: INRIA Holidays and UKBench.

- *Holidays* (Jegou et al., ECCV 2008): 1491 photos of 500 scenes; the first of each scene, whose number ends with 00,
  is its query; the others are right. The query is in the database and is removed from its own ranking.
- *UKBench* (Nister and Stewenius, CVPR 2006): four photos each of 2550 objects, all of them queries; the query finds
  itself, and that counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from placeprint.datasets.photos.labeled_photos import first_few, photos_below
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet
from placeprint.errors import DatasetError


def read_holidays(folder: Path) -> RetrievalSet:
    """Read photos like ``jpg/100001.jpg``.

    Raises:
        DatasetError: there is no photo, or a name is not a number.
    """
    paths, numbers = _numbered(folder, "jpg", "")
    scenes = numbers // 100
    asked = np.flatnonzero(numbers % 100 == 0)
    if not len(asked):
        raise DatasetError(f"{str(folder)!r} has no query: no photo's number ends with 00")
    rows = [np.flatnonzero((scenes == scenes[row]) & (np.arange(len(paths)) != row)) for row in asked]
    return RetrievalSet(folder, "", paths, tuple(paths[row] for row in asked), PathSets(paths, rows))


def read_ukbench(folder: Path) -> RetrievalSet:
    """Read photos like ``full/ukbench00000.jpg``.

    Raises:
        DatasetError: there is no photo, a name has another form, or an object does not have four photos.
    """
    paths, numbers = _numbered(folder, "full", "ukbench")
    objects, counts = np.unique(numbers // 4, return_counts=True)
    if (counts != 4).any():
        raise DatasetError(
            f"{str(folder)!r} must have four photos of each object, it has {counts[counts != 4][0]} from number "
            f"{4 * objects[counts != 4][0]:05d} on"
        )
    members = {number: np.flatnonzero(numbers // 4 == number) for number in objects}
    positives = PathSets(paths, [members[number] for number in numbers // 4])
    return RetrievalSet(folder, "", paths, paths, positives, finds_itself=True)


def _numbered(
    folder: Path, below: str, prefix: str
) -> tuple[tuple[str, ...], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the photos and their numbers, sorted by number."""
    place = f"{below}/" if (folder / below).is_dir() else ""
    found = photos_below(folder / place)
    stems = [Path(path).stem.removeprefix(prefix) for path in found]
    odd = [path for path, stem in zip(found, stems, strict=True) if not stem.isdecimal()]
    if odd:
        form = f"{prefix!r} and" if prefix else "nothing but"
        raise DatasetError(f"names of photos must be {form} a number, got {first_few(odd)}")
    numbers = np.array([int(stem) for stem in stems], np.int64)
    order = np.argsort(numbers, kind="stable")
    return tuple(place + found[row] for row in order), numbers[order]
