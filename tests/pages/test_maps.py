"""Maps: scale and places by hand, both sides of the date line, the poles, and land where land is."""

from __future__ import annotations

import math
import re

import pytest

from placeprint.errors import ShapeError
from placeprint.pages.maps import DEGREE, SIZE, Pin, land_path, map_of


def test_a_street_map_has_the_scale_of_its_bar() -> None:
    north = Pin(55.7 + 50 / DEGREE, 13.2, "50 m north", "second")
    view = map_of([Pin(55.7, 13.2, "here", "answer"), north], "a street")
    answer, second = view.marks[-1], view.marks[-2]
    assert view.bar_label == "20 m"
    assert (answer.y - second.y) / view.bar == pytest.approx(50 / 20, rel=0.01)
    assert answer.x == second.x == SIZE[0] / 2


def test_meters_east_are_as_long_as_meters_north() -> None:
    here = Pin(60.0, 10.0, "here", "answer")
    east = Pin(60.0, 10.0 + 40 / DEGREE / math.cos(math.radians(60)), "40 m east", "second")
    view = map_of([here, east], "a street")
    assert abs(view.marks[0].x - view.marks[1].x) / view.bar == pytest.approx(40 / 20, rel=0.01)


def test_a_circle_fits_on_its_map() -> None:
    (mark,) = map_of([Pin(0, 0, "here", "answer", 5_000.0)], "a town").marks
    assert SIZE[1] / 4 < mark.radius < SIZE[1] / 2


def test_a_map_shows_the_nearest_photo_but_none_far_away() -> None:
    near, far = Pin(0.0005, 0, "near"), Pin(5, 5, "far")
    labels = [mark.pin.label for mark in map_of([Pin(0, 0, "here", "answer", 10.0), near, far], "a map").marks]
    assert labels == ["near", "here"]


def test_neighbors_across_the_date_line_are_neighbors() -> None:
    view = map_of([Pin(-17, 179.9999, "west", "answer"), Pin(-17, -179.9999, "east", "second")], "Fiji")
    assert view.world is not None
    east, west = view.marks
    assert 0 < east.x - west.x < 200


def test_far_places_are_on_a_map_of_the_world() -> None:
    view = map_of([Pin(55.7, 13.2, "Lund", "answer"), Pin(-33.9, 151.2, "Sydney", "second")], "two towns")
    assert len(view.land) == 3
    assert view.world is None
    assert view.bar_label.endswith("km")
    assert all(0 <= mark.x <= SIZE[0] and 0 <= mark.y <= SIZE[1] for mark in view.marks)


@pytest.mark.parametrize("latitude", [90.0, -90.0, 89.9999])
def test_poles_have_maps(latitude: float) -> None:
    (mark,) = map_of([Pin(latitude, 0, "pole", "answer", 30.0)], "a pole").marks
    assert math.isfinite(mark.x)
    assert math.isfinite(mark.radius)


def test_what_is_not_on_earth_is_refused() -> None:
    with pytest.raises(ShapeError, match="latitude from -90 to 90"):
        map_of([Pin(91, 0, "nowhere")], "nothing")
    with pytest.raises(ShapeError, match="at least one pin"):
        map_of([], "nothing")


def rings() -> list[list[tuple[float, float]]]:
    """Return the rings of the land, (longitude, latitude), from the path data."""
    found = []
    for part in land_path().split("M")[1:]:
        x, y, *steps = map(float, re.findall(r"-?[\d.]+", part))
        ring = [(x, -y)]
        for right, down in zip(steps[::2], steps[1::2], strict=True):
            x, y = x + right, y + down
            ring.append((x, -y))
        found.append(ring)
    return found


def is_land(longitude: float, latitude: float) -> bool:
    """Return whether an odd number of edges is west of a point."""
    crossed = 0
    for ring in rings():
        for shift in (-360, 0, 360):
            moved = [(x + shift, y) for x, y in ring]
            for (x1, y1), (x2, y2) in zip(moved, [*moved[1:], moved[0]], strict=True):
                if (y1 > latitude) != (y2 > latitude):
                    crossed += longitude > x1 + (latitude - y1) * (x2 - x1) / (y2 - y1)
    return crossed % 2 == 1


@pytest.mark.parametrize(
    ("longitude", "latitude", "expected"),
    [(13.2, 55.7, True), (-100, 40, True), (134, -25, True), (-179, 67.5, True), (0, -85, True), (-30, 30, False)],
)
def test_land_is_where_land_is(longitude: float, latitude: float, expected: bool) -> None:
    assert is_land(longitude, latitude) is expected
