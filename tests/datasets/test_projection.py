"""Degrees to meters, beside numbers from outside and integrals along the ellipsoid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.core.map_projection import (
    EQUATOR,
    FLATTENING,
    REGIONS_APART,
    SCALE,
    regional_meters,
    utm,
    utm_degrees,
)
from placeprint.errors import DatasetError, ShapeError

SQUARE = FLATTENING * (2 - FLATTENING)  # of the eccentricity


def _meridian_radius(latitude: float) -> float:
    return float(EQUATOR * (1 - SQUARE) / (1 - SQUARE * np.sin(np.radians(latitude)) ** 2) ** 1.5)


def _parallel_radius(latitude: float) -> float:
    return float(EQUATOR * np.cos(np.radians(latitude)) / np.sqrt(1 - SQUARE * np.sin(np.radians(latitude)) ** 2))


def test_a_tower_is_where_its_published_position_is() -> None:
    # the CN Tower in Toronto: 43 38 33.24 N, 79 23 13.7 W is 17T 630084 4833438
    degrees = np.array([[43 + 38 / 60 + 33.24 / 3600, -(79 + 23 / 60 + 13.7 / 3600)]])
    meters, zone = utm(degrees)
    assert zone == 17
    assert np.abs(meters[0] - [630084, 4833438]).max() < 1


@pytest.mark.parametrize("latitude", [1.0, 37.0, 60.0, 84.0])
def test_along_the_central_meridian_north_is_its_length(latitude: float) -> None:
    steps = 20_000
    middles = (np.arange(steps) + 0.5) / steps * latitude
    arc = sum(_meridian_radius(each) for each in middles) * np.radians(latitude) / steps
    meters, _ = utm(np.array([[latitude, 9.0]]), zone=32)
    assert meters[0] == pytest.approx([500_000, SCALE * arc], abs=0.01)


@settings(deadline=None)
@given(st.floats(-80, 80), st.floats(-3, 3))
def test_the_map_is_conformal_and_nearly_true_to_scale(latitude: float, off: float) -> None:
    step = 1e-5
    points = np.array([[latitude, 9 + off], [latitude + step, 9 + off], [latitude, 9 + off + step]])
    meters, _ = utm(points, zone=32)
    north = (meters[1] - meters[0]) / (np.radians(step) * _meridian_radius(latitude))
    east = (meters[2] - meters[0]) / (np.radians(step) * _parallel_radius(latitude))
    assert north == pytest.approx([-east[1], east[0]], abs=2e-6)  # a turn and one scale
    # to the third order the scale grows with the square of the distance from the meridian
    away = (meters[0, 0] - 500_000) / (EQUATOR * (1 - SQUARE / 2))
    assert np.linalg.norm(north) == pytest.approx(SCALE + away**2 / 2, abs=3e-5)


def test_zones_and_hemispheres() -> None:
    assert utm(np.array([[10.0, -180.0]]))[1] == 1
    assert utm(np.array([[10.0, 179.9]]))[1] == 60
    meters, zone = utm(np.array([[-33.86, 151.21], [-33.86, 151.22]]))
    assert zone == -56
    assert 6.2e6 < meters[0, 1] < 6.3e6
    around, zone = utm(np.array([[0.5, 179.99], [0.5, -179.99]]), zone=60)
    assert np.ptp(around[:, 0]) == pytest.approx(0.02 * np.pi / 180 * EQUATOR, rel=2e-3)
    assert abs(utm(np.array([[0.5, 179.99], [0.5, -179.99], [0.5, 179.9]]))[1]) == 60


def test_neighbors_across_a_border_of_zones_stay_neighbors() -> None:
    meters, _ = utm(np.array([[48.0, 11.9999], [48.0, 12.0001], [48.0, 11.9]]))
    assert np.linalg.norm(meters[1] - meters[0]) == pytest.approx(0.0002 * np.pi / 180 * _parallel_radius(48), rel=2e-3)


@settings(deadline=None)
@given(st.floats(-80, 84), st.floats(-10, 10), st.booleans())
def test_meters_become_degrees_again(latitude: float, off: float, south: bool) -> None:
    degrees, zone = np.array([[latitude, 3 + off]]), -31 if south else 31
    assert utm_degrees(utm(degrees, zone)[0], zone) == pytest.approx(degrees, abs=1e-10)


def test_regions_are_parted_where_no_point_is() -> None:
    points = np.array([[0.0, -179.99], [0.0, 50.0], [0.0, 179.99], [0.0, 50.09], [0.0, 50.5]])
    meters = regional_meters(points)
    assert np.hypot(*(meters[0] - meters[2])) == pytest.approx(0.02 * np.pi / 180 * EQUATOR, rel=2e-3)
    assert np.hypot(*(meters[1] - meters[3])) == pytest.approx(0.09 * np.pi / 180 * EQUATOR, rel=2e-2)
    assert np.hypot(*(meters[3] - meters[4])) > REGIONS_APART / 2
    assert regional_meters(points[1::2]) == pytest.approx(utm(points[1::2])[0])
    with pytest.raises(DatasetError, match="degrees of longitude from the middle of UTM zone"):
        regional_meters(np.column_stack([np.zeros(400), np.arange(400) * 0.09]))


def test_points_that_cannot_be_measured_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"degrees must have shape \(n >= 1, 2\), got \(0, 2\)"):
        utm(np.zeros((0, 2)))
    with pytest.raises(DatasetError, match="latitudes must be between"):
        utm(np.array([[91.0, 0.0]]))
    with pytest.raises(DatasetError, match="latitudes must be between"):
        utm(np.array([[np.nan, 0.0]]))
    with pytest.raises(DatasetError, match="degrees of longitude from the middle of UTM zone"):
        utm(np.array([[0.0, 0.0], [0.0, 30.0]]))
    with pytest.raises(DatasetError, match="a zone is 1 to 60"):
        utm(np.array([[0.0, 0.0]]), zone=0)
    with pytest.raises(DatasetError, match="of places in UTM zone 32"):
        utm_degrees(np.array([[5e6, 0.0]]), 32)
