"""Mapillary Street-level Sequences (Warburg et al., CVPR 2020): the validation cities, by its own rules and merged.

Official: in each city the queries and the database of a subtask ("all"), without panoramas; photos within 25 m are
    right, and a query is searched in its own city. Queries without positives are excluded, which leaves 740. Public
    code often merges the two cities and uses every photo of the query sequences, about 11,000; its recall@1 is 2.5 to 5
    points lower for the
same model, so that is another protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from placeprint.core.csv_files import read_csv
from placeprint.core.map_projection import REGIONS_APART
from placeprint.core.options import Positive, checked
from placeprint.datasets.photos.labeled_photos import check_files
from placeprint.datasets.photos.placed_photos import Values
from placeprint.datasets.readers.near_photos import RADIUS, near, read_near_photos
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet
from placeprint.errors import DatasetError
from placeprint.types import Ids

CITIES = ("cph", "sf")
PLACES = ("train_val", "")
"""Folders to search for the cities."""
MERGED = ("images/val", "val")
"""Folders to search for the output of public converters."""


@checked
def read_msls(
    folder: Path,
    *,
    cities: Sequence[str] = CITIES,
    subtask: str = "all",
    radius: Positive = RADIUS,
    merged: bool = False,
) -> RetrievalSet:
    """Read cities as distributed: ``train_val/CITY/query`` and ``database``, each with CSV files and images.

    Args:
        folder: the folder of the benchmark.
        cities: the names of their folders.
        subtask: the column of ``subtask_index.csv`` that selects photos; ignored if merged.
        radius: the distance in meters within which a photo shows the query's place.
        merged: whether to use all photos except panoramas, and search all cities. A folder ``images/val`` with
            ``database`` and ``queries`` is read if it exists.

    Raises:
        DatasetError: a folder or file is missing or has another form, or photos are missing.
    """
    if merged and any((folder / place / "database").is_dir() for place in MERGED):
        return read_near_photos(folder, under=MERGED, radius=radius)
    place = next((place for place in PLACES if (folder / place / cities[0]).is_dir()), None)
    if place is None:
        raise DatasetError(f"{str(folder)!r} has no folder {cities[0]}/ or train_val/{cities[0]}/")
    within = f"{place}/" if place else ""
    database, queries = (
        [_read(folder, f"{within}{city}/{kind}", None if merged else subtask) for city in cities]
        for kind in ("database", "query")
    )
    searched, positions, homes = _joined(database)
    asked, asked_positions, owners = _joined(queries)
    positives = near(searched, positions, asked_positions, radius)
    kept = [row for row, right in enumerate(positives) if right or merged]
    elsewhere = [np.flatnonzero(homes != city).astype(np.int32) for city in range(len(cities))]
    return RetrievalSet(
        folder,
        "",
        searched,
        tuple(asked[row] for row in kept),
        positives.of(kept),
        junk=() if merged else PathSets(searched, [elsewhere[owners[row]] for row in kept]),
        database_positions=positions,
        query_positions=asked_positions[kept],
    )


def _joined(parts: Sequence[tuple[tuple[str, ...], Values]]) -> tuple[tuple[str, ...], Values, Ids]:
    """Return the paths, positions and city numbers of all photos, with cities far apart."""
    owners = np.repeat(np.arange(len(parts)), [len(paths) for paths, _ in parts])
    positions = np.concatenate([each for _, each in parts])
    positions[:, 0] += owners * REGIONS_APART
    return tuple(path for paths, _ in parts for path in paths), positions, owners


def _read(folder: Path, part: str, subtask: str | None) -> tuple[tuple[str, ...], Values]:
    """Return the photos of a city's queries or database, and their positions."""
    base = folder / part
    placed, raw = (read_csv(base / name) for name in ("postprocessed.csv", "raw.csv"))
    index = raw if subtask is None else read_csv(base / "subtask_index.csv")
    if not len(placed) == len(raw) == len(index):
        raise DatasetError(
            f"{str(base)!r} must have one row per photo in its CSV files, "
            f"got {len(placed)}, {len(raw)} and {len(index)}"
        )
    chosen = [_is(row, "pano", base / "raw.csv") for row in raw]
    chosen = [
        not panorama and (subtask is None or _is(row, subtask, base / "subtask_index.csv"))
        for panorama, row in zip(chosen, index, strict=True)
    ]
    rows = [row for row, each in zip(placed, chosen, strict=True) if each]
    if not rows:
        raise DatasetError(f"{str(base)!r} has no photo of the subtask {subtask!r}")
    try:
        paths = [f"{part}/images/{row['key'].removesuffix('.jpg')}.jpg" for row in rows]
        positions = np.array([[float(row["easting"]), float(row["northing"])] for row in rows])
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f"{str(base / 'postprocessed.csv')!r} must have key, easting and northing ({error})"
        ) from error
    check_files(folder, paths)
    return tuple(paths), positions


def _is(row: dict[str, str], column: str, path: Path) -> bool:
    if column not in row:
        raise DatasetError(f"{str(path)!r} has no column {column!r}; it has {', '.join(row)}")
    return row[column].lower() in {"true", "1", "1.0"}
