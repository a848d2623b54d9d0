"""Photos with positions, for training place recognition.

Positions are meters on a plane. Degrees become meters by `map_projection.regional_meters`. Four forms are read: EXIF
GPS of a folder (`read_gps_folder`), CSV files with degrees or with meters (`read_position_csv`), file names like
``@east@north@zone@letter@...`` (`read_utm_names`), and clips of walks (`read_clips`), where the frame number gives the
distance along the walk.

A *sequence* is a series of photos taken one after the other. An *area*, such as the floor of a building, is known where
positions of several sequences cannot be compared. Photos of one area in different sequences may or may not show the
same place.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core.csv_files import column_of, read_csv
from placeprint.core.map_projection import regional_meters, utm_degrees
from placeprint.core.options import Count, Positive, checked
from placeprint.datasets.photos.labeled_photos import (
    PATH_COLUMNS,
    check_files,
    check_paths,
    first_few,
    photos_below,
)
from placeprint.errors import DatasetError, OptionError, PhotoError, ShapeError
from placeprint.photos import read_photo
from placeprint.types import Ids, Mask

Values = NDArray[np.float64]

DEGREES = (("lat", "lon"), ("latitude", "longitude"), ("lat", "lng"))
METERS = (("east", "north"), ("easting", "northing"), ("utm_east", "utm_north"))
"""Names of the columns of positions."""
FRAME = "_frame_"
"""Text between the name of a clip and the number of a frame."""
SEQUENCES_APART = 1000.0
"""Distance in meters put between walks whose positions cannot be compared."""
UTM_FIELDS = 14
"""Number of fields up to the time in
``@east@north@zone@letter@latitude@longitude@panorama@tile@heading@pitch@roll@height@time@...``."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PlacedPhotos:
    """Photos with the positions where they were taken.

    Args:
        root: folder that the paths are relative to.
        paths: the paths of the photos, with forward slashes, each once.
        positions: ``(n, 2)`` float64 meters (east, north), finite.
        sequences: ``(n,)`` int64, equal for photos of one sequence.
        areas: ``(n,)`` int64, see the module, or None if all positions can be compared.
        times: ``(n,)`` float64 seconds, or None if unknown.

    Raises:
        ShapeError: the arrays do not fit together, or a position or a time is not finite.
        DatasetError: there is no photo, or a path is listed twice.
    """

    root: Path
    paths: tuple[str, ...]
    positions: Values
    sequences: Ids
    areas: Ids | None = None
    times: Values | None = None

    def __post_init__(self) -> None:
        check_paths(self.paths)
        count = len(self.paths)
        for name, dtype in (
            ("positions", np.float64),
            ("sequences", np.int64),
            ("areas", np.int64),
            ("times", np.float64),
        ):
            value = getattr(self, name)
            if value is None:
                continue
            value = np.asarray(value, dtype)
            object.__setattr__(self, name, value)
            shape = (count, 2) if name == "positions" else (count,)
            if value.shape != shape or not np.isfinite(value).all():
                raise ShapeError(f"{name} must be finite and have shape {shape}, got {value.shape}")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> PlacedPhotos:
        """Return the chosen photos, by a boolean mask or by indices; numbers of sequences and areas do not change."""
        rows = np.arange(len(self))[chosen]
        return PlacedPhotos(
            self.root,
            tuple(self.paths[row] for row in rows),
            self.positions[rows],
            self.sequences[rows],
            None if self.areas is None else self.areas[rows],
            None if self.times is None else self.times[rows],
        )


def read_gps_folder(folder: Path | str, paths: Sequence[str] | None = None) -> PlacedPhotos:
    """Read photos with GPS in their EXIF. Each folder is a sequence; times are set if all photos have one.

    Photos without GPS and photos that cannot be read are skipped; a logged warning counts them.

    Args:
        folder: what the paths are relative to.
        paths: the paths of the photos; None for all below the folder.

    Raises:
        DatasetError: no photo has GPS, or a region is too wide for one plane (see `regional_meters`).
    """
    folder = Path(folder)
    placed, degrees, times, unplaced = [], [], [], []
    for path in photos_below(folder) if paths is None else paths:
        try:
            photo = read_photo(folder / path)
        except PhotoError as error:
            unplaced.append(f"{path}: {error}")
            continue
        if photo.location is None:
            unplaced.append(f"{path}: no GPS")
            continue
        placed.append(path)
        degrees.append(photo.location)
        times.append(None if photo.taken is None else _seconds(photo.taken))
    if not placed:
        raise DatasetError(
            f"none of {len(unplaced)} photos in {str(folder)!r} has GPS in its EXIF: {first_few(unplaced)}"
        )
    if unplaced:
        logger.warning(
            "%d photos in %s have no position and are skipped: %s", len(unplaced), folder, first_few(unplaced)
        )
    known = [time for time in times if time is not None]
    return PlacedPhotos(
        folder,
        tuple(placed),
        regional_meters(np.array(degrees)),
        _numbered([path.rpartition("/")[0] for path in placed]),
        times=np.array(known) if len(known) == len(times) else None,
    )


def read_position_csv(
    csv_path: Path | str,
    root: Path | str | None = None,
    *,
    path_column: str | None = None,
    sequence_column: str = "sequence",
    area_column: str = "area",
    time_column: str = "time",
) -> PlacedPhotos:
    """Read a CSV file with a header and one row per photo.

    Positions are columns of degrees (`DEGREES`) or of meters in one plane, like one UTM zone (`METERS`). Sequences,
    areas and times in seconds are read if their columns exist; without a column of sequences, each folder is one.

    Args:
        csv_path: the file.
        root: folder that its paths are relative to; None for the file's own.
        path_column: None for the first of `PATH_COLUMNS` that is there.
        sequence_column: the column of sequence names.
        area_column: the column of area names.
        time_column: the column of times in seconds.

    Raises:
        DatasetError: a column of paths or positions is missing, a field is not a number, or photos are missing.
    """
    csv_path = Path(csv_path)
    rows = read_csv(csv_path)
    paths = column_of(rows, path_column, csv_path, PATH_COLUMNS)
    columns = next((pair for pair in (*DEGREES, *METERS) if set(pair) <= set(rows[0])), None)
    if columns is None:
        known = ", ".join(" and ".join(pair) for pair in (*DEGREES, *METERS))
        raise DatasetError(f"{str(csv_path)!r} has no columns of positions ({known}); it has {', '.join(rows[0])}")
    root = csv_path.parent if root is None else Path(root)
    check_files(root, paths)
    values = np.column_stack([_numbers(column_of(rows, name, csv_path), name, csv_path) for name in columns])
    has = rows[0].keys()
    folders = [path.rpartition("/")[0] for path in paths]
    return PlacedPhotos(
        root,
        tuple(paths),
        regional_meters(values) if columns in DEGREES else values,
        _numbered(column_of(rows, sequence_column, csv_path) if sequence_column in has else folders),
        _numbered(column_of(rows, area_column, csv_path)) if area_column in has else None,
        _numbers(column_of(rows, time_column, csv_path), time_column, csv_path) if time_column in has else None,
    )


def read_utm_names(folder: Path | str, paths: Sequence[str] | None = None) -> PlacedPhotos:
    """Read photos named ``@east@north...``, meters of UTM; each folder is a sequence.

    Longer names continue with ``@zone@letter@latitude@longitude``. If the zones or hemispheres differ, meters cannot be
    compared, so the meters of each zone become degrees, and all degrees become `regional_meters`. (The degrees in names
    have five decimals, about a meter.) The time field, ``YYYYMMDD_hhmmss``, is read if all names have one.

    Args:
        folder: what the paths are relative to.
        paths: the paths of the photos; None for all below the folder.

    Raises:
        DatasetError: there is no photo, a name has another form, or zones differ and a name has none.
    """
    folder = Path(folder)
    paths = photos_below(folder) if paths is None else list(paths)
    names = [Path(path).name.split("@") for path in paths]
    for path, fields in zip(paths, names, strict=True):
        if len(fields) < 4 or fields[0] or not (_is_number(fields[1]) and _is_number(fields[2])):
            raise DatasetError(f"names of photos must be like '@east@north@...@.jpg', got {path!r}")
    positions = np.array([[float(fields[1]), float(fields[2])] for fields in names])
    zones = np.array([_zone(fields) for fields in names])
    known_zones = np.unique(zones[zones != 0]).tolist()
    if len(known_zones) > 1:
        odd = [paths[row] for row in np.flatnonzero(zones == 0)]
        if odd:
            raise DatasetError(f"photos are in several UTM zones and {len(odd)} names give none: {first_few(odd)}")
        degrees = np.zeros_like(positions)
        for zone in known_zones:
            degrees[zones == zone] = utm_degrees(positions[zones == zone], zone)
        positions = regional_meters(degrees)
    times = [_time(fields) for fields in names]
    known = [time for time in times if time is not None]
    return PlacedPhotos(
        folder,
        tuple(paths),
        positions,
        _numbered([path.rpartition("/")[0] for path in paths]),
        times=np.array(known) if len(known) == len(times) else None,
    )


@checked
def read_clips(
    csv_path: Path | str,
    *,
    split: str | None = None,
    step: Positive = 1.0,
    every: Count = 1,
    without: Sequence[str] = (),
    path_column: str | None = None,
    area_column: str = "label",
    split_column: str = "split",
) -> PlacedPhotos:
    """Read frames of walks, named ``clip_frame_000012.jpg``; frame f of a clip is ``f x step`` meters along it.

    Clips are placed `SEQUENCES_APART` from each other, because their positions cannot be compared. Their area is their
    label. Clips and areas are numbered over the whole file, so numbers mean the same in all of its splits.

    Args:
        csv_path: the file; its paths are relative to its folder.
        split: the split to read; None for all.
        step: the estimated distance between frames, in meters.
        every: read only frames whose number it divides.
        without: names of clips to exclude, such as copies of others.
        path_column: None for the first of `PATH_COLUMNS` that is there.
        area_column: the column of area names.
        split_column: the column of split names, read only if a split is given.

    Raises:
        DatasetError: a column is missing, a name has no clip and frame, there is no such split, photos are missing, or
            a clip is longer than the distance between clips.
        OptionError: `every` is less than 1, or there is no clip to exclude.
    """
    csv_path = Path(csv_path)
    rows = read_csv(csv_path)
    paths = column_of(rows, path_column, csv_path, PATH_COLUMNS)
    frames = np.array([_frame(path) for path in paths], np.float64)
    names = [path.rpartition("/")[2].partition(FRAME)[0] for path in paths]
    clips, along = _numbered(names), frames * step
    _check_lengths(along, clips, step)
    chosen = (frames % every == 0) & ~np.isin(names, list(without))
    if split is not None:
        chosen &= _in_split(column_of(rows, split_column, csv_path), split, csv_path)
    if unknown := sorted(set(without) - set(names)):
        raise OptionError(f"{str(csv_path)!r} has no clip {unknown[0]!r} to exclude")
    if not chosen.any():
        raise DatasetError(f"no frame in {str(csv_path)!r} has a number divisible by {every}, or all are excluded")
    photos = PlacedPhotos(
        csv_path.parent,
        tuple(paths),
        np.column_stack([along, clips * SEQUENCES_APART]),
        clips,
        _numbered(column_of(rows, area_column, csv_path)),
    )[chosen]
    check_files(photos.root, photos.paths)
    return photos


def _check_lengths(along: NDArray[np.float64], clips: Ids, step: float) -> None:
    """Refuse clips whose frames, `along` meters along them, would reach into the next clip."""
    longest = max(np.ptp(along[clips == clip]) for clip in range(int(clips.max()) + 1))
    if longest > SEQUENCES_APART / 2 or not step > 0:
        raise DatasetError(
            f"clips must be longer than 0 and at most {SEQUENCES_APART / 2:.0f} m, the longest has {longest:.0f} m "
            f"with a step of {step:g} m; give another step"
        )


def _in_split(splits: Sequence[str], split: str, csv_path: Path) -> Mask:
    """Return which rows are of a split.

    Raises:
        DatasetError: none is.
    """
    chosen = np.array([each == split for each in splits])
    if not chosen.any():
        raise DatasetError(f"{str(csv_path)!r} has no split {split!r}; it has {', '.join(sorted(set(splits)))}")
    return chosen


def _frame(path: str) -> int:
    clip, _, rest = path.rpartition("/")[2].partition(FRAME)
    number = rest.partition(".")[0]
    if not clip or not number.isdecimal():
        raise DatasetError(f"names of frames must be like 'clip{FRAME}000012.jpg', got {path!r}")
    return int(number)


def _numbered(names: Sequence[str]) -> Ids:
    """Return ``(n,)`` numbers of the names in order; equal names have equal numbers."""
    return np.unique(np.array(names, np.str_), return_inverse=True)[1].reshape(-1).astype(np.int64)


def _numbers(fields: Sequence[str], name: str, path: Path) -> Values:
    odd = [field for field in fields if not _is_number(field)]
    if odd:
        raise DatasetError(f"{str(path)!r} must have finite numbers in the column {name!r}, got {first_few(odd)}")
    return np.array([float(field) for field in fields], np.float64)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _zone(fields: Sequence[str]) -> int:
    """Return the zone of a name, negative south of the equator; 0 if it has none."""
    if len(fields) < 6 or not fields[3].isdecimal():
        return 0
    return int(fields[3]) if fields[4] >= "N" else -int(fields[3])  # band letters from N on are north


def _time(fields: Sequence[str]) -> float | None:
    text = fields[UTM_FIELDS - 1] if len(fields) >= UTM_FIELDS else ""
    try:
        return _seconds(datetime.datetime.strptime(text, "%Y%m%d_%H%M%S"))
    except ValueError:
        return None


def _seconds(taken: datetime.datetime) -> float:
    """Return seconds since 1970 by a camera's clock, whose time zone is unknown."""
    return taken.replace(tzinfo=datetime.UTC).timestamp()
