"""Check arrays before a stage works on them.

Every stage uses these checks, so the same mistake gives the same error everywhere: an array that is not numeric, rows
of the wrong length, NaN, an infinity, or a value so large that its square leaves the range of float32. Nothing is
silently cut, replaced or dropped, and no stage returns NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from placeprint.errors import ShapeError

LARGEST = 1e12
"""Largest magnitude of a value. Sums of squares of such values, and squares of them over a variance, fit in float32."""
LARGEST_HALF = 65504.0
"""Largest magnitude of a float16."""


def floats_of(values: ArrayLike, name: str, *, most: float = LARGEST) -> NDArray[np.float32]:
    """Return an array of any shape as float32; one that is float32 is not copied.

    Args:
        values: integers, booleans or floating-point numbers.
        name: the name of the array in messages.
        most: the largest allowed magnitude of a value.

    Raises:
        ShapeError: the values are not numbers or not of one shape, or one is NaN, infinite or above ``most``.

    Example:
        >>> floats_of([[1, 2]], "rows").dtype
        dtype('float32')
    """
    given = _array_of(values, name)
    if given.dtype.kind not in "biuf":
        raise ShapeError(f"{name} must be numbers, got an array of {given.dtype}")
    if given.size:
        low, high = float(given.min()), float(given.max())
        if not (-most <= low and high <= most):  # NaN fails too
            raise ShapeError(f"{name} must be finite numbers of at most {most:g}, {_first_bad(given, most)}")
    return np.asarray(given, np.float32)


def rows_of(
    values: ArrayLike, name: str = "descriptors", *, dim: int | None = None, most: float = LARGEST
) -> NDArray[np.float32]:
    """Return rows ``(n, d)`` as contiguous float32; n may be 0.

    Args:
        values: the rows.
        name: the name of the array in messages.
        dim: d, where it is known.
        most: the largest allowed magnitude of a value.

    Raises:
        ShapeError: `floats_of` refuses the values, or there are not two axes, or rows do not have length ``dim``, or
            are empty.

    Example:
        >>> rows_of([[1, 2], [3, 4]], dim=3)
        Traceback (most recent call last):
        placeprint.errors.ShapeError: descriptors must have shape (any, 3), got (2, 2)
    """
    given = _array_of(values, name)
    wanted = "d" if dim is None else dim
    if given.ndim != 2 or dim not in {None, given.shape[1]} or (len(given) and not given.shape[1]):
        raise ShapeError(f"{name} must have shape (any, {wanted}), got {given.shape}")
    return np.ascontiguousarray(floats_of(given, name, most=most))


def pairs_of(first: ArrayLike, second: ArrayLike, least: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two arrays ``(m, d)`` of paired rows as float32; m must be at least ``least`` and at least d.

    Raises:
        ShapeError: `rows_of` refuses the rows, or the two differ in shape, or there are too few rows.
    """
    one, other = rows_of(first, "first"), rows_of(second, "second")
    if one.shape != other.shape or len(one) < max(least, 1):
        raise ShapeError(f"pairs must have shape (m >= {max(least, 1)}, d) both, got {one.shape} and {other.shape}")
    return one, other


def ids_of(values: ArrayLike, count: int, *, most: int | None = None) -> NDArray[np.int64]:
    """Return ``(count,)`` ids as int64.

    Args:
        values: integers.
        count: the number of rows or photos they belong to.
        most: the largest allowed id, from 0; None for any int64.

    Raises:
        ShapeError: the ids are not integers, have another count, or are out of range.
    """
    given = _array_of(values, "ids")
    if given.shape != (count,):
        raise ShapeError(f"ids must have shape ({count},), one id per row or photo, got {given.shape}")
    if count and given.dtype.kind not in "iu":
        raise ShapeError(f"ids must be integers, got an array of {given.dtype}")
    highest = np.iinfo(np.int64).max if most is None else most
    if count and (int(given.max()) > highest or (most is not None and int(given.min()) < 0)):
        raise ShapeError(f"ids must be from 0 to {highest}, got {int(given.min())} to {int(given.max())}")
    return given.astype(np.int64)


def _array_of(values: ArrayLike, name: str) -> NDArray[np.generic]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # rows of several lengths; a tensor that needs a gradient
        raise ShapeError(f"{name} must be one array of numbers, all rows of one length") from error


def _first_bad(values: NDArray[np.generic], most: float) -> str:
    wide = np.asarray(values, np.float64)
    bad = np.argwhere(~(np.abs(wide) <= most))
    place = tuple(bad[0].tolist())
    return f"got {wide[place]:g} at {list(place)} ({len(bad)} such value{'s' * (len(bad) > 1)})"
