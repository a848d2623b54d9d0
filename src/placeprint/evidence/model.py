"""P(same place | evidence): a sum of monotone functions, one per kind of evidence.

    P = 1 / (1 + exp(-f)),   f(x) = b + sum_j g_j(x_j)

Each ``g_j`` is piecewise linear between knots, rises or falls as the table of `record` says, and is constant outside,
so no single value outweighs everything. If a value was not measured, ``g_j`` is a learned constant. The terms show what
speaks for or against a candidate (an additive model: Hastie and Tibshirani, Statistical Science, 1986).
``scripts/learn_evidence.py`` fits it; this is plain NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from placeprint.errors import ShapeError
from placeprint.evidence.record import Values

Columns = Mapping[str, Values]
"""``(n,)`` values of each field by its name, NaN where nothing was measured."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The contribution of one kind of evidence.

    Args:
        knots: ``(k,)`` rising values of the field.
        heights: ``(k,)`` what is added at each.
        missing: what is added where nothing was measured.

    Raises:
        ShapeError: there are not as many heights as knots, or the knots do not rise.

    Example:
        >>> Curve(np.array([0.0, 10.0]), np.array([0.0, 2.0]), 0.5)(np.array([-1, 5, 20, np.nan])).tolist()
        [0.0, 1.0, 2.0, 0.5]
    """

    knots: Values
    heights: Values
    missing: float

    def __post_init__(self) -> None:
        if self.knots.ndim != 1 or self.knots.shape != self.heights.shape or not len(self.knots):
            raise ShapeError(f"a curve needs a height for each knot, got {self.knots.shape} and {self.heights.shape}")
        if np.any(np.diff(self.knots) <= 0):
            raise ShapeError("the knots of a curve must rise")

    def __call__(self, values: Values) -> Values:
        """Return what ``(n,)`` values add; NaN are missing."""
        known = np.interp(values, self.knots, self.heights)
        return np.where(np.isnan(values), self.missing, known)


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """The weights of evidence.

    Args:
        intercept: log odds before any evidence.
        curves: by name of the field; fields that are not named do not count.
    """

    intercept: float
    curves: Mapping[str, Curve]

    def log_odds(self, columns: Columns) -> Values:
        """Return ``(n,)`` log odds of candidates.

        Raises:
            KeyError: a field of the model is not there.
        """
        terms = [curve(np.asarray(columns[name], np.float64)) for name, curve in self.curves.items()]
        return np.asarray(self.intercept + np.sum(terms, axis=0), np.float64)

    def terms(self, columns: Columns) -> dict[str, Values]:
        """Return what each kind of evidence adds to the log odds; raises as `log_odds`."""
        return {name: curve(np.asarray(columns[name], np.float64)) for name, curve in self.curves.items()}

    def as_data(self) -> dict[str, Any]:
        """Return what `model_of` reads, ready for JSON."""
        return {
            "intercept": round(self.intercept, 4),
            "curves": {
                name: {
                    "knots": [float(f"{value:.4g}") for value in curve.knots],
                    "heights": [round(float(value), 4) for value in curve.heights],
                    "missing": round(curve.missing, 4),
                }
                for name, curve in self.curves.items()
            },
        }


def model_of(data: Mapping[str, Any]) -> AdditiveModel:
    """Return the model of `AdditiveModel.as_data`.

    Raises:
        ShapeError: its curves have no shape.
    """
    curves = {
        name: Curve(np.array(each["knots"], np.float64), np.array(each["heights"], np.float64), float(each["missing"]))
        for name, each in data["curves"].items()
    }
    return AdditiveModel(float(data["intercept"]), curves)


def to_probability(log_odds: Values) -> Values:
    """Return ``1 / (1 + exp(-x))``."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))), np.float64)
