"""Cluster photos close to each other on a map into one point: cells of a grid in the projection of web maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.regions import Box
from placeprint.types import Ids

Degrees = NDArray[np.float64]
"""Latitudes and longitudes."""
CELL = 64
"""Pixels of a cell's side."""
TILE = 256
"""Pixels of the whole world at zoom 0."""
FARTHEST = 85.05
"""Degrees of latitude where web maps end."""
ALONE = 18
"""Zoom from which on photos are joined only if their positions are equal."""


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


def clustered(photos: Ids, places: Degrees, zoom: int, box: Box) -> list[Cluster]:
    """Return the photos inside a box, those of one cell of the grid together.

    Args:
        photos: ``(n,)`` ids, ascending.
        places: ``(n, 2)`` latitude and longitude of each.
        zoom: that of web maps.
        box: the part of the map.

    Example:
        >>> near = np.array([(55.704, 13.191), (55.7041, 13.1911), (40.0, -74.0)])
        >>> [list(map(int, cluster.photos)) for cluster in clustered(np.array([1, 2, 3]), near, 3, Box())]
        [[3], [1, 2]]
    """
    inside = box.has(places)
    photos, places = photos[inside], places[inside]
    if not len(photos):
        return []
    _, cells, counts = np.unique(_cells(places, zoom), return_inverse=True, return_counts=True)
    parts = np.split(np.argsort(cells, kind="stable"), np.cumsum(counts)[:-1])
    means = [np.bincount(cells, degrees) / counts for degrees in places.T]
    return [
        Cluster(latitude, longitude, photos[part].tolist())
        for latitude, longitude, part in zip(*(each.tolist() for each in means), parts, strict=True)
    ]


def _cells(places: Degrees, zoom: int) -> NDArray[np.complex128]:
    """Return the cell of each point, as one number."""
    latitudes, longitudes = places.T
    if zoom >= ALONE:
        return np.asarray(latitudes + 1j * longitudes)
    size = CELL / TILE / 2**zoom
    x = longitudes / 360 + 0.5
    y = 0.5 - np.arcsinh(np.tan(np.radians(np.clip(latitudes, -FARTHEST, FARTHEST)))) / (2 * np.pi)
    return np.asarray(x // size + 1j * (y // size))
