"""R-MAC (Tolias et al., ICLR 2016): the sum of the unit maxima of many squares of a map.

Level l = 1, 2, ... has squares with side ``floor(2 min(W, H) / (l + 1))``: l along the shorter side of the map and ``l
+ m - 1`` along the longer, evenly spaced, rounded down to whole cells. m is 1 on a square map. Otherwise m is the
number from 2 to 7 for which neighboring squares of level 1 overlap by closest to 40 % (the smaller of two equally
close).

`squares_along` and `square_start` take integers, or integer tensors if a graph does not know its sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from placeprint.errors import OptionError
from placeprint.kernels.vectors import Array, namespace, unit

if TYPE_CHECKING:
    import torch

OVERLAP = 0.4
"""Wanted overlap of neighboring squares of the first level, as a share of their side."""
MOST_MORE = 6
"""Most additional squares along the longer side of a map, m - 1."""

Whole = TypeVar("Whole", int, "torch.Tensor")


def squares_along(own: Whole, other: Whole, level: int) -> Whole:
    """Return the number of squares of a level along a side of `own` cells, if the other side has `other` > 0.

    With s = m - 1 the overlap is ``1 - (own - other) / s / other``. Its distance from 40 % first decreases with s and
    then increases, so the best s is one more than how often the next is better. Tensors should be float64.
    """
    apart = [abs(1 - (own - other) / s / other - OVERLAP) for s in range(1, MOST_MORE + 1)]
    more = 1 + sum(_whole(after < before) for before, after in pairwise(apart))
    count: Whole = level + _whole(own > other) * more
    return count


def square_start(index: Whole, room: Whole, count: Whole) -> Whole:
    """Return where the square of an index starts: one of `count` whole numbers, evenly spaced from 0 to `room`."""
    start: Whole = index * room // (count - 1 + _whole(count == 1))
    return start


def _whole(flag: Any) -> Any:
    """Return a bool as an integer, because ONNX cannot add bools."""
    return flag.long() if hasattr(flag, "long") else int(flag)


def rmac_regions(width: int, height: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """Return the squares of R-MAC on a map, as (first column, first row, side) in cells; see the module.

    A level whose side is 0 has no squares.

    Raises:
        OptionError: there is less than one level.

    Example:
        >>> rmac_regions(3, 2, 2)
        [(0, 0, 2), (1, 0, 2), (0, 0, 1), (1, 0, 1), (2, 0, 1), (0, 1, 1), (1, 1, 1), (2, 1, 1)]
    """
    if levels < 1:
        raise OptionError(f"levels must be at least 1, got {levels}")
    regions = []
    for level in range(1, levels + 1):
        if side := 2 * min(width, height) // (level + 1):
            across, down = squares_along(width, height, level), squares_along(height, width, level)
            columns = [square_start(index, width - side, across) for index in range(across)]
            rows = [square_start(index, height - side, down) for index in range(down)]
            regions += [(x, y, side) for y in rows for x in columns]
    return regions


def rmac(maxima: Array, whitening: Sequence[Array] = ()) -> Array:
    """Return the sum of the maxima of regions, each of unit length, ``(..., d)`` or of the whitened length.

    Args:
        maxima: ``(..., r, d)``; zeros for an empty region.
        whitening: empty, or ``(d,)`` mean and ``(d, dim)`` projection: a unit vector r of a region becomes
            ``(r - mean) @ projection``, again with unit length.
    """
    xp = namespace(maxima)
    regions: Array = unit(maxima)
    if whitening:
        mean, projection = whitening
        projected: Any = (regions - mean) @ projection
        whitened: Array = unit(projected)
        regions = whitened * xp.any(regions != 0, axis=-1, keepdims=True)
    result: Array = xp.sum(regions, axis=-2)
    return result
