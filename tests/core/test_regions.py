"""Circles and boxes on the Earth, at the date line and the poles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.core.plane import from_plane
from placeprint.core.regions import Box, Circle
from placeprint.errors import OptionError

UNKNOWN = np.array([[np.nan, np.nan]])


@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(0, 2 * np.pi),
    st.floats(1, 20_000),
    st.sampled_from([0.99, 1.01]),
)
def test_a_circle_ends_at_its_radius_everywhere(
    latitude: float, longitude: float, direction: float, meters: float, share: float
) -> None:
    away = share * meters * np.array([[np.cos(direction), np.sin(direction)]])
    point = from_plane(away, np.array([latitude, longitude]))
    assert Circle(latitude, longitude, meters).has(point)[0] == (share < 1)


def test_a_circle_reaches_over_the_date_line_and_the_poles() -> None:
    there = np.array([[0.0, -179.9995], [0.0, 179.9995], [0.0, 0.0]])
    assert Circle(0, 180, 100).has(there).tolist() == [True, True, False]
    assert Circle(90, 0, 1500).has(np.array([[89.99, 120.0], [89.99, -60.0], [89.9, 0.0]])).tolist() == [
        True,
        True,
        False,
    ]
    assert not Circle(0, 0, 1e9).has(UNKNOWN)[0]


def test_a_box_crosses_the_date_line_where_west_is_above_east() -> None:
    there = np.array([[-17.0, 179.9], [-17.0, -179.9], [-17.0, 0.0], [-30.0, 179.9]])
    assert Box(179, -20, -179, -15).has(there).tolist() == [True, True, False, False]
    assert Box(-179, -20, 179, -15).has(there).tolist() == [False, False, True, False]
    assert Box().has(there).all() and not Box().has(UNKNOWN)[0]


@pytest.mark.parametrize("text", ["1,2", "91,0,5", "0,181,5", "0,0,-1", "nan,0,1", "a,b,c", "", "1,2,3,4", "1e3,0,1"])
def test_what_is_no_circle_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        Circle.parse(text, unit=1, form="LAT,LON,METERS")


@pytest.mark.parametrize("text", ["1,2,3", "0,9,0,8", "-181,0,0,1", "0,-91,0,1", "0,0,0,inf", "x,0,0,1"])
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        Box.parse(text)
