"""NetVLAD (Arandjelovic et al., CVPR 2016) over NumPy or Torch arrays, and the initialization of its assignment.

Each of n descriptors x_i of D values is assigned to all K clusters with soft weights::

    V_k = sum over i of a_k(x_i) (x_i - c_k),   a_k(x) = softmax over k of (w_k . x + b_k)

Then each V_k is scaled to unit length, and so is the whole vector of K x D values. w and b are initialized from the
k-means centers c_k by one of

- ``"v2"``, the paper's equations: ``a_k = softmax of -alpha |x - c_k|^2``, so ``w_k = 2 alpha c_k`` and
  ``b_k = -alpha |c_k|^2``;
- ``"v1"``, used for the published results: ``w_k = alpha c_k / |c_k|`` and no b.

alpha makes the largest soft weight of a descriptor 100 times the second (`sharpness`). `networks.netvlad` computes the
same for whole maps, faster.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import rows_of
from placeprint.errors import OptionError, ShapeError
from placeprint.kernels.vectors import Array, at_least, namespace, unit

VERSIONS = ("v1", "v2")
RATIO = 100.0
"""Ratio of the two largest soft weights of a descriptor, once alpha is set."""
SHORTEST = 1e-12
"""Smallest divisor in normalization."""
SAME = 1e-9
"""Largest rounding difference of two descriptors, or of two affinities, as a share of the largest."""
ROWS = 20_000
"""Most descriptors compared with the centers at once."""


def assignment(centers: Array, alpha: Array | float, version: str) -> tuple[Array, Array]:
    """Return w ``(K, D)`` and b ``(K,)`` for centers ``(K, D)``, see the module; b is 0 in ``"v1"``."""
    xp = namespace(centers)
    if version == "v1":
        return alpha * unit(centers), xp.zeros_like(centers[:, 0])
    return 2 * alpha * centers, -alpha * xp.sum(centers * centers, axis=1)


def soft_weights(rows: Array, weights: Array, biases: Array) -> Array:
    """Return ``(n, K)``: the soft weights of ``(n, D)`` descriptors for each cluster; rows sum to 1."""
    xp = namespace(rows)
    logits = rows @ weights.T + biases
    powers = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    result: Array = powers / xp.sum(powers, axis=-1, keepdims=True)
    return result


def netvlad(rows: Array, weights: Array, biases: Array, centers: Array, kept: Array | None = None) -> Array:
    """Return the ``(K x D,)`` unit vector of descriptors; zeros if no row counts.

    Args:
        rows: ``(n, D)`` of unit length.
        weights: w, ``(K + G, D)``; those of G ghost clusters, which have no center, last.
        biases: b, ``(K + G,)``.
        centers: c, ``(K, D)``.
        kept: ``(n,)``, 1 for rows that count and 0 for others; None if all count.
    """
    xp = namespace(rows)
    soft = soft_weights(rows, weights, biases)[:, : centers.shape[0]]
    if kept is not None:
        soft = soft * kept[:, None]
    sums = soft.T @ rows - xp.sum(soft, axis=0)[:, None] * centers
    lengths = xp.linalg.vector_norm(sums, axis=1, keepdims=True)
    clusters: Array = xp.reshape(sums / at_least(lengths, SHORTEST), (-1,))
    return unit(clusters)


def sharpness(centers: NDArray[np.floating], descriptors: NDArray[np.floating], version: str = "v2") -> float:
    """Return the alpha for which the mean log ratio of the two largest soft weights is ln 100.

    So ``alpha = ln 100 / mean of (d2^2 - d1^2)``, with d1 and d2 the distances of a *descriptor* to its two nearest
    *centers* (v1: the two largest cosines).

    Args:
        centers: ``(K, D)``.
        descriptors: ``(n, D)``, as used in the soft assignment.
        version: ``"v2"`` or ``"v1"``, see the module.

    Returns:
        alpha > 0; 1 for a single center, where it is irrelevant.

    Raises:
        ShapeError: the shapes do not fit, there are no descriptors, or a value is not finite or too large.
        OptionError: all descriptors are equal, or none is closer to one center than to the others.

    Example:
        >>> # squared distances 0 and 4
        >>> round(sharpness(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[1.0, 0.0]])), 4)
        1.1513
    """
    c = np.asarray(centers, np.float64)
    rows_of(c, "centers")
    rows_of(descriptors, dim=c.shape[1])
    if not len(descriptors):
        raise ShapeError(f"descriptors must have shape (n >= 1, {c.shape[1]}), got {descriptors.shape}")
    if len(c) < 2:
        return 1.0
    if len(descriptors) > 1 and np.ptp(descriptors, axis=0).max() <= SAME * np.abs(descriptors).max():
        raise OptionError("alpha cannot be set: all descriptors are the same; take those of several photos")
    # the factor of alpha: in v2 -|x - c|^2 without |x|^2, which all clusters share
    slope, offset = assignment(c, 1.0, version)
    total = 0.0
    for start in range(0, len(descriptors), ROWS):
        affinity = np.asarray(descriptors[start : start + ROWS], np.float64) @ slope.T + offset
        second, first = np.partition(affinity, -2, axis=1)[:, -2:].T
        total += float((first - second).sum())
    if not total > SAME * len(descriptors) * float(np.abs(slope).max()):
        raise OptionError("alpha cannot be set: no descriptor is nearer to one center than to the others")
    return math.log(RATIO) * len(descriptors) / total
