"""A reliable radius in meters: split conformal prediction over positions estimated without the photo itself.

Each photo of an atlas with a position is located from the others. Its score is the error in meters divided by the
spread of the photos used (Lei et al., JASA 2018, section 5.2: errors scaled by how difficult each is),

    score = error / (spread + S0)

and the radius of a new photo is ``q (spread + S0)``, with q the ``ceil((1 - a)(n + 1))``-th smallest of the n scores.
If the new photo is like those of the atlas, the radius holds with a probability of at least 1 - a (their theorem 2.2).
With fewer than ``(1 - a) / a`` scores no such radius exists; then the largest score is taken with `FEW` as a factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from placeprint.core.options import Share, checked
from placeprint.errors import ShapeError

S0 = 10.0
"""Meters that are added to every spread: photos that agree to the meter are still off by the error of their GPS."""
GPS_ERROR = 5.0
"""Meters: no radius is smaller, since the positions of the atlas themselves are not better."""
FEW = 2.0
"""Factor where there are too few scores for a guarantee."""
UNKNOWN = 3.0
"""The score that is taken where an atlas has no photo that can be located from others."""


@dataclass(frozen=True)
class Radius:
    """Turns the spread of an estimate into a radius.

    Args:
        quantile: the score that the requested share of scores does not exceed.
        count: of the scores it was taken from.
        guaranteed: whether there were enough scores for the guarantee.
    """

    quantile: float
    count: int
    guaranteed: bool

    def meters(self, spread: float) -> float:
        """Return the radius in meters for a spread in meters."""
        return max(GPS_ERROR, self.quantile * (spread + S0))


def score(error: float, spread: float) -> float:
    """Return the score of a position that was off by some meters, found with a spread in meters."""
    return error / (spread + S0)


@checked
def fit_radius(scores: Sequence[float], share: Share = 0.9) -> Radius:
    """Return the radius that holds for a share of photos like those of the scores.

    Args:
        scores: of `score`, in any order.
        share: of the photos for which it should hold.

    Raises:
        ShapeError: a score is negative or not finite.

    Example:
        >>> fit_radius([0.1 * k for k in range(1, 20)], 0.9).quantile
        1.8
        >>> fit_radius([1.0]).guaranteed
        False
    """
    if not all(math.isfinite(each) and each >= 0 for each in scores):
        raise ShapeError("scores must be finite numbers from 0 up")
    rank = math.ceil(share * (len(scores) + 1) - 1e-9)
    if rank <= len(scores):
        return Radius(round(sorted(scores)[rank - 1], 9), len(scores), True)
    return Radius(FEW * max(scores, default=UNKNOWN / FEW), len(scores), False)
