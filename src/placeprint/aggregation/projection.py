"""Projections inside an aggregator, ``x <- P^T (x - m) / |...|``, for local descriptors or pooled regions."""

from __future__ import annotations

import numpy as np

from placeprint.core.numerics import normalize
from placeprint.errors import OptionError, ShapeError
from placeprint.types import Floats


def local_pca(rows: Floats, dim: int, whitening: float) -> tuple[Floats, Floats]:
    """Return the mean ``(d,)`` and the projection ``(d, dim)`` of local PCA; both empty if ``dim`` is 0.

    Args:
        rows: ``(n, d)`` descriptors.
        dim: the number of eigenvectors to keep, those with the largest eigenvalues.
        whitening: the exponent of the eigenvalues that divide each direction; 0.5 whitens fully.

    Raises:
        ShapeError: there are no descriptors.
        OptionError: ``dim`` is larger than d.
    """
    if dim == 0:
        return np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
    if not len(rows):
        raise ShapeError("local PCA is learned from descriptors, got none")
    if dim > rows.shape[1]:
        raise OptionError(f"local_dim is {dim}, but the descriptors have {rows.shape[1]} values")
    mean = rows.mean(axis=0, dtype=np.float64)
    centered = rows - mean
    values, vectors = np.linalg.eigh(centered.T @ centered / len(rows))
    values, vectors = values[::-1][:dim], vectors[:, ::-1][:, :dim]
    scale = (np.maximum(values, 0) + 1e-6) ** -whitening
    return mean.astype(np.float32), (vectors * scale).astype(np.float32)


def pca_whitening(rows: Floats, dim: int, shrinkage: float, power: float = 0.5) -> tuple[Floats, Floats]:
    """Return the mean ``(d,)`` and the projection ``(d, dim)`` that whitens ``(n, d)`` rows, n above 0.

    Args:
        rows: the vectors.
        dim: the number of eigenvectors to keep, those with the largest eigenvalues; at most d.
        shrinkage: the share of the mean kept eigenvalue that is added to each.
        power: the exponent of the eigenvalues that divide each direction; 0.5 whitens fully, 0 only rotates and
            shortens.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    centered = rows - mean
    values, vectors = np.linalg.eigh(centered.T @ centered / len(rows))
    values, vectors = np.maximum(values[::-1][:dim], 0), vectors[:, ::-1][:, :dim]
    scale = (values + shrinkage * values.mean() + 1e-12) ** -power
    return mean.astype(np.float32), (vectors * scale).astype(np.float32)


def project(rows: Floats, mean: Floats, projection: Floats) -> Floats:
    """Return ``(n, dim)`` unit rows for ``(n, d)``; or the rows themselves if the projection is empty."""
    return normalize((rows - mean) @ projection) if projection.size else rows
