"""Positions of photos from a file beside them: a table (CSV), or the track of a receiver (GPX) by time.

A table may name a photo by its absolute path, by a path relative to the table or to any folder above the photo, or by
its file name alone if no two photos share it. A row whose latitude and longitude are both empty or both 0 has no
position: receivers without a fix write 0 and 0.

A track gives a position to each photo that was taken while it was recorded. The time of a photo is the first of these
that is known: the camera's time minus ``clock_offset``, the camera's time minus the zone that it wrote, satellite time.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from placeprint.core.csv_files import read_numbered_csv
from placeprint.core.geography import check_position
from placeprint.errors import DatasetError, OptionError, PhotoError
from placeprint.photos import normalized, read_camera_data
from placeprint.photos.exif import Metadata
from placeprint.places.tracks import Track, camera_moment, read_track

PATHS = ("path", "file", "filename", "file name", "photo", "image", "name", "sourcefile")
LATITUDES = ("latitude", "lat", "gpslatitude")
LONGITUDES = ("longitude", "lon", "lng", "long", "gpslongitude")
RADII = "radius_m"
MAX_RADIUS = 20_040_000.0
"""Meters: half the way around the Earth."""
_OFFSET = re.compile(r"([+-]?)(?:(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?|(\d+(?:\.\d+)?))", re.ASCII)


@dataclass(frozen=True)
class GivenPositions:
    """What a file says of photos.

    Args:
        positions: ``(latitude, longitude)`` in degrees, by the path of the photo.
        missing: why a photo has none, by its path.
    """

    positions: Mapping[str, tuple[float, float]]
    missing: Mapping[str, str] = field(default_factory=dict)


def read_positions(
    path: Path, photos: Sequence[Path], clock_offset: datetime.timedelta | None = None
) -> GivenPositions:
    """Read the positions of photos from a CSV file, or from a GPX track.

    Args:
        path: of the file; it is a track if its name ends in ``.gpx``.
        photos: absolute paths.
        clock_offset: the camera's clock minus UTC, for a track.

    Raises:
        DatasetError: the file cannot be read, or has a position for none of the photos.
        OptionError: a clock offset is given with a table.
        PackageError: gpxpy is not installed.
    """
    if path.suffix.lower() == ".gpx":
        return positions_by_time(read_track(path), photos, clock_offset)
    if clock_offset is not None:
        raise OptionError(f"a clock offset needs a GPX track; {str(path)!r} is a table of positions")
    return positions_by_name(path, photos)


def positions_by_name(path: Path, photos: Sequence[Path]) -> GivenPositions:
    """Read the positions of photos from a table; photos that it does not name keep what they have.

    Raises:
        DatasetError: a row is wrong, names several photos, or no row names one.
    """
    rows = read_numbered_csv(path)
    header = {re.sub(r"[_:]", " ", name).strip().lower(): name for name in rows[0][1]}
    columns = [_column(header, each, path) for each in (PATHS, LATITUDES, LONGITUDES)]
    names = _Names(photos, path.parent)
    positions: dict[str, tuple[float, float]] = {}
    missing: dict[str, str] = {}
    for line, row in rows:
        name, latitude, longitude = (row[column] for column in columns)
        photo = names.find(name, f"{str(path)!r} line {line}")
        if photo is None:
            continue
        position = _position(latitude, longitude, f"{str(path)!r} line {line}")
        if position is None:
            missing[photo] = "the table has no position for it"
        elif positions.setdefault(photo, position) != position:
            raise DatasetError(f"{str(path)!r} line {line} gives {name!r} a second position")
    if not positions:
        raise DatasetError(
            f"{str(path)!r} has no position for any of the {len(photos)} photos; its first row names "
            f"{rows[0][1][columns[0]]!r}, the first photo is {str(photos[0])!r}"
        )
    return GivenPositions(positions, missing)


def radii_by_name(path: Path, photos: Sequence[Path]) -> dict[str, float]:
    """Return the radii in meters of a table with a column ``radius_m``, by the paths of the photos; else nothing.

    Raises:
        DatasetError: a radius is not a number above 0.
    """
    rows = read_numbered_csv(path)
    if RADII not in rows[0][1]:
        return {}
    names, column = _Names(photos, path.parent), _column({each.lower(): each for each in rows[0][1]}, PATHS, path)
    found: dict[str, float] = {}
    for line, row in rows:
        photo = names.find(row[column], f"{str(path)!r} line {line}")
        if photo is None or not row[RADII]:
            continue
        try:
            found[photo] = float(row[RADII])
        except ValueError:
            found[photo] = -1.0
        if not 0 < found[photo] < MAX_RADIUS:
            raise DatasetError(f"{str(path)!r} line {line} must have a radius above 0 meters, got {row[RADII]!r}")
    return found


def positions_by_time(
    track: Track, photos: Sequence[Path], clock_offset: datetime.timedelta | None = None
) -> GivenPositions:
    """Return where a track was when photos were taken.

    Raises:
        DatasetError: no photo was taken while the track was recorded, or no moment is known.
    """
    moments: dict[str, datetime.datetime] = {}
    missing: dict[str, str] = {}
    for photo in photos:
        try:
            moments[str(photo)] = _moment(read_camera_data(photo), clock_offset)
        except (PhotoError, DatasetError) as error:
            missing[str(photo)] = str(error)
    if not moments:
        raise DatasetError(
            f"none of the {len(photos)} photos has a time to look up in the track; the first: {missing[str(photos[0])]}"
        )
    found = {photo: track.at(moment) for photo, moment in moments.items()}
    positions = {photo: position for photo, position in found.items() if position is not None}
    if not positions:
        recorded = [datetime.datetime.fromtimestamp(float(track.seconds[end]), datetime.UTC) for end in (0, -1)]
        raise DatasetError(
            f"no photo was taken during the track: the photos are from {_span(list(moments.values()))}, the track is "
            f"from {_span(recorded)}; give --clock-offset, the camera's clock minus UTC"
        )
    outside = "the track has no position at its time"
    return GivenPositions(positions, missing | {photo: outside for photo in moments if photo not in positions})


def clock_offset_of(text: str) -> datetime.timedelta:
    """Return a clock offset from seconds or ``[+-]HH:MM[:SS]``.

    Raises:
        OptionError: it is neither.

    Example:
        >>> clock_offset_of("-01:30"), clock_offset_of("90")
        (datetime.timedelta(days=-1, seconds=81000), datetime.timedelta(seconds=90))
    """
    found = _OFFSET.fullmatch(text.strip())
    if found is None or int(found[3] or 0) > 59 or float(found[4] or 0) >= 60:
        raise OptionError(
            f"a clock offset is the camera's clock minus UTC, in seconds or as +02:00 or -00:01:30; got {text!r}"
        )
    sign, hours, minutes, seconds, plain = found.groups()
    offset = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=float(seconds or plain or 0))
    return -offset if sign == "-" else offset


class _Names:
    """Finds photos by the ends of their paths."""

    def __init__(self, photos: Sequence[Path], folder: Path) -> None:
        self._folder = folder
        self._photos = {str(photo) for photo in photos}
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for photo in photos:
            self._by_name[photo.name].append(photo)

    def find(self, name: str, where: str) -> str | None:
        """Return the path of the photo that a table names, or None if it names no photo.

        Raises:
            DatasetError: the name is empty, or several photos have it.
        """
        parts = PurePath(name.replace("\\", "/")).parts
        if not parts:
            raise DatasetError(f"{where} names no photo")
        beside = str(normalized(self._folder / Path(*parts)))
        if beside in self._photos:
            return beside
        tail = tuple(part for part in parts if part != ".")
        fitting = [photo for photo in self._by_name.get(parts[-1], ()) if photo.parts[-len(tail) :] == tail]
        if len(fitting) > 1:
            raise DatasetError(
                f"{where} names {name!r}, which is {str(fitting[0])!r} or {str(fitting[1])!r}; write more of its path"
            )
        return str(fitting[0]) if fitting else None


def _column(header: Mapping[str, str], candidates: Sequence[str], path: Path) -> str:
    found = next((header[each] for each in candidates if each in header), None)
    if found is None:
        raise DatasetError(
            f"{str(path)!r} must have columns for path, latitude and longitude; it has {', '.join(header.values())}, "
            f"and none of {', '.join(candidates)}"
        )
    return found


def _position(latitude: str, longitude: str, where: str) -> tuple[float, float] | None:
    if not latitude and not longitude:
        return None
    try:
        north, east = float(latitude), float(longitude)
    except ValueError as error:
        raise DatasetError(
            f"{where} must have latitude and longitude in decimal degrees, such as 55.7042 and -13.1910; got "
            f"{latitude!r} and {longitude!r}"
        ) from error
    check_position(north, east, where, error=DatasetError)
    return None if north == east == 0 else (north, east)


def _moment(camera: Metadata, clock_offset: datetime.timedelta | None) -> datetime.datetime:
    if camera.taken is None or (clock_offset is None and camera.utc_offset is None):
        if camera.satellite_time is not None and clock_offset is None:
            return camera.satellite_time
        if camera.taken is None:
            raise DatasetError("the camera did not write when it was taken")
    return camera_moment(camera.taken, camera.utc_offset, clock_offset)


def _span(moments: Sequence[datetime.datetime]) -> str:
    first, last = (each(moments).astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S") for each in (min, max))
    return f"{first} to {last} UTC"
