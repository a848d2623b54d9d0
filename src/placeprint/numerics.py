"""Small NumPy kernels that several stages share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats, LocalFeatures


def normalize(rows: NDArray[np.floating], axis: int = -1) -> Floats:
    """Return the array as float32 with unit L2 length along an axis; zero vectors stay zero.

    Example:
        >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    values = np.asarray(rows, np.float32)
    length = np.linalg.norm(values, axis=axis, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """Return the rising indices of at most so many of ``count`` things, spread evenly from the first to the last.

    Example:
        >>> evenly(10, 4).tolist(), evenly(2, 4).tolist()
        ([0, 3, 6, 9], [0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).astype(np.intp)


def spread_features(features: LocalFeatures, count: int) -> LocalFeatures:
    """Return at most ``count`` features, spread evenly over strong and weak ones."""
    return features if len(features) <= count else features[evenly(len(features), count)]


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
