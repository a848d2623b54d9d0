"""A threshold that guarantees a precision, from a finite sample: learn, then test.

Each trial is a query with a score and whether its answer was right. Accepting the ``m`` trials of highest score is a
threshold: the score of the last of them. If the precision above it were lower than guaranteed, this few wrong answers
among ``m`` trials would be unlikely:

    p_m = P(Binomial(m - 1, 1 - precision) <= wrong ones among the m)

The thresholds are tested from strict to lax, up to the first with ``p_m`` above `RISK`; the last one that passed is
chosen. A fixed sequence needs no correction for many tests (Angelopoulos, Bates, Candes, Jordan and Lei, "Learn then
Test", 2021, section 4). The binomial tail is the bound of Clopper and Pearson (1934).

Assumptions: the trials are independent and come from the same distribution as later queries, and precision does not
fall as the score rises. ``m - 1`` instead of ``m`` accounts for thresholds that are scores of the sample. Then a
precision below the guaranteed one is accepted with a probability of at most `RISK`.

If the trials cannot support the requested precision, the highest precision that they support is guaranteed instead,
with the *strictest* threshold of its sequence, because someone who requests that much wants few wrong answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError
from placeprint.evidence.record import Values

RISK = 0.1
"""Probability, over samples of trials, that the precision is lower than guaranteed."""
STRICTEST = 0.25
"""Share of the trials that the first threshold of the sequence accepts, or more if it could not pass otherwise."""


def fewest_accepted(precision: float) -> int:
    """Return the smallest number of accepted trials that promises a precision, if none of them is wrong.

    Example:
        >>> fewest_accepted(0.95), fewest_accepted(0.99)
        (46, 231)
    """
    return math.ceil(math.log(RISK) / math.log(precision)) + 1


def promised_threshold(scores: Values, right: NDArray[np.bool_], precision: float) -> float | None:
    """Return the lowest score at which a precision is guaranteed; None if the trials do not support it.

    Args:
        scores: ``(n,)`` of the trials.
        right: ``(n,)``, whether the answer was right.
        precision: share of right answers among the accepted ones, above 0 and below 1.

    Raises:
        OptionError: the precision is out of its range.
    """
    if not 0 < precision < 1:
        raise OptionError(f"the precision must be above 0 and below 1, got {precision}")
    order = np.argsort(-scores, kind="stable")
    wrong = np.cumsum(~right[order])
    passed = None
    for count in range(_first(precision, len(scores)), len(scores) + 1):
        if at_most(int(wrong[count - 1]), count - 1, 1 - precision) > RISK:
            break
        passed = float(scores[order[count - 1]])
    return passed


@dataclass(frozen=True)
class Promise:
    """The guarantee that trials support.

    Args:
        precision: share of right answers among those with at least the score.
        score: the threshold.
    """

    precision: float
    score: float


def promise(scores: Values, right: NDArray[np.bool_], precision: float) -> Promise | None:
    """Return what can be guaranteed: the precision that is requested, else the largest below it; None for nothing.

    Args:
        scores: as for `promised_threshold`.
        right: as for `promised_threshold`.
        precision: that is requested.

    Raises:
        OptionError: the precision is out of its range.

    Example:
        >>> promise(np.array([3.0, 2.0, 1.0] * 20), np.ones(60, bool), 0.99)
        Promise(precision=0.96, score=1.0)
    """
    found = promised_threshold(scores, right, precision)
    if found is not None:
        return Promise(precision, found)
    most = most_precise(scores, right)
    if most is None or most > precision:
        return None
    return Promise(most, float(np.sort(scores)[::-1][_first(most, len(scores)) - 1]))


def most_precise(scores: Values, right: NDArray[np.bool_]) -> float | None:
    """Return the largest whole percentage of precision that trials guarantee, as a share; None for less than a half."""
    tried = (percent / 100 for percent in range(99, 49, -1))
    return next((each for each in tried if promised_threshold(scores, right, each) is not None), None)


def _first(precision: float, count: int) -> int:
    """Return how many trials the strictest threshold accepts."""
    return max(fewest_accepted(precision), math.ceil(STRICTEST * count))


def at_most(most: int, count: int, probability: float) -> float:
    """Return the probability that at most a number of ``count`` independent events happen.

    Example:
        >>> round(at_most(1, 3, 0.5), 3)
        0.5
    """
    if most >= count:
        return 1.0
    logs = [
        math.lgamma(count + 1)
        - math.lgamma(k + 1)
        - math.lgamma(count - k + 1)
        + k * math.log(probability)
        + (count - k) * math.log1p(-probability)
        for k in range(most + 1)
    ]
    return min(1.0, math.fsum(map(math.exp, logs)))
