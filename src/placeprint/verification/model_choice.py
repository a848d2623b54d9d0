"""A plane or a scene with depth? The model that describes the matches best for what it costs.

Torr's geometric robust information criterion (Phil. Trans. R. Soc. A, 1998, equations 9 to 11):

    GRIC = sum_i min(e_i^2 / sigma^2, 2 (r - d)) + ln(r) d n + ln(r n) k

for n matches of r = 4 numbers, with residuals e, a model of dimension d (2 for a transform of the plane, 3 for an
epipolar geometry) and k parameters; lower is better. A homography must place a match, a fundamental matrix only put it
on a line: the first is charged less for each match, the second leaves fewer unexplained.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from placeprint.verification.transforms import find_model

COORDINATES = 4


def gric(model: str, errors: NDArray[np.float64], sigma: float) -> float:
    """Return the criterion; the model with the lowest describes the matches best.

    Args:
        model: a name of `models.MODELS`.
        errors: ``(n,)`` residuals in pixels of all matches; infinite ones are allowed.
        sigma: standard deviation of a right match's residual in pixels.
    """
    kind = find_model(model)
    dimension = 2 if kind.pointwise else 3
    count = max(len(errors), 1)
    explained = np.minimum((errors / sigma) ** 2, 2.0 * (COORDINATES - dimension))
    return float(
        explained.sum() + math.log(COORDINATES) * dimension * count + math.log(COORDINATES * count) * kind.parameters
    )
