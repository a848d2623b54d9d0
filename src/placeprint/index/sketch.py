"""Sketches of long descriptors: signs of a random projection, which keep cosines and need no learning.

A descriptor is multiplied by random signs, folded to ``w`` values and mixed by a Hadamard transform::

    y = H f,    f_j = sum over i = j mod w of s_i x_i

The sum over cells is a count sketch, the mix a fast Johnson-Lindenstrauss transform (Ailon and Chazelle, SIAM J.
Comput. 2009). The values of y are nearly Gaussian, so the share of equal signs of two descriptors gives their angle
(Charikar, STOC 2002)::

    share of unequal signs = arccos(cosine) / pi

With ``b`` bits the deviation of the cosine is about (pi / 2) / sqrt(b), for small cosines: 0.01 with 24,576 bits, which
are 3 KB. Nothing depends on the photos, so sketches never have to be made again because the atlas grows.

Shorter descriptors are mixed several times with other signs, until there are enough bits.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats

BITS = 24_576
"""Signs kept of a descriptor."""
WIDEST = 32_768
"""Most values that are mixed together."""
SEED = 20_261
Signs = NDArray[np.uint64]


class Sketch:
    """Projects rows of one length.

    Args:
        dim: the length of a row.
        bits: the values of a projection; None for the smallest power of two that keeps all of a row.

    Attributes:
        bits: the values of a projection.
    """

    def __init__(self, dim: int, bits: int | None = BITS) -> None:
        self.dim = dim
        self._width = min(1 << max(6, (dim - 1).bit_length()), WIDEST)
        self.bits = self._width if bits is None else bits
        self._folds = -(-dim // self._width)
        repeats = -(-self.bits // self._width)
        signs = np.random.default_rng(SEED).integers(0, 2, (repeats, dim), np.int8)
        self._signs = (2 * signs - 1).astype(np.float32)

    def project(self, rows: Floats) -> Floats:
        """Return ``(n, bits)`` values y of ``(n, dim)`` rows; zero rows stay zero."""
        padded = np.zeros((len(rows), self._folds * self._width), np.float32)
        parts = []
        for signs in self._signs:
            np.multiply(rows, signs, out=padded[:, : self.dim])
            parts.append(mixed(padded.reshape(len(rows), self._folds, self._width).sum(axis=1)))
        return np.concatenate(parts, axis=1)[:, : self.bits]


def mixed(rows: Floats) -> Floats:
    """Return the orthonormal Hadamard transform of ``(n, 2 ** k)`` rows.

    Example:
        >>> mixed(np.array([[3, 1]], np.float32)).astype(float).round(4).tolist()
        [[2.8284, 1.4142]]
    """
    count, width = rows.shape
    left = width.bit_length() - 1
    values, done = rows, 1
    while left:
        step = min(5, left)
        values = np.matmul(_hadamard(1 << step), values.reshape(count * done, 1 << step, -1))
        done, left = done << step, left - step
    return np.asarray(values.reshape(count, width) / np.float32(width**0.5), np.float32)


def signs_of(projected: Floats) -> Signs:
    """Return the signs of ``(n, b)`` values as ``(n, b / 64)`` words of bits."""
    return np.packbits(projected > 0, axis=1).view(np.uint64)


def cosines(query: Signs, rows: Signs) -> Floats:
    """Return the ``(n,)`` cosines that the signs of ``(w,)`` and of ``(n, w)`` words say."""
    unequal = np.bitwise_count(rows ^ query).sum(axis=1, dtype=np.int32)
    return np.asarray(np.cos(np.pi / (64 * rows.shape[1]) * unequal), np.float32)


@functools.cache
def _hadamard(size: int) -> Floats:
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
