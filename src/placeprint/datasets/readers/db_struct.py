"""The ``dbStruct`` of NetVLAD's authors: Pittsburgh and Tokyo 24/7 as distributed.

A MATLAB file has the names and UTM positions of the database and of the queries (Arandjelovic et al., CVPR 2016). The
photos are beside it or nearby; some of Tokyo's are PNG although the file calls them JPEG.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core.options import Positive, checked
from placeprint.datasets.photos.labeled_photos import first_few
from placeprint.datasets.readers.near_photos import RADIUS, near, read_near_photos
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.datasets.tables.matlab import read_mat
from placeprint.errors import DatasetError

FIELDS = ("dbImageFns", "utmDb", "qImageFns", "utmQ")
FOLDERS = (
    *("", "raw_data", "images", "tokyo247", "raw_data/tokyo247", "database"),
    *("database_gsv_vga", "tokyo247/database_gsv_vga"),
)
TOKYO = "247query_subset_v2"
QUERY_FOLDERS = ("queries_real", TOKYO, f"query/{TOKYO}", f"queries/{TOKYO}", "query", "queries", "queries_v3", "")
MATS = ("", "datasets", "raw_data/datasets", "raw_data", "groundtruth", "netvlad_v100_datasets")
"""Folders to search for the photos and the file."""


@checked
def read_db_struct(
    folder: Path, *, mat: str, split: str = "test", radius: Positive = RADIUS, panoramas: str = ""
) -> RetrievalSet:
    """Read a MATLAB file and its photos, or the folders ``images/SPLIT/database`` and ``queries`` made from them.

    Pittsburgh's queries share names with database photos, perhaps of another split, so they are never read from the
    database folder.

    Args:
        folder: the folder of the benchmark.
        mat: the name of the file.
        split: the split of the folders that are read if the file does not exist, or if its photos were moved into them.
        radius: the distance in meters within which a photo shows the query's place.
        panoramas: text in a photo's name that ends the name of its panorama. The cut-outs of a panorama are a group
            that keeps only its best in a ranking. Empty for no groups.

    Raises:
        DatasetError: neither exists, the file has another form, or photos are missing.
    """
    path = next((folder / place / mat for place in MATS if (folder / place / mat).is_file()), None)
    names, positions = ([[], []], []) if path is None else _read(path)
    under = (f"images/{split}", split, *([""] if split == "test" else []))
    made = any((folder / place / "database").is_dir() for place in under)
    if path is None or (made and not any(_existing(folder, place, names[0][0]) for place in FOLDERS)):
        return read_near_photos(folder, under=under, radius=radius, panoramas=bool(panoramas))
    home, database = _located(folder, names[0], FOLDERS)
    places = [f"{a}/{b}".strip("/") for a in FOLDERS for b in QUERY_FOLDERS]
    shared = _tops(names[0]) & _tops(names[1])
    _, queries = _located(folder, names[1], [place for place in places if not shared or place != home])
    groups = tuple(Path(name).name.partition(panoramas)[0] for name in names[0]) if panoramas else ()
    return RetrievalSet(
        folder,
        "",
        database,
        queries,
        near(database, positions[0], positions[1], radius),
        groups=groups,
        database_positions=positions[0],
        query_positions=positions[1],
    )


def _read(path: Path) -> tuple[list[list[str]], list[Any]]:
    """Return the names of the database and the queries, and their positions ``(n, 2)``."""
    try:
        struct = read_mat(path)["dbStruct"]
        names = [[str(name) for name in np.atleast_1d(struct[field])] for field in FIELDS[::2]]
        positions = [np.asarray(struct[field], np.float64).reshape(2, -1).T for field in FIELDS[1::2]]
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{str(path)!r} must have a dbStruct with {', '.join(FIELDS)} ({error})") from error
    for held, places in zip(names, positions, strict=True):
        if not held or len(held) != len(places):
            raise DatasetError(f"{str(path)!r} must have a position for each photo, got {len(places)} for {len(held)}")
    return names, positions


def _tops(names: Sequence[str]) -> set[str]:
    """Return the first folders of the names, and the names without a folder."""
    return {name.partition("/")[0] for name in names}


def _located(folder: Path, names: Sequence[str], places: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the first folder that has the first photo, and the paths of all photos in it."""
    for place in dict.fromkeys(places):
        if _existing(folder, place, names[0]) is not None:
            found = [(name, _existing(folder, place, name)) for name in names]
            missing = [name for name, path in found if path is None]
            if missing:
                raise DatasetError(
                    f"{len(missing)} of {len(names)} photos are not in {str(folder / place)!r}: {first_few(missing)}"
                )
            return place, tuple(path for _, path in found if path is not None)
    tried = ", ".join(place or "." for place in dict.fromkeys(places))
    raise DatasetError(f"{str(folder)!r} has no photo {names[0]!r}; looked in {tried}")


def _existing(folder: Path, place: str, name: str) -> str | None:
    path = f"{place}/{name}" if place else name
    for each in (path, str(Path(path).with_suffix(".png").as_posix()), str(Path(path).with_suffix(".jpg").as_posix())):
        if (folder / each).is_file():
            return each
    return None
