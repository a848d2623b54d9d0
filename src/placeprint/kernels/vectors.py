"""Shared by the kernels: NumPy or Torch arrays, unit vectors, and weighted sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats

if TYPE_CHECKING:
    import torch

Array = TypeVar("Array", Floats, NDArray[np.float64], "torch.Tensor")
"""A NumPy array or a Torch tensor; a kernel returns the type it was given."""


def namespace(values: Array) -> Any:
    """Return the functions for arrays of this kind, with the names of the array API standard.

    NumPy has them. (`array_api_compat.array_namespace` does the same for more libraries, but Torch's compiler
    warns of its caches.)
    """
    if isinstance(values, (np.ndarray, np.generic)):
        return np
    import array_api_compat.torch

    return array_api_compat.torch


def at_least(values: Array, least: float) -> Array:
    """Return the values with those below `least` raised to `least`; NaN stays."""
    result: Array = namespace(values).clip(values, least, None)
    return result


def unit(vectors: Array) -> Array:
    """Return vectors ``(..., d)`` with unit length; zero vectors stay zero, with a finite gradient.

    They are divided by their largest magnitude first, so no square overflows or underflows.
    """
    xp = namespace(vectors)
    largest = constant(xp.max(xp.abs(vectors), axis=-1, keepdims=True))
    scaled = vectors / xp.where(largest > 0, largest, 1)
    length = xp.linalg.vector_norm(scaled, axis=-1, keepdims=True)
    result: Array = scaled / xp.where(length > 0, length, 1)
    return result


def constant(values: Array) -> Array:
    """Return the values without gradients: a factor that is divided out again does not change the result."""
    result: Array = values.detach() if hasattr(values, "detach") else values
    return result


def weighted_sum(rows: Array, weights: Array) -> Array:
    """Return ``(..., d)``: the sum of rows ``(..., n, d)``, each times its weight, ``(..., n)``."""
    result: Array = (weights[..., None, :] @ rows)[..., 0, :]
    return result
