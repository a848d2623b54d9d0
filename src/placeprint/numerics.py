"""Small NumPy kernels that several stages share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats


def normalize(rows: NDArray[np.floating], axis: int = -1) -> Floats:
    """Return the array as float32 with unit L2 length along an axis; zero vectors stay zero.

    Example:
        >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    values = np.asarray(rows, np.float32)
    length = np.linalg.norm(values, axis=axis, keepdims=True)
    return np.asarray(values / np.where(length > 0, length, 1), np.float32)


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
