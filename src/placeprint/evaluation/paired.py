"""Test whether one method is better than another on the same queries.

Two methods measured on the same queries fail on mostly the same ones, so their difference is known far better than
their intervals suggest. They are compared query by query:

- *McNemar's test* (Psychometrika 12, 1947), exact: if both were equally good, each query that only one of them answers
  would belong to either with probability 1/2.
- *Paired bootstrap*: the interval of the mean difference, with queries resampled (Efron 1979).
- *Permutation test*: if both were equally good, the sign of each query's difference would be chance (Fisher 1935;
  Smucker et al., CIKM 2007, recommend it for average precision). The p-value counts the observed signs among the
  drawn ones, so it is never 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Seed, checked
from placeprint.errors import ShapeError
from placeprint.evaluation.metrics import Level, Samples

Values = NDArray[np.float64]

CHUNK = 1 << 22
"""Most random numbers drawn at once."""


def mcnemar(hits_a: Sequence[bool] | NDArray[np.bool_], hits_b: Sequence[bool] | NDArray[np.bool_]) -> float:
    """Return the two-sided p-value of the exact test.

    Args:
        hits_a: ``(n,)`` bool, whether the first method is right on each query.
        hits_b: ``(n,)`` bool, the same for the second method.

    Returns:
        The p-value in (0, 1]; 1 if both methods are right on the same queries.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> mcnemar([True] * 6 + [False], [False] * 6 + [True])
        0.125
    """
    a, b = np.asarray(hits_a, bool), np.asarray(hits_b, bool)
    _check(a, b)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    count = only_a + only_b
    tail, term = 0, 1
    for k in range(min(only_a, only_b) + 1):  # integers: powers of two overflow a float from 1024 queries on
        tail += term
        term = term * (count - k) // (k + 1)
    return min(1.0, 2 * tail / (1 << count))


@checked
def paired_bootstrap(
    values_a: Sequence[float] | Values,
    values_b: Sequence[float] | Values,
    *,
    samples: Samples = 2000,
    level: Level = 0.95,
    seed: Seed = 0,
) -> tuple[float, float, float]:
    """Return the mean of ``a - b`` and its percentile bootstrap interval; NaN without queries.

    Args:
        values_a: ``(n,)`` values of the first method per query, such as average precisions or hits.
        values_b: ``(n,)`` values of the second.
        samples: resamples drawn.
        level: the level of confidence.
        seed: the seed of the resampling.

    Returns:
        Difference, lower and upper end; the first method is better if all are above 0.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> difference, low, high = paired_bootstrap([1.0, 0.5, 1.0, 0.75], [0.5, 0.0, 0.5, 0.25])
        >>> difference, low, high
        (0.5, 0.5, 0.5)
    """
    differences = _differences(values_a, values_b)
    if not len(differences):
        return (float("nan"),) * 3
    generator, size = np.random.default_rng(seed), len(differences)
    drawn = [differences[generator.integers(0, size, (rows, size))].mean(axis=1) for rows in _chunks(samples, size)]
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return float(differences.mean()), float(low), float(high)


@checked
def permutation_test(
    values_a: Sequence[float] | Values, values_b: Sequence[float] | Values, *, samples: Samples = 10_000, seed: Seed = 0
) -> float:
    """Return the two-sided p-value of the mean difference, by random signs; arguments as for `paired_bootstrap`.

    Example:
        >>> permutation_test([1.0, 0.0], [1.0, 0.0])
        1.0
    """
    differences = _differences(values_a, values_b)
    observed = abs(differences.sum())
    generator, size, count = np.random.default_rng(seed), len(differences), 0
    for rows in _chunks(samples, size):
        signs = generator.integers(0, 2, (rows, size)) * 2.0 - 1.0
        # sums of the same numbers in another order may differ in the last bits
        count += int((np.abs(signs @ differences) >= observed * (1 - 1e-9)).sum())
    return (count + 1) / (samples + 1)


def _differences(values_a: Sequence[float] | Values, values_b: Sequence[float] | Values) -> Values:
    a, b = np.asarray(values_a, np.float64), np.asarray(values_b, np.float64)
    _check(a, b)
    return a - b


def _check(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if a.ndim != 1 or a.shape != b.shape:
        raise ShapeError(f"values of the same queries must be (n,) twice, got {a.shape} and {b.shape}")


def _chunks(samples: int, size: int) -> list[int]:
    rows = max(1, min(samples, CHUNK // max(size, 1)))
    return [rows] * (samples // rows) + ([samples % rows] if samples % rows else [])
