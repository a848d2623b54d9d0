"""Positions by time: where the camera was when a photo was taken, from a GPX track.

Positions between two points of a track are interpolated along a straight line. A gap of more than `MAX_GAP` is a pause
of the receiver, and no position is given there. Times of a track are UTC; a photo's time is the camera's, so the offset
of its zone must be known: from EXIF, or from ``clock_offset``, which also corrects a clock that was set wrong.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import read_text
from placeprint.core.packages import required
from placeprint.core.plane import Degrees, from_plane, to_plane
from placeprint.errors import DatasetError

MAX_GAP = 120.0
"""Seconds between two points that are still interpolated."""


@dataclass(frozen=True, eq=False)
class Track:
    """Where something was, at rising times.

    Args:
        seconds: ``(n,)`` float64 since 1970 in UTC.
        positions: ``(n, 2)`` latitude and longitude in degrees.
    """

    seconds: NDArray[np.float64]
    positions: Degrees

    def at(self, moment: datetime.datetime) -> tuple[float, float] | None:
        """Return the position at a moment; None before the track, after it, and in its gaps.

        Args:
            moment: with a time zone.

        Raises:
            DatasetError: it has no time zone.
        """
        if moment.tzinfo is None:
            raise DatasetError(f"the time {moment} needs a time zone; give the offset of the camera's clock")
        second = moment.timestamp()
        after = int(np.searchsorted(self.seconds, second))
        if after < len(self.seconds) and self.seconds[after] == second:
            latitude, longitude = self.positions[after]
            return float(latitude), float(longitude)
        if after in {0, len(self.seconds)} or self.seconds[after] - self.seconds[after - 1] > MAX_GAP:
            return None
        share = (second - self.seconds[after - 1]) / (self.seconds[after] - self.seconds[after - 1])
        origin = self.positions[after - 1]
        there = from_plane(share * to_plane(self.positions[after][None], origin), origin)[0]
        return float(there[0]), float(there[1])


def camera_moment(
    taken: datetime.datetime, utc_offset: datetime.timedelta | None, clock_offset: datetime.timedelta | None
) -> datetime.datetime:
    """Return the moment in UTC at which a photo was taken.

    Args:
        taken: local time of the camera, without a zone.
        utc_offset: that time minus UTC, as the camera wrote it, or None.
        clock_offset: the camera's clock minus UTC, by the user; it goes before what the camera wrote.

    Raises:
        DatasetError: neither offset is known.
    """
    offset = clock_offset if clock_offset is not None else utc_offset
    if offset is None:
        raise DatasetError(
            f"the camera did not write its time zone with {taken}; give --clock-offset, its clock minus UTC, as +02:00"
        )
    return (taken - offset).replace(tzinfo=datetime.UTC)


def read_track(path: Path | str) -> Track:
    """Read the tracks of a GPX file as one, ordered by time.

    Raises:
        DatasetError: the file is missing or no GPX, or no point of it has a time.
        PackageError: gpxpy is not installed.
    """
    text = read_text(Path(path), error=DatasetError)
    points = [point for track in _parsed(text, path).tracks for segment in track.segments for point in segment.points]
    timed = [point for point in points if point.time is not None]
    if not timed:
        what = f"{len(points)} points, none with a time" if points else "no points"
        raise DatasetError(f"{str(path)!r} has {what}; positions by time need a track that was recorded with times")
    seconds = np.array([_utc(point.time).timestamp() for point in timed])
    positions = np.array([(point.latitude, point.longitude) for point in timed], np.float64)
    seconds, first = np.unique(seconds, return_index=True)
    if not np.isfinite(positions).all() or (abs(positions[:, 0]) > 90).any() or (abs(positions[:, 1]) > 180).any():
        raise DatasetError(
            f"{str(path)!r} has points that are not places on Earth; latitude and longitude may be swapped"
        )
    return Track(seconds, positions[first])


def _parsed(text: str, path: Path | str) -> Any:
    with required("a GPX track needs gpxpy", "places"):
        import gpxpy
        import gpxpy.gpx
    try:
        return gpxpy.parse(text)
    except (gpxpy.gpx.GPXException, ValueError) as error:
        raise DatasetError(f"{str(path)!r} is not a GPX file: {' '.join(str(error).split())}") from error


def _utc(time: datetime.datetime) -> datetime.datetime:
    """Return the time with its zone; GPX times without one are UTC (GPX 1.1 schema)."""
    return time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time
