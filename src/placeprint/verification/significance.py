"""Measure how unlikely it is that this many matches agree with one transform by chance.

The number of inliers does not show whether two photos show the same thing: out of a thousand matches between unrelated
photos, twenty or thirty follow *some* transform, and how many depends on the model, the tolerance and the positions of
the points. The a-contrario number of false alarms accounts for that (Moisan and Stival, IJCV 2004; Moulon et al., ACCV
2012): if n matches fell at random, the expected count of transforms through samples of s of them that k matches agree
with is at most

    NFA = (n - s) * solutions * C(n, k) * C(k, s) * chance^(k - s)

where *chance* is the probability that one random match agrees: the area of the tolerance over the area of the points.
`significance` is -log10 NFA: chance gives 0 once, and 10 once in 10^10 pairs.

The formula assumes independent matches. Two departures make that more realistic. Matches are counted once per cell of
`CELL` pixels in either photo, because several keypoints on one corner are one observation. And the area is that over
which the matched points spread, not that of the photo.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats
from placeprint.verification.transforms import find_model

CELL = 8.0
"""Side in pixels of a cell whose matches count as one observation."""


def significance(
    model: str, points: Floats, inliers: NDArray[np.bool_], pixels: float, sizes: tuple[tuple[int, int], ...]
) -> float:
    """Return -log10 of the number of false alarms, 0 if chance explains everything.

    Args:
        model: a name of `transforms.MODELS`.
        points: ``(m, 2, 2)``: for each match the point in the query and the point in the database photo.
        inliers: ``(m,)`` bool.
        pixels: the largest residual of an inlier.
        sizes: ``(width, height)`` of the query and of the database photo.
    """
    kind = find_model(model)
    total, agreeing = _observations(points), _observations(points[inliers])
    if agreeing <= kind.sample:
        return 0.0
    spread = min(_area(points[:, side], size) for side, size in enumerate(sizes))
    tolerated = math.pi * pixels**2 if kind.pointwise else 2 * pixels * math.sqrt(2 * spread)
    exponent = (
        math.log(max(total - kind.sample, 1) * kind.solutions)
        + _log_binomial(total, agreeing)
        + _log_binomial(agreeing, kind.sample)
        + (agreeing - kind.sample) * math.log(min(tolerated / spread, 1.0))
    )
    return max(0.0, -exponent / math.log(10))


def _observations(points: Floats) -> int:
    """Count the cells with matched points, in the photo with fewer of them."""
    cells = np.floor(points / CELL)
    return min(len(np.unique(cells[:, side, 0] + 1j * cells[:, side, 1])) for side in (0, 1)) if len(points) else 0


def _area(points: Floats, size: tuple[int, int]) -> float:
    """Return the area over which points spread: the rectangle of their standard deviations, at most the photo."""
    deviations = points.std(axis=0, dtype=np.float64)
    return float(min(max(12 * deviations[0] * deviations[1], 1.0), size[0] * size[1]))


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
