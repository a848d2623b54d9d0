"""Small NumPy kernels that several stages share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import rows_of
from placeprint.errors import ShapeError
from placeprint.types import Floats, Ids, LocalFeatures

MAX_DISTANCES = 1_000_000
"""Most distances to compute at a time."""

SAFE = (1e-15, 1e18)
"""Lengths that float32 can square and sum without losing digits or overflowing."""


def normalize(rows: NDArray[np.floating], axis: int = -1) -> Floats:
    """Return the array as float32 with unit L2 length along an axis, however short or long; zero vectors stay zero.

    Example:
        >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    values = np.asarray(rows, np.float32)
    with np.errstate(over="ignore"):
        length = np.linalg.norm(values, axis=axis, keepdims=True)
    short = length < SAFE[0]
    if short.any():
        short &= values.any(axis=axis, keepdims=True)
    if short.any() or (length > SAFE[1]).any():
        values = values.astype(np.float64)
        length = np.linalg.norm(values, axis=axis, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """Return up to ``most`` increasing indices of ``count`` things, spread evenly from the first to the last.

    Example:
        >>> evenly(10, 4).tolist(), evenly(2, 4).tolist()
        ([0, 3, 6, 9], [0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).astype(np.intp)


def not_in(values: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the values that are not among others, in their order; each has every value once.

    ``np.setdiff1d`` takes twenty times as long for a million values.

    Example:
        >>> not_in(np.array([5, 1, 9]), np.array([9, 2])).tolist()
        [5, 1]
    """
    if len(values) == len(others) and np.array_equal(values, others):
        return values[:0]
    return values[~np.isin(values, others, assume_unique=True)]


def spread_features(features: LocalFeatures, count: int) -> LocalFeatures:
    """Return at most ``count`` features, spread evenly over strong and weak ones."""
    return features if len(features) <= count else features[evenly(len(features), count)]


def stacked(features: Sequence[LocalFeatures], dim: int | None = None) -> Floats:
    """Return the ``(n, d)`` descriptors of several photos, or ``(0, dim)`` if there are none (0 for an unknown dim).

    Args:
        features: the features of the photos; photos without features do not determine d.
        dim: d, if known.

    Raises:
        ShapeError: descriptors differ in length, do not have length ``dim``, or have values that `arrays.rows_of`
            refuses.
    """
    rows = [
        rows_of(photo.descriptors, f"the descriptors of photo {number}", dim=dim)
        for number, photo in enumerate(features)
        if len(photo)
    ]
    lengths = sorted({each.shape[1] for each in rows})
    if len(lengths) > 1:
        raise ShapeError(f"descriptors must have one length, got {lengths}")
    if rows:
        return np.concatenate(rows)
    known = dim or (features[0].descriptors.shape[1] if features else 0)
    return np.zeros((0, known), np.float32)


def power_law(values: NDArray[np.floating], exponent: float) -> Floats:
    """Return ``sign(v) |v| ** exponent`` as float32 (0.5 is the signed square root).

    Example:
        >>> power_law(np.array([4.0, -9.0]), 0.5).tolist()
        [2.0, -3.0]
    """
    given = np.asarray(values, np.float32)
    # a plain 0.5 is a square root to NumPy, one of its own types is not
    result = np.asarray(np.abs(given) ** float(exponent), np.float32)
    return np.copysign(result, given, out=result)


def nearest_points(points: NDArray[np.floating], others: NDArray[np.floating]) -> tuple[NDArray[np.float64], Ids]:
    """Return ``(n,)`` distances and rows of the nearest of ``(m, 2)`` points to each of ``(n, 2)``.

    Computes a bounded number of distances at a time. m must be above 0. With equal distances, the first row wins.

    Example:
        >>> nearest_points(np.array([[0.0, 0.0]]), np.array([[9.0, 0.0], [3.0, 4.0]]))
        (array([5.]), array([1]))
    """
    distances, nearest = np.zeros(len(points)), np.zeros(len(points), np.int64)
    rows = max(1, MAX_DISTANCES // len(others))
    for start in range(0, len(points), rows):
        piece = slice(start, start + rows)
        apart = np.linalg.norm(np.asarray(points[piece], np.float64)[:, None] - others[None], axis=2)
        nearest[piece] = apart.argmin(axis=1)
        distances[piece] = apart[np.arange(len(apart)), nearest[piece]]
    return distances, nearest
