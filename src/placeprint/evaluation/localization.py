"""Localization error in meters: the best candidate's position against the query's.

The position of a query is assumed to be that of its best candidate, as usual without pose estimation. The metrics are
the median and the shares within 25 m, the usual radius of place recognition (Torii et al., CVPR 2015), and within 5 m.
An unanswered query is infinitely far off, so it counts in all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import ShapeError

Values = NDArray[np.float64]


def localization_errors(found: Values, truth: Values) -> Values:
    """Return ``(n,)`` distances in meters, ``inf`` for queries without an answer.

    Args:
        found: ``(n, 2)`` positions of the best candidates, (east, north) in meters; NaN if there is none.
        truth: ``(n, 2)`` positions of the queries, in the same plane.

    Raises:
        ShapeError: the shapes differ, or a true position is not finite.

    Example:
        >>> localization_errors(np.array([[3.0, 4.0], [np.nan, np.nan]]), np.zeros((2, 2))).tolist()
        [5.0, inf]
    """
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    if truth.ndim != 2 or truth.shape[1] != 2 or found.shape != truth.shape or not np.isfinite(truth).all():
        raise ShapeError(f"positions must be (n, 2) twice, those of queries finite, got {found.shape}, {truth.shape}")
    errors = np.hypot(*(found - truth).T)
    return np.where(np.isnan(errors), np.inf, errors)
