"""PCA whitening of global descriptors (Jegou and Chum, ECCV 2012).

With the mean m and the eigenvectors P of the covariance, sorted by falling eigenvalues l::

    y = diag((l + s) ** -power) P^T (x - m),   then y / |y|

``power = 0.5`` whitens fully, 0.25 halfway, 0 only turns and shortens. ``s = shrinkage * mean(l)`` keeps
directions that few photos span from being blown up: whitening learnt on a few hundred photos ruins a
ranking, which is why a preset says from how many photos on it is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.numerics import normalize
from placeprint.types import Floats


@dataclass(kw_only=True, eq=False)
class PCAWhitening:
    """Shorten and whiten.

    Args:
        dim: length of the result.
        power: 0.5 for full whitening, 0 for plain PCA.
        shrinkage: added to the eigenvalues, as a share of their mean.
    """

    dim: int = 1024
    power: float = 0.5
    shrinkage: float = 0.01
    mean_: NDArray[np.float32] | None = field(default=None, init=False)
    projection_: NDArray[np.float32] | None = field(default=None, init=False)

    def fit(self, descriptors: Floats) -> PCAWhitening:
        """Learn from ``(n, d)`` descriptors, n > dim; return self.

        Works in the smaller of the two spaces: with fewer photos than dimensions, the ``(n, n)`` Gram matrix
        has the same eigenvalues as the ``(d, d)`` covariance.

        Raises:
            ShapeError: there are not more rows than ``dim``, or the rows are shorter than ``dim``.
            OptionError: ``power`` or ``shrinkage`` is negative.
        """
        rows = np.asarray(descriptors, np.float32)
        if rows.ndim != 2 or len(rows) <= self.dim or rows.shape[1] < self.dim:
            raise ShapeError(
                f"whitening to {self.dim} needs descriptors of shape (n > {self.dim}, d >= {self.dim}), "
                f"got {rows.shape}"
            )
        if self.power < 0 or self.shrinkage < 0:
            raise OptionError(f"power and shrinkage must not be negative, got {self.power}, {self.shrinkage}")
        mean = rows.mean(axis=0)
        centered = rows - mean
        count, length = centered.shape
        if count < length:
            values, left = np.linalg.eigh((centered @ centered.T).astype(np.float64) / count)
            values, left = values[::-1][: self.dim], left[:, ::-1][:, : self.dim]
            vectors = normalize((centered.T @ left.astype(np.float32)), axis=0)
        else:
            values, both = np.linalg.eigh((centered.T @ centered).astype(np.float64) / count)
            values, vectors = values[::-1][: self.dim], both[:, ::-1][:, : self.dim].astype(np.float32)
        values = np.maximum(values, 0)
        floor = self.shrinkage * values.mean() + 1e-12
        self.mean_ = mean
        self.projection_ = (vectors * (values + floor) ** -self.power).astype(np.float32)
        return self

    def transform(self, descriptors: Floats) -> Floats:
        """Return ``(n, dim)`` unit rows for ``(n, d)``; zero rows stay zero.

        Raises:
            NotFittedError: `fit` has not been called.
            ShapeError: the rows have another length than those it was fitted on.
        """
        if self.mean_ is None or self.projection_ is None:
            raise NotFittedError("PCAWhitening has not learnt a projection; call fit first")
        rows = np.asarray(descriptors, np.float32)
        if rows.ndim != 2 or rows.shape[1] != len(self.mean_):
            raise ShapeError(f"descriptors must have shape (n, {len(self.mean_)}), got {rows.shape}")
        result = normalize((rows - self.mean_) @ self.projection_.astype(np.float32))
        result[~rows.any(axis=1)] = 0
        return result
