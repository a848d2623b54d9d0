"""Parts of the Earth: the circle around a point, and the box between two meridians and two parallels.

Both can test many points at once. A circle may cross a pole or the date line. A box crosses the date line if its
western border is greater than its eastern one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from placeprint.core.geography import check_position
from placeprint.core.plane import distances
from placeprint.errors import OptionError

NUMBER = re.compile(r"[+-]?\d{1,12}(?:\.\d{0,15})?")
"""A number that people write; no exponents, no infinity."""


@dataclass(frozen=True)
class Circle:
    """The points within a distance of a point.

    Args:
        latitude: degrees north, WGS 84.
        longitude: degrees east.
        meters: the radius, at least 0.

    Raises:
        OptionError: it is not a circle on Earth.
    """

    latitude: float
    longitude: float
    meters: float

    def __post_init__(self) -> None:
        check_position(self.latitude, self.longitude, "the center")
        if not 0 <= self.meters < np.inf:
            raise OptionError(f"a radius must be a number of at least 0, got {self.meters:g}")

    @classmethod
    def parse(cls, text: str, *, unit: float, form: str) -> Self:
        """Read a latitude, a longitude and a radius with commas between them.

        Args:
            text: such as ``55.7042,13.1910,2``.
            unit: the meters of one step of the radius.
            form: how the text must look, for the message.

        Raises:
            OptionError: the text is something else, or not a circle on Earth.

        Example:
            >>> Circle.parse("55.7,13.2,1.5", unit=1000, form="LAT,LON,KM")
            Circle(latitude=55.7, longitude=13.2, meters=1500.0)
        """
        values = _numbers(text, 3, form)
        return cls(values[0], values[1], values[2] * unit)

    def has(self, degrees: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return ``(n,)``: which of ``(n, 2)`` latitudes and longitudes are inside; unknown (NaN) ones are not."""
        inside, known = np.zeros(len(degrees), bool), np.isfinite(degrees).all(axis=1)
        if known.any():
            inside[known] = distances(degrees[known], np.array([self.latitude, self.longitude])) <= self.meters
        return inside


@dataclass(frozen=True)
class Box:
    """The points between two meridians and two parallels; the whole Earth by default.

    Args:
        west: the western border in degrees; above the eastern one if the box crosses the date line.
        south: the southern border in degrees.
        east: the eastern border in degrees.
        north: the northern border in degrees.

    Raises:
        OptionError: it is not a part of the Earth.
    """

    west: float = -180.0
    south: float = -90.0
    east: float = 180.0
    north: float = 90.0

    def __post_init__(self) -> None:
        check_position(self.south, self.west, "the south-western corner")
        check_position(self.north, self.east, "the north-eastern corner")
        if self.south > self.north:
            raise OptionError(f"the south of a box must not be above its north, got {self.south:g} and {self.north:g}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``WEST,SOUTH,EAST,NORTH``.

        Raises:
            OptionError: the text is something else, or no part of the Earth.

        Example:
            >>> Box.parse("179.5,-20,-179.5,-15")
            Box(west=179.5, south=-20.0, east=-179.5, north=-15.0)
        """
        return cls(*_numbers(text, 4, "WEST,SOUTH,EAST,NORTH in degrees, such as 13.1,55.6,13.3,55.8"))

    def has(self, degrees: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return ``(n,)``: which of ``(n, 2)`` latitudes and longitudes are inside; unknown (NaN) ones are not."""
        latitude, longitude = degrees.T
        east_of, west_of = longitude >= self.west, longitude <= self.east
        across = east_of & west_of if self.west <= self.east else east_of | west_of
        return np.asarray(across & (latitude >= self.south) & (latitude <= self.north), np.bool_)


def _numbers(text: str, count: int, form: str) -> list[float]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != count or not all(NUMBER.fullmatch(part) for part in parts):
        raise OptionError(f"expected {form}; got {text!r}")
    return [float(part) for part in parts]
