"""The local plane against the geodesic package's own numbers, and at the places where such code fails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.core.map_projection import utm
from placeprint.core.plane import distances, from_plane, to_plane
from placeprint.errors import ShapeError

LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)
OFFSETS = st.floats(-5000, 5000)


@given(LATITUDES, LONGITUDES, OFFSETS, OFFSETS)
def test_meters_come_back_everywhere_on_earth(latitude: float, longitude: float, east: float, north: float) -> None:
    origin = np.array([latitude, longitude])
    there = from_plane(np.array([[east, north]]), origin)
    assert to_plane(there, origin)[0] == pytest.approx([east, north], abs=0.02)


def test_meters_agree_with_the_map_projection_at_its_scale() -> None:
    points = np.array([[55.7042, 13.1910], [55.7051, 13.1932]])
    east_north = utm(points)[0]
    expected = np.hypot(*(east_north[1] - east_north[0]))
    found = np.hypot(*to_plane(points[1:], points[0])[0])
    assert found == pytest.approx(expected, rel=5e-4)  # the projection shortens lengths by up to 0.04 %


def test_a_minute_of_latitude_is_a_nautical_mile() -> None:
    assert distances(np.array([[45.0, 7.0]]), np.array([45.0 + 1 / 60, 7.0]))[0] == pytest.approx(1852, abs=3)


@pytest.mark.parametrize(
    ("one", "other"),
    [((0.0, 179.9999), (0.0, -179.9999)), ((89.9999, 0.0), (89.9999, 180.0)), ((-33.0, 151.0001), (-33.0, 150.9999))],
)
def test_neighbors_across_the_date_line_and_the_pole_are_near(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    assert 5 < distances(np.array([one]), np.array(other))[0] < 30
    assert np.hypot(*to_plane(np.array([one]), np.array(other))[0]) < 30


@pytest.mark.parametrize("bad", [[[91.0, 0.0]], [[0.0, np.nan]], [[0.0, 400.0]], [0.0, 0.0], [[1.0, 2.0, 3.0]]])
def test_what_is_no_place_on_earth_is_refused(bad: list[object]) -> None:
    with pytest.raises(ShapeError):
        to_plane(np.array(bad), np.zeros(2))
