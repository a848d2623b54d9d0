"""Convert degrees to meters and back by UTM's transverse Mercator projection, on the ellipsoid WGS 84.

Krueger's series in the third flattening ``n = f / (2 - f)`` (L. Krueger, 1912), here to the sixth order as Karney gives
it (Journal of Geodesy 85, 2011, equations 7 to 9 and 35): with the conformal latitude chi, and
``xi + i eta`` the Gauss-Schreiber coordinates of a point,

    tau = tan phi,   s = sinh(e artanh(e tau / sqrt(1 + tau^2)))
    tau' = tan chi = tau sqrt(1 + s^2) - s sqrt(1 + tau^2)
    xi = atan2(tau', cos(lambda)),   eta = arsinh(sin(lambda) / sqrt(tau'^2 + cos(lambda)^2))
    zeta = (xi + i eta) + sum over j of alpha_j sin(2 j (xi + i eta))
    north = k A Re zeta,   east = k A Im zeta + 500 km,   k = 0.9996

Within 10 degrees of the central meridian the series is exact to far less than a millimeter; lengths on the map are up
to 1.2 % longer there, 0.04 % shorter at the meridian itself.

Departures: all zones are 6 degrees wide (no exceptions for Norway and Svalbard), and all points of a region use one
    zone and one hemisphere, that of their median, so that neighbors across a border stay neighbors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import DatasetError, ShapeError

EQUATOR = 6_378_137.0
"""Semi-major axis of WGS 84, in meters."""
FLATTENING = 1 / 298.257223563
SCALE = 0.9996
FALSE_EAST, FALSE_NORTH = 500_000.0, 10_000_000.0
"""False easting, and false northing south of the equator, in meters."""
REACH = 10.0
"""Largest distance from the central meridian, in degrees of longitude."""
GAP = 0.1
"""Gap in degrees of longitude that separates two regions: a kilometer even at a latitude of 85 degrees."""
REGIONS_APART = 1e7
"""Meters from one region to the next, so that no two regions are near each other."""
STEPS = 20
"""Iterations of `utm_degrees`; each leaves less than a fifth of the error."""


def regional_meters(degrees: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ``(n, 2)`` float64 meters (east, north) of points anywhere; points near on Earth are near in meters.

    Points with no `GAP` between them form a region. Each region uses the plane of its own zone, and regions are far
    apart.

    Args:
        degrees: ``(n, 2)`` latitude and longitude in WGS 84.

    Raises:
        ShapeError: the array has another shape, or there is no point.
        DatasetError: a point is not on Earth, or a region is wider than one plane allows.

    Example:
        >>> paris, sydney = [48.86, 2.35], [-33.86, 151.21]
        >>> regional_meters(np.array([paris, sydney])).round().tolist()
        [[452324.0, 5412097.0], [10334416.0, 6251925.0]]
    """
    points = _checked(degrees)
    longitude = points[:, 1] % 360
    order = np.argsort(longitude, kind="stable")
    parted = np.diff(longitude[order], append=longitude[order[0]] + 360) > GAP
    regions = np.zeros(len(points), np.int64)
    regions[order[1:]] = np.cumsum(parted[:-1])
    if not parted[-1]:  # both sides of the prime meridian form one region
        regions[regions == regions.max()] = 0
    meters = np.zeros_like(points)
    for region in np.unique(regions):
        chosen = regions == region
        meters[chosen] = utm(points[chosen])[0] + np.array([region * REGIONS_APART, 0])
    return meters


def utm(degrees: NDArray[np.floating], zone: int | None = None) -> tuple[NDArray[np.float64], int]:
    """Return ``(n, 2)`` float64 meters (east, north) of ``(n, 2)`` (latitude, longitude), and the zone.

    Args:
        degrees: latitude and longitude in WGS 84.
        zone: 1 to 60 north of the equator, -1 to -60 south of it; None for the zone of the median.

    Raises:
        ShapeError: the array has another shape, or there is no point.
        DatasetError: a point is not on Earth, or is more than 10 degrees from the center of the zone.

    Example:
        >>> meters, zone = utm(np.array([[0.0, 3.0]]))
        >>> meters.tolist(), zone
        ([[500000.0, 0.0]], 31)
    """
    latitude, longitude = _checked(degrees).T
    zone = _zone(latitude, longitude) if zone is None else zone
    _check_zone(zone)
    off = (longitude - (6 * abs(zone) - 183) + 180) % 360 - 180
    if np.abs(off).max() > REACH:
        raise DatasetError(
            f"photos are up to {np.abs(off).max():.0f} degrees of longitude from the middle of UTM zone "
            f"{abs(zone)}; only up to {REACH:.0f} can be measured in meters; split the set by region"
        )
    east, north = _transverse_mercator(np.radians(latitude), np.radians(off))
    return np.column_stack([east + FALSE_EAST, north + (FALSE_NORTH if zone < 0 else 0)]), zone


def utm_degrees(meters: NDArray[np.floating], zone: int) -> NDArray[np.float64]:
    """Return ``(n, 2)`` float64 degrees (latitude, longitude) of ``(n, 2)`` meters (east, north), the inverse of `utm`.

    A first guess on the sphere is corrected by the error of its projection, until it is within a micrometer.

    Args:
        meters: east and north, as from `utm`.
        zone: 1 to 60 north of the equator, -1 to -60 south of it.

    Raises:
        DatasetError: the zone does not exist, or the meters are not in it.

    Example:
        >>> utm_degrees(np.array([[500000.0, 0.0]]), 31).tolist()
        [[0.0, 3.0]]
    """
    _check_zone(zone)
    east, north = (np.asarray(meters, np.float64) - [FALSE_EAST, FALSE_NORTH if zone < 0 else 0]).T
    reached = np.abs(east) < EQUATOR * np.radians(REACH) * 1.02
    if not (reached & (np.abs(north) < EQUATOR * np.pi / 2)).all():
        raise DatasetError(f"meters must be of places in UTM zone {abs(zone)} or up to {REACH:.0f} degrees beside")
    latitude, longitude = np.zeros_like(north), np.zeros_like(east)
    for _ in range(STEPS):
        found_east, found_north = _transverse_mercator(latitude, longitude)
        latitude = latitude + (north - found_north) / EQUATOR
        longitude = longitude + (east - found_east) / (EQUATOR * np.cos(latitude))
    return np.column_stack([np.degrees(latitude), (np.degrees(longitude) + 6 * abs(zone) - 3) % 360 - 180])


def _checked(degrees: NDArray[np.floating]) -> NDArray[np.float64]:
    points: NDArray[np.float64] = np.asarray(degrees, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(f"degrees must have shape (n >= 1, 2), got {points.shape}")
    if not (np.abs(points[:, 0]) < 90).all() or not (np.abs(points[:, 1]) <= 180).all():
        raise DatasetError("latitudes must be between -90 and 90, longitudes from -180 to 180 degrees")
    return points


def _check_zone(zone: int) -> None:
    if not 1 <= abs(zone) <= 60:
        raise DatasetError(f"a zone is 1 to 60, or -1 to -60 south of the equator, got {zone}")


def _zone(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> int:
    # relative to the first point, or a set on both sides of the date line would have a median on the far side
    around = (longitude - longitude[0] + 180) % 360 - 180
    middle = (float(np.median(around)) + float(longitude[0]) + 180) % 360
    number = int(middle // 6) + 1
    return -number if np.median(latitude) < 0 else number


def _transverse_mercator(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Convert radians to meters east and north of where the central meridian crosses the equator."""
    eccentricity = np.sqrt(FLATTENING * (2 - FLATTENING))
    tau = np.tan(latitude)
    secant = np.hypot(1, tau)
    s = np.sinh(eccentricity * np.arctanh(eccentricity * tau / secant))
    conformal = tau * np.hypot(1, s) - s * secant
    xi = np.arctan2(conformal, np.cos(longitude))
    eta = np.arcsinh(np.sin(longitude) / np.hypot(conformal, np.cos(longitude)))
    n = FLATTENING / (2 - FLATTENING)
    spherical = xi + 1j * eta
    zeta = spherical + sum(alpha * np.sin(2 * j * spherical) for j, alpha in enumerate(_alphas(n), start=1))
    radius = EQUATOR / (1 + n) * (1 + n**2 / 4 + n**4 / 64 + n**6 / 256)
    return SCALE * radius * zeta.imag, SCALE * radius * zeta.real


def _alphas(n: float) -> tuple[float, ...]:
    """Return the six coefficients of the series, which are polynomials in n."""
    rows = (
        (1 / 2, -2 / 3, 5 / 16, 41 / 180, -127 / 288, 7891 / 37800),
        (13 / 48, -3 / 5, 557 / 1440, 281 / 630, -1983433 / 1935360),
        (61 / 240, -103 / 140, 15061 / 26880, 167603 / 181440),
        (49561 / 161280, -179 / 168, 6601661 / 7257600),
        (34729 / 80640, -3418889 / 1995840),
        (212378941 / 319334400,),
    )
    return tuple(sum(term * n ** (j + i) for i, term in enumerate(row)) for j, row in enumerate(rows, start=1))
