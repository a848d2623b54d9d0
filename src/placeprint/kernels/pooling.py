"""Global pooling: one vector from many cells, over NumPy or Torch arrays.

All take cells ``(..., n, d)`` and return ``(..., d)``, not normalized. With x_i the d values of cell i, one channel at
a time:

- `spoc` (Babenko and Lempitsky, ICCV 2015): ``sum a_i x_i``, with a_i = 1 or the `center_prior`.
- `mac` (Razavian et al., 2016; Tolias et al., ICLR 2016): ``max x_i``.
- `gem` (Radenovic et al., PAMI 2019): ``(sum w_i x_i^p / sum w_i)^(1/p)``. With equal weights p = 1 is the mean, and p
  to infinity the maximum.
- `crow` (Kalantidis et al., ECCVW 2016): ``I_k sum S_i x_ik``. With ``T_i = sum_k x_ik`` the weights of the cells are
  ``S_i = (T_i / (sum_j T_j^a)^(1/a))^(1/b)``, a = b = 2. With Q_k the share of cells where channel k is above 0, those
  of the channels are ``I_k = log((K e + sum_h Q_h) / (e + Q_k))``.

Departures, none of which changes results that the papers' formulas can compute:

- GeM divides by the largest value of the channel before the power and multiplies by it afterwards, so no p under- or
  overflows. Values below 1e-6 count as 1e-6 *before* the power: so a channel that is 0 everywhere has a finite
  gradient.
- CroW divides the T_i by the largest one first, for the same reason. Networks whose maps do not follow a ReLU have
  negative values: T_i sums only the positive ones.
- Weights that are all 0 give zeros, and a root has no gradient at 0.
"""

from __future__ import annotations

from placeprint.kernels.vectors import Array, at_least, constant, namespace, weighted_sum

SMALLEST = 1e-6
"""Smallest value before the power of GeM; also CroW's e."""


def spoc(cells: Array, weights: Array | None = None) -> Array:
    """Return the sum of the cells, ``(..., d)``, each times its weight, ``(..., n)``."""
    result: Array = namespace(cells).sum(cells, axis=-2) if weights is None else weighted_sum(cells, weights)
    return result


def center_prior(points: Array, size: Array) -> Array:
    """Return SPoC's weights ``(n,)`` of points ``(n, 2)`` of a picture or map of size ``(2,)``, all as ``(x, y)``.

    They are ``exp(-d^2 / (2 s^2))``, d the distance from the center, ``(size - 1) / 2``, and s a third of the distance
    from the center to the nearest side, ``min(W, H) / 6``.
    """
    xp = namespace(points)
    distances = xp.sum((points - (size - 1) / 2) ** 2, axis=-1)
    result: Array = xp.exp(-distances / 2 / (xp.min(size) / 6) ** 2)
    return result


def mac(cells: Array, weights: Array | None = None) -> Array:
    """Return the maximum of each channel, ``(..., d)``, over the cells whose weight, ``(..., n)``, is above 0."""
    xp = namespace(cells)
    if weights is None:
        largest: Array = xp.max(cells, axis=-2)
        return largest
    counts = weights > 0
    largest = xp.max(xp.where(counts[..., None], cells, -xp.inf), axis=-2)
    result: Array = xp.where(xp.any(counts, axis=-1, keepdims=True), largest, 0.0)
    return result


def gem(cells: Array, p: Array | float, weights: Array | None = None) -> Array:
    """Return the generalized mean of the cells, ``(..., d)``.

    Args:
        cells: ``(..., n, d)``.
        p: the exponents, above 0: a number, or shape ``(1,)`` or ``(d,)``.
        weights: the weights of the cells, ``(..., n)``; those below 0 count as 0. None for equal ones.
    """
    xp = namespace(cells)
    values = at_least(cells, SMALLEST)
    largest = constant(xp.max(values, axis=-2, keepdims=True))
    powered = xp.exp(p * (xp.log(values) - xp.log(largest)))
    if weights is None:
        mean: Array = largest[..., 0, :] * xp.mean(powered, axis=-2) ** (1 / p)
        return mean
    weights = at_least(weights, 0.0)
    total = xp.sum(weights, axis=-1, keepdims=True)
    shares: Array = weights / xp.where(total > 0, total, 1)
    powers = at_least(weighted_sum(powered, shares), xp.finfo(cells.dtype).smallest_normal)
    weighted: Array = largest[..., 0, :] * powers ** (1 / p) * (total > 0)
    return weighted


def score_weights(scores: Array, power: float) -> Array:
    """Return weights ``(n,)`` from scores ``(n,)``: those above 0, as a share of the largest, to a power."""
    xp = namespace(scores)
    strength = at_least(scores, 0.0)
    # only ratios of weights matter, so no power overflows
    largest = xp.max(strength, axis=-1, keepdims=True)
    result: Array = (strength / xp.where(largest > 0, largest, 1)) ** power
    return result


def crow(cells: Array, a: float = 2.0, b: float = 2.0, weights: Array | None = None) -> Array:
    """Return the sum of the cells, ``(..., d)``, with weights for cells and channels.

    Args:
        cells: ``(..., n, d)``.
        a: the exponent of the norm that divides the cell weights.
        b: the root of the cell weights.
        weights: ``(..., n)``, 1 for cells that count and 0 for others; None if all count.
    """
    xp = namespace(cells)
    strength = xp.sum(at_least(cells, 0.0), axis=-1)
    seen = xp.astype(cells > 0, cells.dtype)
    if weights is None:
        share = xp.mean(seen, axis=-2)
    else:
        strength = strength * weights
        share = weighted_sum(seen, weights) / at_least(xp.sum(weights, axis=-1, keepdims=True), 1.0)
    rarity = xp.log((xp.sum(share, axis=-1, keepdims=True) + SMALLEST * share.shape[-1]) / (share + SMALLEST))
    result: Array = weighted_sum(cells, _strengths(strength, a, b)) * rarity
    return result


def _strengths(strength: Array, a: float, b: float) -> Array:
    """Return CroW's S ``(..., n)`` of T ``(..., n)``."""
    xp = namespace(strength)
    active, largest = strength > 0, constant(xp.max(strength, axis=-1, keepdims=True))
    # a root has no gradient at 0: use 1 there, and drop the result
    scaled = xp.where(active, strength / xp.where(largest > 0, largest, 1), 1.0)
    total = xp.sum(xp.where(active, scaled**a, 0.0), axis=-1, keepdims=True)
    length = xp.where(total > 0, total, 1) ** (1 / a)
    result: Array = xp.where(active, (scaled / length) ** (1 / b), 0.0)
    return result
