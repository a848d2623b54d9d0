"""Revisited Oxford and Paris (Radenovic et al., CVPR 2018): 70 queries each, judged at three levels.

Each query has easy photos of its building, hard ones, and junk. At the level

- *easy*, the easy ones are right, the hard ones and the junk do not count;
- *medium*, the easy and the hard ones are right, the junk does not count;
- *hard*, the hard ones are right, the easy ones and the junk do not count.

What does not count is removed from the ranking. A query without a right photo at a level is excluded there. Queries are
cropped to their box; their source photos are not in the database. Numbers on whole queries belong to another protocol:
with a million distractors they are up to 6 points higher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.datasets.photos.labeled_photos import check_files
from placeprint.datasets.retrieval_set import Box, Judgment, PathSets, RetrievalSet
from placeprint.datasets.tables.matlab import read_mat
from placeprint.datasets.tables.plain_pickle import read_plain_pickle
from placeprint.errors import DatasetError

LEVELS = {
    "": (("easy", "hard"), ("junk",)),
    "easy": (("easy",), ("hard", "junk")),
    "hard": (("hard",), ("easy", "junk")),
}
"""Keys of what is right and of what does not count, by level; medium is the set's default."""
PHOTOS = ("jpg", "images")
"""Possible photo folders; the first that exists is used, otherwise the photos are beside the ground truth."""


def read_revisited(folder: Path, *, name: str, crop: bool = True) -> RetrievalSet:
    """Read photos in ``jpg/`` and the ground truth in ``gnd_NAME.pkl`` or ``gnd_NAME.mat``.

    Args:
        folder: the folder of the benchmark; the parts may also be in a folder NAME inside it.
        name: ``"roxford5k"`` or ``"rparis6k"``.
        crop: whether queries are cropped to their box.

    Raises:
        DatasetError: a part is missing or has another form, or photos are missing.
        PackageError: the ground truth is a MATLAB file and SciPy is not installed.
    """
    place = next(
        (p for p in ("", f"{name}/") for s in (".pkl", ".mat") if (folder / f"{p}gnd_{name}{s}").is_file()), None
    )
    if place is None:
        raise DatasetError(
            f"{str(folder)!r} has no gnd_{name}.pkl, nor gnd_{name}.mat; get either from the revisitop repository"
        )
    path = folder / f"{place}gnd_{name}.pkl"
    held, first = (read_plain_pickle(path), 0) if path.is_file() else (read_mat(path.with_suffix(".mat")), 1)
    photos = next((f"{place}{each}/" for each in PHOTOS if (folder / place / each).is_dir()), place)
    try:
        database, queries = ([f"{photos}{each}.jpg" for each in held[k]] for k in ("imlist", "qimlist"))
        truth = [_of_query(each, first, len(database)) for each in held["gnd"]]
        boxes = tuple(_box(each["bbx"]) for each in held["gnd"])
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{str(path)!r} must have imlist, qimlist and gnd with bbx, easy, hard and junk ({error})"
        ) from error
    check_files(folder, [*queries, *database])
    levels = [
        Judgment(level, *(PathSets(database, [_joined(each, keys) for each in truth]) for keys in both))
        for level, both in LEVELS.items()
    ]
    return RetrievalSet(
        folder,
        "",
        tuple(database),
        tuple(queries),
        levels[0].positives,
        levels[0].junk,
        crops=boxes if crop else (),
        others=tuple(levels[1:]),
    )


def _of_query(truth: Mapping[str, Any], first: int, count: int) -> dict[str, list[int]]:
    """Return the photos of a query by key, counted from 0."""
    found = {key: [int(each) - first for each in np.ravel(truth[key])] for key in ("easy", "hard", "junk")}
    if any(not 0 <= each < count for row in found.values() for each in row):
        raise ValueError(f"a number beyond the {count} photos")
    return found


def _joined(truth: Mapping[str, Sequence[int]], keys: Sequence[str]) -> list[int]:
    return [each for key in keys for each in truth[key]]


def _box(values: Any) -> Box:
    left, top, right, bottom = (float(each) for each in np.ravel(values))
    return left, top, right, bottom
