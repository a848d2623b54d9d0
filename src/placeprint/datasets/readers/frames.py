"""Two runs along the same route, frame by frame: frames with the same number and their neighbors are right.

Nordland (Suenderhauf et al., ICRA workshop 2013) is used in three ways that give very different numbers: which season
and which frames are searched, and how many frames a match may be off. Each is a separate protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import read_text
from placeprint.core.options import Count, CountOrNone, checked
from placeprint.datasets.photos.labeled_photos import photos_below
from placeprint.datasets.readers.near_photos import near, read_near_photos
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet
from placeprint.datasets.tables.plain_pickle import read_plain_npy
from placeprint.errors import DatasetError
from placeprint.photos.walking import natural

CLEAN = "cleanImageNames.txt"
"""The file with the names of the frames that count, one per line, if it exists."""
TRUTH = "ground_truth_new.npy"
SECTIONS_APART = 1e6
"""Number of frames put between sections of a route."""


@checked
def read_frames(
    folder: Path,
    *,
    database: Sequence[str],
    queries: Sequence[str],
    tolerance: CountOrNone,
    stride: Count = 1,
    radius_folders: Sequence[str] = (),
) -> RetrievalSet:
    """Read two folders of frames, in the order of the numbers in their names.

    Args:
        folder: the folder of the benchmark.
        database: possible names of the database folder; the first that exists is used.
        queries: possible names of the query folder.
        tolerance: the number of frames within which a frame is right.
        stride: the n-th query shows the database frame number n times this.
        radius_folders: folders that may have ``database`` and ``queries`` with positions in the names, made so that 25
            m equal the tolerance; they are read instead of frames. Such positions give no errors in meters.

    Raises:
        DatasetError: a folder is missing or has no photos, or the counts do not fit.
    """
    for place in radius_folders:
        if (folder / place / "database").is_dir():
            return replace(read_near_photos(folder, under=(place,)), database_positions=None, query_positions=None)
    names = [_first(folder, each) for each in (database, queries)]
    clean = _clean(folder)
    searched, asked = (_frames(folder, name, clean) for name in names)
    if len(asked) != -(-len(searched) // stride):
        raise DatasetError(
            f"{str(folder)!r} must have a query for every {stride}. photo of the {len(searched)} in {names[0]}/, "
            f"{names[1]}/ has {len(asked)}"
        )
    positions = [_along(paths, each) for paths, each in ((searched, 1), (asked, stride))]
    return RetrievalSet(folder, "", searched, asked, near(searched, positions[0], positions[1], tolerance + 0.5))


@checked
def read_vpr_bench(folder: Path, *, tolerance: CountOrNone | None = None) -> RetrievalSet:
    """Read the form of VPR-Bench (Zaffar et al., IJCV 2021): ``ref/``, ``query/`` and ``ground_truth_new.npy``.

    Args:
        folder: the folder with all three.
        tolerance: the number of frames within which a frame is right if the file does not exist; None if the file is
            required.

    Raises:
        DatasetError: a part is missing, or the file names photos that do not exist.
    """
    if not (folder / TRUTH).is_file() and tolerance is not None:
        return read_frames(
            folder, database=("ref",), queries=("query",), tolerance=tolerance, radius_folders=("images/test",)
        )
    database, queries = (_frames(folder, _first(folder, [name])) for name in ("ref", "query"))
    rows: list[list[int]] = [[] for _ in queries]
    try:
        for query, right in read_plain_npy(folder / TRUTH):
            if not 0 <= int(query) < len(queries):
                raise IndexError(f"query {int(query)}")
            rows[int(query)] += [int(each) for each in np.atleast_1d(right)]
    except (IndexError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{str(folder / TRUTH)!r} must have rows (query, photos of ref) for {len(queries)} queries ({error})"
        ) from error
    if any(not 0 <= each < len(database) for row in rows for each in row):
        raise DatasetError(f"{str(folder / TRUTH)!r} names photos beyond the {len(database)} of ref/")
    return RetrievalSet(folder, "", database, queries, PathSets(database, rows))


def _first(folder: Path, names: Sequence[str]) -> str:
    found = next((name for name in names if (folder / name).is_dir()), None)
    if found is None:
        raise DatasetError(f"{str(folder)!r} has no folder {' or '.join(f'{name}/' for name in names)}")
    return found


def _clean(folder: Path) -> frozenset[str] | None:
    path = folder / CLEAN
    if not path.is_file():
        return None
    return frozenset(read_text(path, error=DatasetError).split())


def _frames(folder: Path, name: str, clean: frozenset[str] | None = None) -> tuple[str, ...]:
    """Return the frames of a folder in natural order: ``section1/2.png`` is before ``section1/10.png``."""
    paths = [path for path in photos_below(folder / name) if clean is None or Path(path).name in clean]
    if not paths:
        raise DatasetError(f"{str(folder / name)!r} has none of the frames in {CLEAN}")
    return tuple(f"{name}/{path}" for path in sorted(paths, key=natural))


def _along(paths: Sequence[str], stride: int) -> NDArray[np.float64]:
    """Return ``(n, 2)``: the number of each frame in its section, with sections far apart."""
    rows = []
    for number, (_, section) in enumerate(groupby(paths, lambda path: path.partition("/")[2].rpartition("/")[0])):
        rows += [(frame * stride, number * SECTIONS_APART) for frame, _ in enumerate(section)]
    return np.array(rows, np.float64)
