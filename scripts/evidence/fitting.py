"""Fit the additive model: logistic loss for the probability, and a ranking loss within each query.

    minimize  sum_i w_i log(1 + exp(-y_i f_i))  -  r sum_q v_q log( sum_{i in q, same} e^{f_i} / sum_{i in q} e^{f_i} )
              + ridge * (sum of squared steps and of squared constants for what is missing)

over steps that have the sign of their field, by L-BFGS-B (Byrd et al., 1995). Every set counts alike, whatever its
size, and in it every query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from placeprint.evidence.model import AdditiveModel, Curve
from placeprint.evidence.record import Values

QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.998)
"""Where the knots are, of pairs of the same place and of others mixed half and half."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows that are learned from.

    Args:
        columns: ``(n,)`` values by name of the field, NaN where nothing was measured.
        rises: of each field, whether more of it speaks for the same place.
        same: ``(n,)`` bool.
        query: ``(n,)`` int, which query a row is of.
        weight: ``(n,)`` of the logistic loss.
    """

    columns: Mapping[str, Values]
    rises: Mapping[str, bool]
    same: NDArray[np.bool_]
    query: NDArray[np.int64]
    weight: Values


@dataclass(frozen=True)
class Settings:
    """How it is fitted.

    Args:
        ridge: of steps and constants.
        rank: weight of the ranking loss.
    """

    ridge: float = 0.01
    rank: float = 1.0


def fit(pairs: Pairs, names: Sequence[str], settings: Settings) -> AdditiveModel:
    """Return the model of some kinds of evidence."""
    knots = {name: _knots(pairs.columns[name], pairs.same) for name in names}
    used = [name for name in names if len(knots[name]) > 1]
    blocks = [_steps(pairs.columns[name], knots[name]) for name in used]
    design = np.concatenate([np.ones((len(pairs.same), 1)), *blocks], axis=1).astype(np.float32)
    bounds: list[tuple[float | None, float | None]] = [(None, None)]
    for name in used:
        bounds += [(0, None) if pairs.rises[name] else (None, 0)] * (len(knots[name]) - 1) + [(None, None)]
    found = _minimized(design, pairs, bounds, settings)
    curves, start = {}, 1
    for name in used:
        steps = len(knots[name]) - 1
        values = found[start : start + steps + 1]
        heights = np.concatenate([[0.0], np.cumsum(values[:-1])])
        curves[name] = Curve(knots[name], heights, float(values[-1]))
        start += steps + 1
    return AdditiveModel(float(found[0]), curves)


def _knots(values: Values, same: NDArray[np.bool_]) -> Values:
    parts = [values[np.isfinite(values) & mask] for mask in (same, ~same)]
    if min(map(len, parts)) < 20:
        return np.zeros(0)
    grid = np.linspace(0, 1, 400)
    mixed = np.concatenate([np.quantile(part, grid) for part in parts])
    return np.unique(np.quantile(mixed, QUANTILES))


def _steps(values: Values, knots: Values) -> Values:
    """Return how far values are through each step, and whether they are missing: ``(n, len(knots))``."""
    through = (values[:, None] - knots[:-1]) / np.diff(knots)
    missing = np.isnan(values)
    return np.column_stack([np.where(missing[:, None], 0, through.clip(0, 1)), missing])


def _minimized(
    design: NDArray[np.float32],
    pairs: Pairs,
    bounds: Sequence[tuple[float | None, float | None]],
    settings: Settings,
) -> Values:
    order = np.argsort(pairs.query, kind="stable")
    design, same, weight = design[order], pairs.same[order], pairs.weight[order]
    _, starts, counts = np.unique(pairs.query[order], return_index=True, return_counts=True)
    has = np.add.reduceat(same, starts) > 0
    of_query = np.maximum.reduceat(weight * same, starts) * has
    of_query *= weight.sum() / max(of_query.sum(), 1e-12)
    member = np.repeat(np.arange(len(starts)), counts)
    penalty = np.full(design.shape[1], settings.ridge)
    penalty[0] = 0
    sign = np.where(same, 1.0, -1.0)

    def loss(x: Values) -> tuple[float, Values]:
        f = (design @ x.astype(np.float32)).astype(np.float64)
        margin = sign * f
        value = float((weight * np.logaddexp(0, -margin)).sum())
        slope = -weight * sign / (1 + np.exp(np.clip(margin, -50, 50)))
        if settings.rank:
            top = np.maximum.reduceat(f, starts)
            e = np.exp(f - top[member])
            whole, right = np.add.reduceat(e, starts), np.add.reduceat(e * same, starts)
            right = np.maximum(right, 1e-12)
            value -= settings.rank * float((of_query * np.log(right / whole))[has].sum())
            share = e / whole[member] - np.where(same, e / right[member], 0)
            slope += settings.rank * of_query[member] * share
        total = weight.sum()
        gradient = (slope.astype(np.float32) @ design).astype(np.float64) / total + 2 * penalty * x
        return value / total + float((penalty * x * x).sum()), gradient

    begin = np.zeros(design.shape[1])
    return np.asarray(
        minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 400, "maxfun": 500}).x
    )
