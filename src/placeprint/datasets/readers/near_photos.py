"""Photos with positions, in a database and a query folder: photos within a number of meters are right.

Recall@N within 25 m is the rule of Torii et al. (CVPR 2015) and Arandjelovic et al. (CVPR 2016). Positions are read in
three forms; the first that exists is used:

- names of photos ``@east@north@zone@letter@latitude@longitude@panorama@...``, the convention of Berton et al. (CVPR
  2022), in which many benchmarks are distributed;
- ``positions.csv`` beside the two folders, with degrees or meters (see `placed_photos.read_position_csv`);
- GPS in the EXIF of the photos; photos without it are skipped, with a warning.

Photos of several regions, such as two cities, or on both sides of a border between UTM zones, are near each other if
they are near on Earth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from placeprint.core.options import Positive, checked
from placeprint.core.position_grid import PositionGrid
from placeprint.datasets.photos.labeled_photos import photos_below
from placeprint.datasets.photos.placed_photos import (
    PlacedPhotos,
    Values,
    read_gps_folder,
    read_position_csv,
    read_utm_names,
)
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet
from placeprint.errors import DatasetError

RADIUS = 25.0
POSITIONS = "positions.csv"
PANORAMA = 7
"""Index of a field of a name between ``@``."""


@checked
def read_near_photos(
    folder: Path,
    *,
    under: Sequence[str] = ("images/test", "test", ""),
    database: Sequence[str] = ("database", "gallery"),
    queries: Sequence[str] = ("queries",),
    radius: Positive = RADIUS,
    panoramas: bool = False,
) -> RetrievalSet:
    """Read a database folder and a query folder.

    Args:
        folder: the folder of the benchmark.
        under: possible places of the two inside it; the first with both is used.
        database: possible names of the database folder; the first that exists is used.
        queries: possible names of the query folder.
        radius: the distance in meters within which a photo shows the query's place.
        panoramas: whether the cut-outs of a panorama are a group that keeps only its best in a ranking.

    Raises:
        DatasetError: a folder is missing or has no photos, or a position is missing or not a number.
    """
    base, names = _find(folder, under, database, queries)
    prefix = base.relative_to(folder).as_posix() + "/" if base != folder else ""
    parts = [[f"{name}/{path}" for path in photos_below(base / name)] for name in names]
    photos = _placed(base, [path for part in parts for path in part])
    own = np.array([path.startswith(f"{names[1]}/") for path in photos.paths], bool)
    searched, asked = photos[~own], photos[own]
    paths = tuple(prefix + path for path in searched.paths)
    return RetrievalSet(
        folder,
        "",
        paths,
        tuple(prefix + path for path in asked.paths),
        near(paths, searched.positions, asked.positions, radius),
        groups=_panoramas(searched.paths) if panoramas else (),
        database_positions=searched.positions,
        query_positions=asked.positions,
    )


@checked
def near(paths: Sequence[str], database: Values, queries: Values, radius: Positive) -> PathSets:
    """Return for each query the photos within a radius.

    Args:
        paths: the paths of the database photos.
        database: ``(n, 2)`` meters.
        queries: ``(q, 2)`` meters in the same plane.
        radius: the radius in meters.
    """
    grid = PositionGrid(database, radius)
    return PathSets(paths, (grid.near(position) for position in queries))


def _find(
    folder: Path, under: Sequence[str], database: Sequence[str], queries: Sequence[str]
) -> tuple[Path, tuple[str, str]]:
    for place in under:
        base = folder / place
        found = [next((n for n in names if (base / n).is_dir()), None) for names in (database, queries)]
        if found[0] is not None and found[1] is not None:
            return base, (found[0], found[1])
    places = ", ".join(repr(place or ".") for place in under)
    raise DatasetError(
        f"{str(folder)!r} must have folders {database[0]}/ and {queries[0]}/, in one of {places}; it has not"
    )


def _placed(base: Path, paths: Sequence[str]) -> PlacedPhotos:
    if all(Path(path).name.startswith("@") for path in paths):
        return read_utm_names(base, paths)
    if (base / POSITIONS).is_file():
        placed = read_position_csv(base / POSITIONS)
        known = set(placed.paths)
        missing = [path for path in paths if path not in known]
        if missing:
            raise DatasetError(
                f"{str(base / POSITIONS)!r} has no position for {len(missing)} photos, such as {missing[0]!r}"
            )
        return placed[np.isin(placed.paths, paths)]
    return read_gps_folder(base, paths)


def _panoramas(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the panorama of each photo from its name, or its position if the name has none (or ``None``)."""
    fields = [Path(path).name.split("@") for path in paths]
    return tuple(
        each[PANORAMA] if len(each) > PANORAMA and each[PANORAMA] not in {"", "None"} else "@".join(each[:3])
        for each in fields
    )
