"""Degrees to meters around a point, and back: the plane that touches the Earth there.

A point becomes Cartesian coordinates on the ellipsoid WGS 84, and these are projected onto the east and north axes at
the origin (the local tangent plane of geodesy). So the date line and the poles are places like any other. At 10 km from
the origin the error is about a centimeter, at 100 km about 10 m.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import ShapeError

EQUATOR = 6_378_137.0
"""Meters: the larger half axis of WGS 84."""
ECCENTRICITY2 = (2 - 1 / 298.257223563) / 298.257223563
"""Square of the first eccentricity."""
MEAN_RADIUS = 6_371_008.8
"""Meters."""

Degrees = NDArray[np.float64]
"""``(n, 2)`` latitude and longitude, WGS 84."""
Meters = NDArray[np.float64]
"""``(n, 2)`` east and north of an origin."""


def to_plane(degrees: Degrees, origin: Degrees) -> Meters:
    """Return ``(n, 2)`` meters (east, north) of points around an origin.

    Args:
        degrees: ``(n, 2)`` latitude and longitude.
        origin: ``(2,)`` latitude and longitude.

    Raises:
        ShapeError: the points or the origin are not finite places on Earth.

    Example:
        >>> to_plane(np.array([[0.0, -179.9999]]), np.array([0.0, 179.9999])).round(1).tolist()
        [[22.3, 0.0]]
    """
    points, center = _checked(degrees), _checked(np.asarray(origin)[None])
    return np.asarray((_cartesian(points) - _cartesian(center)) @ _axes(center[0]).T, np.float64)


def from_plane(meters: Meters, origin: Degrees) -> Degrees:
    """Return ``(n, 2)`` degrees of points given in meters around an origin: the inverse of `to_plane`.

    Raises:
        ShapeError: the origin is not a place on Earth, or the points are not ``(n, 2)`` finite numbers.
    """
    center = _checked(np.asarray(origin)[None])
    flat = np.asarray(meters, np.float64)
    if flat.ndim != 2 or flat.shape[1] != 2 or not np.isfinite(flat).all():
        raise ShapeError(f"meters must be finite and have shape (n, 2), got {flat.shape}")
    x, y, z = (_cartesian(center) + flat @ _axes(center[0])).T
    longitude = np.degrees(np.arctan2(y, x))
    across = np.hypot(x, y)
    latitude = np.arctan2(z, across * (1 - ECCENTRICITY2))
    for _ in range(5):  # each leaves less than a hundredth of the error
        normal = EQUATOR / np.sqrt(1 - ECCENTRICITY2 * np.sin(latitude) ** 2)
        latitude = np.arctan2(z + ECCENTRICITY2 * normal * np.sin(latitude), across)
    return np.stack([np.degrees(latitude), longitude], axis=1)


def distances(degrees: Degrees, point: Degrees) -> NDArray[np.float64]:
    """Return ``(n,)`` meters from points to one point, along the surface; far away within half a percent.

    Raises:
        ShapeError: as `to_plane`.

    Example:
        >>> lund, copenhagen = np.array([[55.704, 13.191]]), np.array([55.676, 12.568])
        >>> float((distances(lund, copenhagen) / 1000).round(1)[0])
        39.3
    """
    chords = np.linalg.norm(_cartesian(_checked(degrees)) - _cartesian(_checked(np.asarray(point)[None])), axis=1)
    return np.asarray(2 * MEAN_RADIUS * np.arcsin(np.minimum(chords / 2 / MEAN_RADIUS, 1)), np.float64)


def _checked(degrees: Degrees) -> Degrees:
    points = np.asarray(degrees, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(f"positions must have shape (n, 2), latitude and longitude in degrees, got {points.shape}")
    if not (np.isfinite(points).all() and (abs(points[:, 0]) <= 90).all() and (abs(points[:, 1]) <= 360).all()):
        raise ShapeError("positions must be finite, latitudes within 90 degrees and longitudes within 360")
    return points


def _cartesian(points: Degrees) -> NDArray[np.float64]:
    """Return ``(n, 3)`` meters from the center of the Earth."""
    latitude, longitude = np.radians(points).T
    radius = EQUATOR / np.sqrt(1 - ECCENTRICITY2 * np.sin(latitude) ** 2)
    across = radius * np.cos(latitude)
    return np.stack(
        [across * np.cos(longitude), across * np.sin(longitude), radius * (1 - ECCENTRICITY2) * np.sin(latitude)],
        axis=1,
    )


def _axes(origin: Degrees) -> NDArray[np.float64]:
    """Return ``(2, 3)``: the directions east and north at a point."""
    latitude, longitude = np.radians(origin)
    sine, cosine = np.sin(longitude), np.cos(longitude)
    east = [-sine, cosine, 0.0]
    north = [-np.sin(latitude) * cosine, -np.sin(latitude) * sine, np.cos(latitude)]
    return np.array([east, north])
