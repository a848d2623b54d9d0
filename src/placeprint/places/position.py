"""Where a photo was taken, from the positions of the photos that show the same place.

1. The mode of a weighted kernel density over the positions (mean shift: Fukunaga and Hostetler, IEEE Trans. Information
   Theory, 1975) shows which positions agree. One wrong tag far away does not affect it.
2. The weighted mean of the best few photos around the mode is the position: the best are taken nearest to the query.

The spread of the photos measures how uncertain the position is; `radius` converts it to meters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.plane import Degrees, from_plane, to_plane
from placeprint.errors import ShapeError

BANDWIDTH = 25.0
"""Meters: the standard deviation of the kernel; positions from phones are off by 5 to 10, and photos of one facade are
taken up to 50 apart."""
AROUND = 2.0
"""Photos up to this many bandwidths from the mode contribute to the position."""
BEST = 5
"""Photos of those, the best, whose mean is the position; from 3 on, more change little."""
STEPS = 100
"""Mean shift ends after this many steps, or when it moves by less than a centimeter."""
SETTLED = 0.01
MODE_STARTS = 50
"""Mean shift starts from this many of the best photos."""


@dataclass(frozen=True)
class Estimate:
    """A position.

    Args:
        latitude: degrees north, WGS 84.
        longitude: degrees east.
        spread: meters: weighted root mean square distance of all photos from it, each at most `AROUND` bandwidths.
        support: count of the photos around the mode.
    """

    latitude: float
    longitude: float
    spread: float
    support: int


def estimate(positions: Degrees, weights: NDArray[np.float64]) -> Estimate:
    """Return where a photo was taken.

    Args:
        positions: ``(n, 2)`` latitude and longitude in degrees of the photos that show the place.
        weights: ``(n,)`` not negative, how much each says; at least one is positive.

    Raises:
        ShapeError: there is no position, the weights do not fit them, or none is positive.

    Example:
        >>> one_wrong = np.array([[55.70420, 13.19100], [55.70422, 13.19100], [57.0, 12.0]])
        >>> found = estimate(one_wrong, np.array([1.0, 1.0, 1.0]))
        >>> round(found.latitude, 5), round(found.longitude, 5), found.support
        (55.70421, 13.191, 2)
    """
    weights = np.asarray(weights, np.float64)
    if weights.shape != (len(positions),) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ShapeError(f"weights must be {len(positions)} finite numbers from 0 up, got {weights.shape}")
    if not weights.any():
        raise ShapeError("a position needs at least one photo with a positive weight")
    order = np.argsort(-weights, kind="stable")
    order = order[weights[order] > 0]
    origin = np.asarray(positions, np.float64)[order[0]]
    points, weights = to_plane(np.asarray(positions, np.float64)[order], origin), weights[order] / weights.max()
    mode = _mode(points, weights)
    around = np.linalg.norm(points - mode, axis=1) <= AROUND * BANDWIDTH
    best = np.flatnonzero(around)[:BEST]
    center = np.average(points[best], axis=0, weights=weights[best])
    away = np.minimum(np.linalg.norm(points - center, axis=1), AROUND * BANDWIDTH)
    latitude, longitude = from_plane(center[None], origin)[0]
    spread = float(np.sqrt(np.average(away**2, weights=weights)))
    return Estimate(float(latitude), float(longitude), spread, int(around.sum()))


def _mode(points: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(2,)`` where the density is highest."""
    modes = points[:MODE_STARTS].copy()
    for _ in range(STEPS):
        near = weights * _kernel(modes, points)
        moved = near @ points / near.sum(axis=1, keepdims=True)
        shift = np.abs(moved - modes).max()
        modes = moved
        if shift < SETTLED:
            break
    density = (weights * _kernel(modes, points)).sum(axis=1)
    return np.asarray(modes[np.argmax(density)], np.float64)


def _kernel(centers: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = ((centers[:, None] - points[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-squares / (2 * BANDWIDTH**2)), np.float64)
