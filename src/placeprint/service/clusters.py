"""Photos near each other on a map, as one point: cells of a grid on the projection of web maps."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from placeprint.service.problems import Refused

CELL = 64
"""Pixels of a cell's side."""
TILE = 256
"""Pixels of the whole world at zoom 0."""
FARTHEST = 85.05
"""Degrees of latitude where web maps end."""
ALONE = 18
"""Zoom from which on photos are joined only if their positions are equal."""


@dataclass(frozen=True)
class Box:
    """A part of the map, in degrees.

    Args:
        west: its western border; above the eastern one if the box crosses 180 degrees.
        south: its southern border.
        east: its eastern border.
        north: its northern border.
    """

    west: float = -180.0
    south: float = -90.0
    east: float = 180.0
    north: float = 90.0

    @classmethod
    def parse(cls, text: str) -> Box:
        """Read ``WEST,SOUTH,EAST,NORTH``.

        Raises:
            Refused: the text is something else, or no part of Earth.
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) == 4 and all(re.fullmatch(r"[+-]?\d{1,3}(\.\d{1,15})?", part) for part in parts):
            west, south, east, north = map(float, parts)
            if max(abs(west), abs(east)) <= 180 and -90 <= south <= north <= 90:
                return cls(west, south, east, north)
        raise Refused(422, f"box must be WEST,SOUTH,EAST,NORTH in degrees, such as 13.1,55.6,13.3,55.8; got {text!r}")

    def has(self, latitude: float, longitude: float) -> bool:
        """Return whether a point is inside."""
        across = self.west <= longitude <= self.east
        if self.west > self.east:
            across = longitude >= self.west or longitude <= self.east
        return across and self.south <= latitude <= self.north


@dataclass(frozen=True)
class Cluster:
    """Photos that are one point.

    Args:
        latitude: the mean of theirs, in degrees.
        longitude: the mean of theirs, in degrees.
        photos: their ids, in ascending order.
    """

    latitude: float
    longitude: float
    photos: Sequence[int]


def clustered(photos: Iterable[tuple[int, float, float]], zoom: int, box: Box) -> list[Cluster]:
    """Return the photos inside a box, those of one cell of the grid together.

    Args:
        photos: the id, the latitude and the longitude of each.
        zoom: that of web maps.
        box: the part of the map.

    Example:
        >>> near = [(1, 55.704, 13.191), (2, 55.7041, 13.1911), (3, 40.0, -74.0)]
        >>> [cluster.photos for cluster in clustered(near, 3, Box())]
        [(1, 2), (3,)]
    """
    cells: dict[tuple[float, float], list[tuple[int, float, float]]] = defaultdict(list)
    for photo in photos:
        _, latitude, longitude = photo
        if box.has(latitude, longitude):
            cells[_cell(latitude, longitude, zoom)].append(photo)
    return [_cluster(found) for found in cells.values()]


def _cell(latitude: float, longitude: float, zoom: int) -> tuple[float, float]:
    if zoom >= ALONE:
        return latitude, longitude
    size = CELL / TILE / 2**zoom
    north = math.radians(max(-FARTHEST, min(FARTHEST, latitude)))
    x, y = longitude / 360 + 0.5, 0.5 - math.asinh(math.tan(north)) / (2 * math.pi)
    return x // size, y // size


def _cluster(photos: Sequence[tuple[int, float, float]]) -> Cluster:
    count = len(photos)
    return Cluster(
        sum(latitude for _, latitude, _ in photos) / count,
        sum(longitude for _, _, longitude in photos) / count,
        tuple(sorted(number for number, _, _ in photos)),
    )
