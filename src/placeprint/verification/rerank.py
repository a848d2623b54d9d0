"""Rank the candidates by geometry and similarity together.

Geometry decides far better than similarity which candidates show the query's place. It cannot decide which of them is
the nearest view: on a walk, neighboring frames share most of their points. So similarity orders the candidates that are
confirmed about equally well, and re-ranking does not make a good ranking worse.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats, Verification

EQUALLY = 0.7
"""Candidates with at least this share of the best strength count as confirmed equally well."""


def ranking_scores(similarities: Floats, checks: Sequence[Verification]) -> NDArray[np.float64]:
    """Return the score of each candidate, higher is better.

    First come the candidates confirmed about as well as the best, by similarity (scores from 2 to 4); then the other
    checked ones, by how much their matches stand out (1 to 2); then those dropped by a quick pass, by its score (0 to
    1); then those not verified, by similarity (below 0). If geometry found nothing at all, the similarities are
    returned.

    Args:
        similarities: ``(n,)`` cosines of the global descriptors, non-increasing.
        checks: the verifications of the first candidates, at most n.
    """
    scores = np.asarray(similarities, np.float64)
    best = max((check.strength for check in checks), default=0.0)
    if best == 0:
        return scores
    result = scores - 2
    for index, check in enumerate(checks):
        if check.strength >= EQUALLY * best:
            result[index] = 3 + scores[index]
        elif check.checked:
            result[index] = 1 + check.score / (1 + check.score)
        else:
            result[index] = check.support / (1 + check.support)
    return result
