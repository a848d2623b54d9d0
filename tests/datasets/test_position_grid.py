"""Neighbors on the map, beside looking at all points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.core.position_grid import PositionGrid
from placeprint.errors import OptionError, ShapeError


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 100.0, 1e6]), st.integers(1, 60))
def test_the_grid_finds_what_looking_at_all_points_finds(seed: int, spread: float, count: int) -> None:
    generator = np.random.default_rng(seed)
    positions = np.round(generator.uniform(-spread, spread, (count, 2)))  # on whole meters, so that ties come up
    grid = PositionGrid(positions, 10.0)
    for point in [*positions[:5], *generator.uniform(-2 * spread - 20, 2 * spread + 20, (5, 2))]:
        for radius in (3.0, 10.0):
            expected = [i for i, each in enumerate(positions) if np.hypot(*(each - point)) <= radius]
            assert grid.near(point, radius).tolist() == expected
        assert grid.near(point).tolist() == grid.near(point, 10.0).tolist()


def test_a_point_far_away_has_no_neighbors() -> None:
    grid = PositionGrid(np.zeros((3, 2)), 1.0)
    assert grid.near(np.array([1e300, -1e300])).tolist() == []
    assert PositionGrid(np.zeros((0, 2)), 1.0).near(np.zeros(2)).tolist() == []


def test_what_a_grid_cannot_hold_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"positions must be finite and have shape \(n, 2\)"):
        PositionGrid(np.array([[0.0, np.nan]]), 1.0)
    with pytest.raises(OptionError, match="radius must be a number above 0 and at most 1000000000, got 0"):
        PositionGrid(np.zeros((2, 2)), 0)
    with pytest.raises(OptionError, match="too much for cells of"):
        PositionGrid(np.array([[0.0, 0.0], [1e12, 1e12]]), 1.0)
    with pytest.raises(OptionError, match="radius must be at most the grid's"):
        PositionGrid(np.zeros((2, 2)), 1.0).near(np.zeros(2), 2.0)
