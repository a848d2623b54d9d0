"""Refuse positions that are not on Earth, with one line that says what is probably wrong."""

from __future__ import annotations

import math

from placeprint.errors import OptionError, PlaceprintError


def check_position(
    latitude: float, longitude: float, what: str, *, error: type[PlaceprintError] = OptionError
) -> tuple[float, float]:
    """Return the position.

    Args:
        latitude: degrees north, WGS 84.
        longitude: degrees east.
        what: whose position it is, which starts the message.
        error: the class of the error to raise.

    Raises:
        PlaceprintError: it is not a place on Earth; of the class ``error``.

    Example:
        >>> check_position(-33.9, 151.2, "Sydney")
        (-33.9, 151.2)
    """
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        raise error(f"{what} must be two numbers in degrees, got {latitude:g}, {longitude:g}")
    if abs(latitude) > 90:
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        hint = "; latitude and longitude are probably swapped" if swapped else ""
        raise error(f"{what} has the latitude {latitude:g}, which must be between -90 and 90{hint}")
    if abs(longitude) > 180:
        raise error(f"{what} has the longitude {longitude:g}, which must be between -180 and 180")
    return latitude, longitude
