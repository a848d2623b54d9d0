"""A map that works offline: positions as SVG, at the scale of a street or of the world.

At the scale of a street there is no picture of the ground: the positions of the atlas's photos are the context, with a
grid, a scale bar and a small map of the world beside it. Over more than `WORLD` kilometers the outline of the land is
the context (Natural Earth, 1:110 million).

Meters are local: east and north of the middle on a sphere. This is accurate to a few tenths of a percent over a street
or a town; larger maps are in degrees. Longitudes are relative to the first pin, so a map may cross the date line.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from placeprint.errors import ShapeError

EARTH = 6_371_000.0
"""Meters: its mean radius."""
DEGREE = math.radians(1) * EARTH
"""Meters of a degree of latitude."""
WORLD = 300.0
"""Kilometers from which on a map shows land and not meters."""
LEAST = 120.0
"""Meters that a map shows at least."""
MARGIN = 1.3
"""Shown extent beside that of the pins."""
NEARBY = 5.0
"""A map grows up to this many times to show the nearest photo of the context."""
SIZE = 720, 440
"""Width and height of a map, in its own units."""
Kind = Literal["answer", "second", "wrong", "right", "photo"]


@dataclass(frozen=True)
class Pin:
    """A position on a map.

    Args:
        latitude: in degrees.
        longitude: in degrees.
        label: what is there.
        kind: ``"answer"`` and ``"second"`` are the subject; ``"wrong"`` and ``"right"`` are judged; ``"photo"`` is
            context: it does not decide what part of the world is shown.
        radius_m: of a circle around it, in meters; None for no circle.
    """

    latitude: float
    longitude: float
    label: str
    kind: Kind = "photo"
    radius_m: float | None = None


@dataclass(frozen=True)
class Mark:
    """A pin in the units of a map."""

    x: float
    y: float
    radius: float
    pin: Pin


@dataclass(frozen=True)
class Land:
    """Where the outline of the land is drawn: longitude and latitude 0, and the units of a degree in x and in y."""

    x: float
    y: float
    across: float
    down: float


@dataclass(frozen=True)
class MapView:
    """A map that the macro ``map`` draws.

    Args:
        width: in units.
        height: in units.
        marks: what is on it, subjects last.
        grid: distance of its lines in units; 0 for none.
        bar: length of the scale bar in units.
        bar_label: what that length is, ``"50 m"``.
        land: the copies of the outline of the land; empty for none.
        world: ``(x, y)`` of the middle on a map of the world of 360 x 180 units; None on a map of the world.
        label: what the map shows, in words.
    """

    width: float
    height: float
    marks: tuple[Mark, ...]
    grid: float
    bar: float
    bar_label: str
    land: tuple[Land, ...]
    world: tuple[float, float] | None
    label: str

    @property
    def outline(self) -> str:
        """The land as SVG path data, in degrees, south down."""
        return land_path()


def map_of(pins: Sequence[Pin], label: str, *, size: tuple[int, int] = SIZE) -> MapView:
    """Return a map of pins.

    Args:
        pins: at least one.
        label: what the map shows, in words.
        size: width and height in units.

    Raises:
        ShapeError: there is no pin, or one is not on Earth.

    Example:
        >>> map_of([Pin(55.7, 13.2, "here", "answer", 20.0)], "where it is").bar_label
        '20 m'
    """
    _check(pins)
    subjects = [pin for pin in pins if pin.kind != "photo"] or list(pins)
    start = subjects[0].longitude
    points = [(_around(pin.longitude, start), pin.latitude) for pin in pins]
    chosen = [(point, pin) for point, pin in zip(points, pins, strict=True) if pin in subjects]
    middle = _middle([point[0] for point, _ in chosen]), _middle([point[1] for point, _ in chosen])
    shrink = max(math.cos(math.radians(middle[1])), 0.01)
    meters = [((x - middle[0]) * DEGREE * shrink, (y - middle[1]) * DEGREE) for x, y in points]
    reach = _reach([(*meters[place], pin) for place, pin in enumerate(pins)], subjects, size)
    if 2 * reach > WORLD * 1000:
        return _world(pins, points, middle, label, size, chosen)
    scale = size[0] / (2 * reach)
    marks = [
        Mark(round(size[0] / 2 + x * scale, 1), round(size[1] / 2 - y * scale, 1), (pin.radius_m or 0) * scale, pin)
        for (x, y), pin in zip(meters, pins, strict=True)
    ]
    bar, words = _bar(size[0] / 4 / scale)
    at = (middle[0] + 180) % 360, 90 - middle[1]
    return MapView(*size, _ordered(marks, size), bar * scale, bar * scale, words, (), at, label)


def _world(
    pins: Sequence[Pin],
    points: Sequence[tuple[float, float]],
    middle: tuple[float, float],
    label: str,
    size: tuple[int, int],
    chosen: Sequence[tuple[tuple[float, float], Pin]],
) -> MapView:
    """Return a map in degrees, in which a degree of longitude is as long as it is in the middle."""
    shrink = max(math.cos(math.radians(min(abs(middle[1]), 60.0))), 0.01)
    half_x = max(abs(point[0] - middle[0]) for point, _ in chosen) * MARGIN * shrink
    half_y = max(abs(point[1] - middle[1]) for point, _ in chosen) * MARGIN
    scale = min(size[0] / 2 / max(half_x, 1.0), size[1] / 2 / max(half_y, 1.0))
    scale = max(scale, size[0] / 360 / shrink)
    marks = [
        Mark(
            round(size[0] / 2 + (x - middle[0]) * shrink * scale, 1),
            round(size[1] / 2 - (y - middle[1]) * scale, 1),
            (pin.radius_m or 0) / DEGREE * scale,
            pin,
        )
        for (x, y), pin in zip(points, pins, strict=True)
    ]
    meters_per_unit = DEGREE / scale
    bar, words = _bar(size[0] / 4 * meters_per_unit)
    land = tuple(
        Land(size[0] / 2 + (shift - middle[0]) * shrink * scale, size[1] / 2 + middle[1] * scale, shrink * scale, scale)
        for shift in (-360.0, 0.0, 360.0)
    )
    return MapView(*size, _ordered(marks, size), 0.0, bar / meters_per_unit, words, land, None, label)


@cache
def land_path() -> str:
    """Return the outline of the land as SVG path data: x is the longitude, y minus the latitude, in degrees."""
    text = (files("placeprint.pages") / "outlines" / "land.json").read_text(encoding="utf-8")
    parts = []
    for polygon in json.loads(text)["coordinates"]:
        for ring in polygon:
            steps = [(round(10 * x), round(-10 * y)) for x, y in ring]
            moves = [
                f"{(x - before_x) / 10:g} {(y - before_y) / 10:g}"
                for (before_x, before_y), (x, y) in itertools.pairwise(steps)
                if (x, y) != (before_x, before_y)
            ]
            parts.append(f"M{steps[0][0] / 10:g} {steps[0][1] / 10:g}l{' '.join(moves)}z")
    return "".join(parts)


def _check(pins: Sequence[Pin]) -> None:
    if not pins:
        raise ShapeError("a map needs at least one pin, got none")
    for pin in pins:
        if not (abs(pin.latitude) <= 90 and abs(pin.longitude) <= 180):
            raise ShapeError(
                f"a pin needs a latitude from -90 to 90 and a longitude from -180 to 180 degrees, got "
                f"{pin.latitude} and {pin.longitude} for {pin.label!r}"
            )


def _around(longitude: float, start: float) -> float:
    return start + (longitude - start + 180) % 360 - 180


def _middle(values: Sequence[float]) -> float:
    return (min(values) + max(values)) / 2


def _reach(placed: Sequence[tuple[float, float, Pin]], subjects: Sequence[Pin], size: tuple[int, int]) -> float:
    """Return half of the shown width in meters: the subjects with their circles, and one photo of the context."""
    aspect = size[0] / size[1]

    def needed(x: float, y: float, pin: Pin) -> float:
        radius = pin.radius_m or 0.0
        return max(abs(x) + radius, (abs(y) + radius) * aspect) * MARGIN

    reach = max(LEAST / 2, *(needed(*each) for each in placed if each[2] in subjects))
    context = sorted(needed(*each) for each in placed if each[2] not in subjects)
    if context and reach < context[0] <= NEARBY * reach:
        reach = context[0]
    return reach


def _bar(most: float) -> tuple[float, str]:
    """Return the longest round length of at most some meters, and what it is called."""
    power = 10.0 ** math.floor(math.log10(most))
    length = max(step * power for step in (1, 2, 5) if step * power <= most)
    return length, f"{length:g} m" if length < 1000 else f"{length / 1000:,.0f} km"


def _ordered(marks: Sequence[Mark], size: tuple[int, int]) -> tuple[Mark, ...]:
    """Return the marks on the map, context first, the answer last."""
    order = ("photo", "right", "wrong", "second", "answer")
    inside = [
        mark
        for mark in marks
        if -mark.radius <= mark.x <= size[0] + mark.radius and -mark.radius <= mark.y <= size[1] + mark.radius
    ]
    return tuple(sorted(inside, key=lambda mark: order.index(mark.pin.kind)))
