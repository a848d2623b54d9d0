"""Is the first candidate right, and the place in the atlas at all? From the probabilities of all candidates.

A photo of an unknown place has candidates too, and the best of many unlikely ones still looks a little likely. Three
things tell known from unknown places: how likely the first candidate is, how far it is above the first of *another*
place, and, if positions are known, whether the likely candidates are close to each other. Those of a known place are
close; those of an unknown place are scattered.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from placeprint.evidence.model import Columns, to_probability
from placeprint.evidence.record import FIELDS, PLACES, Values

ABSOLUTE = ("standard", "strength", "inliers", "significance", "coverage", "ratio", "spread", "static")
"""Evidence of the first candidate by itself: shares of the best say nothing here, since the best has them all."""
SUMMARY: Mapping[str, bool] = MappingProxyType(
    {"first": True, "lead": True, "apart": False}
    | {field.name: field.rises for field in FIELDS if field.name.partition(".")[2] in ABSOLUTE}
)
"""The facts about an answer, and whether more of each speaks for a right one.

- `first`: log odds of the first candidate.
- `lead`: those minus the log odds of the first candidate of another place.
- `apart`: log10 meters of the standard deviation of the candidates' positions, weighted by their probabilities.
- evidence of the first candidate by itself, by the names of `record.FIELDS`.
"""


def summary(log_odds: Values, other: NDArray[np.bool_], positions: Values | None, columns: Columns) -> dict[str, float]:
    """Return the values of `SUMMARY`, NaN where there is nothing to compare.

    Args:
        log_odds: ``(n,)`` of the candidates, n above 0.
        other: ``(n, n)`` bool, whether the second is of another place than the first.
        positions: ``(n, 2)`` meters in a plane, or ``(n, 3)`` in space, NaN where unknown; or None.
        columns: ``(n,)`` evidence of the candidates, by name of the field.
    """
    first = int(np.argmax(log_odds))
    rivals = log_odds[other[first]]
    known = {name: float(columns[name][first]) for name in SUMMARY if name in PLACES}
    return known | {
        "first": float(log_odds[first]),
        "lead": float(log_odds[first] - rivals.max()) if len(rivals) else np.nan,
        "apart": np.nan if positions is None else _apart(to_probability(log_odds), positions),
    }


def _apart(probabilities: Values, positions: Values) -> float:
    known = np.isfinite(positions).all(axis=1)
    weights = probabilities[known]
    if known.sum() < 2 or weights.sum() <= 0:
        return np.nan
    weights = weights / weights.sum()
    middle = weights @ positions[known]
    variance = float(weights @ np.square(positions[known] - middle).sum(axis=1))
    return float(np.log10(np.sqrt(variance) + 1))
