"""Initialize the linear layer of a head as whitening, from pairs of training photos that show the same, or from photos.

- ``"pairs"`` learns it from pairs (`whitening.SupervisedWhitening` with ``signal = 1``): photos of one class, or near
  each other. The layers of poolings have no bias, so the direction of the mean is removed from them instead. Weighted
  by its signal, a direction counts by how well it separates the training classes. With few classes, that leaves about
  as many directions as classes, which help those classes and ruin all others; then set ``head.signal = 0`` and
  ``head.shrinkage = 1``.
- ``"photos"``, or fewer pairs than values: with the second moments ``M = mean of x x^T`` of the pooled unit vectors of
  training photos, and its largest eigenvalues l with vectors P, ``W = (l + s mean(l)) ** -1/2 P^T``. It is not
  centered; the direction of the mean has the largest eigenvalue and so counts least.
- ``"random"``: Torch's default.

The layer after NetVLAD has a bias. It is initialized as PCA with the mean subtracted and, with pairs, as whitening in
the principal directions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from placeprint.aggregation.whitening import PCAWhitening, SupervisedWhitening
from placeprint.core.numerics import normalize
from placeprint.kernels.vectors import unit
from placeprint.types import Floats, Ids

INITIALIZATIONS = ("pairs", "photos", "random")
PAIRS_SHRINKAGE, PAIRS_SIGNAL = 0.1, 1.0
"""Share of the mean variance added in whitening from pairs."""
SHRINKAGE = 1.0
"""s: the share of the mean eigenvalue added to each; with less, few photos ruin a ranking."""
PCA_SHRINKAGE, PCA_POWER = 0.1, 0.0
"""Whitening exponent of the layer after NetVLAD; 0 only rotates and shortens, because whitening needs more photos."""
MOST_DIRECTIONS = 1024
"""Most principal directions of NetVLAD's vectors for whitening from pairs."""


def shortened(rows: Floats, dim: int, pairs: Ids) -> tuple[Floats, Floats]:
    """Return mean ``(d,)`` and projection ``(d, dim)`` of rows ``(n, d)``: PCA, or whitening if pairs suffice."""
    if len(pairs) < dim:
        plain = PCAWhitening(dim=dim, power=PCA_POWER, shrinkage=PCA_SHRINKAGE).fit(rows)
        assert plain.mean_ is not None and plain.projection_ is not None  # fit has learned them
        return plain.mean_, plain.projection_
    most = max(dim, min(len(rows) - 1, rows.shape[1], len(pairs), MOST_DIRECTIONS))
    mean, projection = shortened(rows, most, pairs[:0])
    first, second = ((rows[each] - mean) @ projection for each in pairs.T)
    learned = SupervisedWhitening(dim=dim, shrinkage=PAIRS_SHRINKAGE, signal=PAIRS_SIGNAL).fit_pairs(first, second)
    assert learned.mean_ is not None and learned.projection_ is not None  # fit has learned them
    return mean + projection @ learned.mean_, projection @ learned.projection_


def whiten(
    layer: nn.Module,
    pooled: torch.Tensor,
    pairs: Ids,
    initialization: str,
    *,
    shrinkage: float = PAIRS_SHRINKAGE,
    signal: float = PAIRS_SIGNAL,
) -> None:
    """Initialize a linear layer without bias as whitening of pooled vectors, see the module.

    Args:
        layer: the layer, changed in place.
        pooled: ``(n, C)`` pooled vectors of training photos.
        pairs: ``(p, 2)`` rows that show the same thing.
        initialization: a name in `INITIALIZATIONS`.
        shrinkage: the shrinkage of whitening from pairs, see `SupervisedWhitening`.
        signal: the exponent of the signal, see `SupervisedWhitening`.
    """
    weight: Any = layer.weight
    dim = len(weight)
    if initialization == "random":
        return
    if initialization == "pairs" and len(pairs) >= max(pooled.shape[1], dim):
        found = unit(pooled.detach().float()).cpu().numpy()
        whitening = SupervisedWhitening(dim=dim, shrinkage=shrinkage, signal=signal)
        projection = whitening.fit_pairs(found[pairs[:, 0]], found[pairs[:, 1]]).projection_
        assert projection is not None  # fit has learned it
        mean = normalize(found.mean(axis=0))
        projection = projection - np.outer(mean, mean @ projection)
        weight.copy_(torch.from_numpy(projection.T / np.abs(projection).max()))
        return
    rows = unit(pooled.detach().double())
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    leading, directions = values.clamp(min=0).flip(0)[:dim], vectors.flip(1)[:, :dim]
    scale = (leading + SHRINKAGE * values.mean()).rsqrt()
    weight.copy_(((directions * scale).T / scale.max()).to(weight.dtype))
