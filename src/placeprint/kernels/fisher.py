"""Fisher vectors (Sanchez et al., IJCV 2013, equations 17 and 18) over NumPy or Torch arrays.

With a mixture of K Gaussians of weights w_k, means m_k and deviations s_k, and g_ik the posteriors of n descriptors::

    U_k = sum_i g_ik (x_i - m_k) / s_k                       / (n sqrt(w_k))
    V_k = sum_i g_ik ((x_i - m_k)^2 / s_k^2 - 1)             / (n sqrt(2 w_k))

Both sums come from three matrix products, ``g^T 1``, ``g^T X`` and ``g^T X^2``; nothing of size n x K x D is ever
made.
"""

from __future__ import annotations

from placeprint.kernels.vectors import Array, at_least, namespace


def posteriors(rows: Array, weights: Array, means: Array, variances: Array) -> Array:
    """Return ``(n, K)``: the probability that each of ``(n, d)`` descriptors came from each Gaussian; rows sum to 1.

    Args:
        rows: the descriptors.
        weights: ``(K,)``.
        means: ``(K, d)``.
        variances: ``(K, d)``.
    """
    xp, precision = namespace(rows), 1 / variances
    near = (rows * rows) @ precision.T - 2 * rows @ (means * precision).T + xp.sum(means * means * precision, axis=1)
    logs = xp.log(weights) - 0.5 * xp.sum(xp.log(variances), axis=1) - 0.5 * near
    likelihood = xp.exp(logs - xp.max(logs, axis=1, keepdims=True))
    result: Array = likelihood / xp.sum(likelihood, axis=1, keepdims=True)
    return result


def fisher(rows: Array, weights: Array, means: Array, variances: Array, kept: Array | None = None) -> Array:
    """Return U and V of descriptors, ``(2 x K x d,)``, not normalized; zeros if no row counts.

    Args:
        rows: ``(n, d)``.
        weights: ``(K,)``.
        means: ``(K, d)``.
        variances: ``(K, d)``.
        kept: ``(n,)``, 1 for rows that count and 0 for others; None if all count.
    """
    xp, shares = namespace(rows), posteriors(rows, weights, means, variances)
    kept = xp.ones_like(rows[:, 0]) if kept is None else kept
    shares = shares * kept[:, None]
    counts, sums, squares = xp.sum(shares, axis=0)[:, None], shares.T @ rows, shares.T @ (rows * rows)
    first = (sums - counts * means) / (xp.sqrt(variances) * xp.sqrt(weights)[:, None])
    spread = squares - 2 * sums * means + counts * (means * means)
    second = (spread / variances - counts) / xp.sqrt(2 * weights)[:, None]
    result: Array = xp.reshape(xp.concat([first, second]), (-1,)) / at_least(xp.sum(kept), 1.0)
    return result
