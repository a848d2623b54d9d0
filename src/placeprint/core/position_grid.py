"""Find neighbors on the map: points are sorted into square cells, so a search checks nine cells instead of all points.

Memory is a few numbers per point, however many and however far apart they are, because only cells with points exist.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Positive, checked
from placeprint.errors import OptionError, ShapeError
from placeprint.types import Ids

Positions = NDArray[np.float64]


@checked
class PositionGrid:
    """Points in the plane, indexed to find those near another point.

    Args:
        positions: ``(n, 2)`` float64 meters.
        radius: the largest search radius, in meters.

    Raises:
        ShapeError: the positions are not ``(n, 2)`` finite numbers.
        OptionError: the radius is not positive, or the points are too far apart for it.
    """

    def __init__(self, positions: Positions, radius: Positive) -> None:
        positions = np.asarray(positions, np.float64)
        if positions.ndim != 2 or positions.shape[1] != 2 or not np.isfinite(positions).all():
            raise ShapeError(f"positions must be finite and have shape (n, 2), got {positions.shape}")
        self.positions, self.radius = positions, radius
        self._least = positions.min(axis=0) if len(positions) else np.zeros(2)
        spread = np.ptp(positions, axis=0) / radius if len(positions) else np.zeros(2)
        if (spread + 9).prod() > 2.0**60:
            raise OptionError(f"positions spread over {spread.max() * radius:.3g} m, too much for cells of {radius} m")
        self._last = np.floor(spread)
        self._rows = int(self._last[1]) + 3  # width in cells, with an empty one on both sides
        keys = self._keys(self._cells(positions))
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def near(self, point: Positions, radius: float | None = None) -> Ids:
        """Return the increasing indices of the points within a radius of ``(2,)`` meters; None for the grid's radius.

        Raises:
            OptionError: the radius is larger than the grid's.
        """
        radius = self.radius if radius is None else radius
        if radius > self.radius:
            raise OptionError(f"radius must be at most the grid's {self.radius}, got {radius}")
        cell = np.clip(self._cells(np.asarray(point, np.float64)[None])[0], -3, self._last + 3)
        first = self._keys(cell + np.array([[-1, -1], [0, -1], [1, -1]]))  # a column of three cells is one run of keys
        starts = np.searchsorted(self._sorted, first)
        ends = np.searchsorted(self._sorted, first + 2, side="right")
        found = np.concatenate([self._order[start:end] for start, end in zip(starts, ends, strict=True)])
        away = np.hypot(*(self.positions[found] - point).T)
        return np.sort(found[away <= radius]).astype(np.int64)

    def _cells(self, positions: Positions) -> Positions:
        return np.floor((positions - self._least) / self.radius)

    def _keys(self, cells: Positions) -> Ids:
        return (cells[:, 0].astype(np.int64) + 1) * self._rows + cells[:, 1].astype(np.int64) + 1
