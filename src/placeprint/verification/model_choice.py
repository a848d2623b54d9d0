"""Choose between a plane and a scene with depth by a criterion that charges for complexity.

Torr's geometric robust information criterion (Phil. Trans. R. Soc. A, 1998, equations 9 to 11):

    GRIC = sum_i min(e_i^2 / sigma^2, 2 (r - d)) + ln(r) d n + ln(r n) k

for n matches of r = 4 numbers with residuals e, and a model of dimension d (2 for a transform of the plane, 3 for an
epipolar geometry) and k parameters; lower is better. A homography maps a match to a point, a fundamental matrix only to
a line: the first costs less per match, the second leaves fewer matches unexplained.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from placeprint.verification.transforms import find_model

COORDINATES = 4


def gric(model: str, errors: NDArray[np.float64], sigma: float) -> float:
    """Return the criterion; the model with the lowest value describes the matches best.

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
