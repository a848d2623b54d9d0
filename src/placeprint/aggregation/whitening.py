"""PCA whitening of global descriptors (Jegou and Chum, ECCV 2012).

With the mean m and the eigenvectors P of the covariance, sorted by decreasing eigenvalues l::

    y = diag((l + s) ** -power) P^T (x - m),   then y / |y|

``power = 0.5`` whitens fully, 0.25 halfway, 0 only rotates and shortens. ``s = shrinkage * mean(l)`` keeps directions
that few photos span from being blown up: whitening learned on a few hundred photos ruins a ranking, so a preset sets
the number of photos at which it is fitted.

There are three ways to the eigenvectors, all in memory for a few copies of the rows: from the ``(d, d)`` covariance;
with fewer rows than dimensions, from the ``(n, n)`` Gram matrix, which has the same eigenvalues; and if both sides are
above `EXACT`, the leading ones by a randomized range finder with power iterations (Halko, Martinsson and Tropp, SIAM
Review 2011, algorithms 4.4 and 5.1), which makes 4,096 values from 32,768.

Supervised whitening learns from pairs of photos of the same place (Mikolajczyk and Matas, ICCV 2007; Radenovic et al.,
PAMI 2019, section 3.3): with W the covariance of the differences within pairs, descriptors become ``W^-1/2 (x - m)``,
where changes between two photos of a place are equal in all directions. There they are rotated to the principal
directions of all photos, and the first `dim` are kept. ``signal`` weights each direction by the share of its variance
that is not within pairs, with that exponent: ``(v / (v + w)) ** signal`` with w the variance within pairs and ``v =
max(0, variance - w)``, the variances of the two-covariance model (Ioffe, ECCV 2006). Then directions of pure noise
count nothing, however many are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import pairs_of, rows_of
from placeprint.core.numerics import normalize
from placeprint.core.options import Range, Seed, Share, checked
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.types import Floats

EXACT = 6000
"""Most rows and dimensions for all eigenvectors; above, only the leading ones are computed."""
POWER_ITERATIONS = 4


@checked
@dataclass(kw_only=True, eq=False)
class PCAWhitening:
    """Shorten and whiten global descriptors.

    Args:
        dim: the length of the result.
        power: 0.5 for full whitening, 0 for plain PCA.
        shrinkage: the share of the mean eigenvalue that is added to each.
        seed: the seed of the randomized method.
    """

    dim: Annotated[int, Range(1, 65_536)] = 1024
    power: Share = 0.5
    shrinkage: Annotated[float, Range(0, 1000)] = 0.01
    seed: Seed = 0
    mean_: NDArray[np.float32] | None = field(default=None, init=False)
    projection_: NDArray[np.float32] | None = field(default=None, init=False)

    def fit(self, descriptors: Floats) -> PCAWhitening:
        """Learn from ``(n, d)`` descriptors, n > dim; return self.

        Raises:
            ShapeError: there are no more rows than ``dim``, or the rows are shorter than ``dim``.
            OptionError: ``power`` or ``shrinkage`` is negative.
        """
        rows = rows_of(descriptors)
        if len(rows) <= self.dim or rows.shape[1] < self.dim:
            raise ShapeError(
                f"whitening to {self.dim} needs descriptors of shape (n > {self.dim}, d >= {self.dim}), "
                f"got {rows.shape}"
            )
        mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        values, vectors = principal_directions(rows - mean, self.dim, self.seed)
        floor = self.shrinkage * values.mean() + 1e-12
        self.mean_ = mean
        self.projection_ = (vectors * (values + floor) ** -self.power).astype(np.float32)
        return self

    def transform(self, descriptors: Floats) -> Floats:
        """Return ``(n, dim)`` unit rows for ``(n, d)``; zero rows stay zero.

        Raises:
            NotFittedError: `fit` has not been called.
            ShapeError: the rows differ in length from those it was fitted on.
        """
        return _transformed(self.mean_, self.projection_, descriptors)


@checked
@dataclass(kw_only=True, eq=False)
class SupervisedWhitening:
    """Shorten and whiten by the differences between photos of one place.

    Args:
        dim: the length of the result.
        shrinkage: the share of the mean variance within pairs that is added to each.
        signal: the exponent of the share of signal that weights a direction; 0 as in the paper.
    """

    dim: Annotated[int, Range(1, 65_536)] = 1024
    shrinkage: Annotated[float, Range(0, 1000)] = 0.01
    signal: Annotated[float, Range(0, 100)] = 0.0
    mean_: NDArray[np.float32] | None = field(default=None, init=False)
    projection_: NDArray[np.float32] | None = field(default=None, init=False)

    def fit_pairs(self, first: Floats, second: Floats) -> SupervisedWhitening:
        """Learn from ``(n, d)`` descriptors and ``(n, d)`` of other photos of the same places; return self.

        Raises:
            ShapeError: the two differ in shape, or have fewer rows or values than ``dim``.
            OptionError: ``shrinkage`` or ``signal`` is negative.
        """
        one, other = (np.asarray(each, np.float64) for each in pairs_of(first, second))
        if min(one.shape) < self.dim:
            raise ShapeError(
                f"supervised whitening to {self.dim} needs pairs of shape (n >= {self.dim}, d >= {self.dim}) both, got "
                f"{one.shape} and {other.shape}"
            )
        mean = (one.mean(axis=0) + other.mean(axis=0)) / 2
        differences = one - other
        noise = differences.T @ differences / len(one)
        values, vectors = np.linalg.eigh(noise)
        scale = (np.maximum(values, 0) + self.shrinkage * values.mean() + 1e-12) ** -0.5
        within = (vectors * scale) @ vectors.T
        everything = np.concatenate([one, other]) - mean
        variances, turned = principal_directions((everything @ within).astype(np.float32), self.dim, 0)
        projection = within @ turned
        if self.signal:
            # a difference of two photos has twice the variance of one
            noise_variances = np.maximum(np.einsum("ik,ij,jk->k", projection, noise, projection) / 2, 0)
            kept = np.maximum(variances - noise_variances, 0)
            projection *= (kept / (kept + noise_variances + 1e-12)) ** self.signal
        self.mean_ = mean.astype(np.float32)
        self.projection_ = projection.astype(np.float32)
        return self

    def transform(self, descriptors: Floats) -> Floats:
        """Return ``(n, dim)`` unit rows for ``(n, d)``; zero rows stay zero. Raises like `PCAWhitening.transform`."""
        return _transformed(self.mean_, self.projection_, descriptors)


def from_linear(weight: Floats, bias: Floats) -> PCAWhitening:
    """Return a whitener that computes ``W x + b`` and scales to unit length, like a trained layer.

    The mean m is the shortest solution of ``W m = -b``, ``-W^T (W W^T)^-1 b``.

    Args:
        weight: W, ``(dim, d)`` with ``dim <= d`` independent rows.
        bias: b, ``(dim,)``.

    Raises:
        OptionError: no mean fits, because the rows of W are linearly dependent.
    """
    rows, offset = np.asarray(weight, np.float64), np.asarray(bias, np.float64)
    mean = -rows.T @ np.linalg.lstsq(rows @ rows.T, offset, rcond=None)[0]
    if np.abs(rows @ mean + offset).max(initial=0.0) > 1e-4 * max(1e-12, float(np.abs(offset).max(initial=0.0))):
        raise OptionError(f"the layer of {len(rows)} values has linearly dependent rows, so no mean fits its bias")
    made = PCAWhitening(dim=len(rows))
    made.mean_, made.projection_ = mean.astype(np.float32), np.array(rows.T, np.float32)
    return made


def principal_directions(centered: Floats, count: int, seed: int) -> tuple[Floats, Floats]:
    """Return the ``(count,)`` largest eigenvalues of the covariance, decreasing, and ``(d, count)`` eigenvectors.

    Args:
        centered: ``(n, d)`` rows with mean 0.
        count: the number of eigenvalues.
        seed: the seed of the randomized method.
    """
    rows, length = centered.shape
    if min(rows, length) > EXACT and 4 * count < 3 * min(rows, length):
        values, vectors = _randomized(centered, count, seed)
    elif rows < length:
        values, left = np.linalg.eigh((centered @ centered.T).astype(np.float64) / rows)
        values, left = values[::-1][:count], left[:, ::-1][:, :count]
        vectors = normalize(centered.T @ left.astype(np.float32), axis=0)
    else:
        values, both = np.linalg.eigh((centered.T @ centered).astype(np.float64) / rows)
        values, vectors = values[::-1][:count], both[:, ::-1][:, :count].astype(np.float32)
    return np.maximum(values, 0).astype(np.float32), vectors


def _randomized(centered: Floats, count: int, seed: int) -> tuple[NDArray[np.float64], Floats]:
    extra = max(32, count // 8)
    start = np.random.default_rng(seed).normal(size=(centered.shape[1], count + extra)).astype(np.float32)
    basis = np.linalg.qr(centered @ start)[0]
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(centered @ np.linalg.qr(centered.T @ basis)[0])[0]
    small = basis.T @ centered
    values, left = np.linalg.eigh((small @ small.T).astype(np.float64) / len(centered))
    values, left = values[::-1][:count], left[:, ::-1][:, :count]
    return values, normalize(small.T @ left.astype(np.float32), axis=0)


def _transformed(mean: Floats | None, projection: Floats | None, descriptors: Floats) -> Floats:
    if mean is None or projection is None:
        raise NotFittedError("whitening has not learned a projection; call fit first")
    rows = rows_of(descriptors, dim=len(mean))
    result = normalize((rows - mean) @ projection.astype(np.float32))
    result[~rows.any(axis=1)] = 0
    return result
