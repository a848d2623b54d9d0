"""Order the candidates by geometry and similarity together.

Counting inliers makes good rankings worse: on a walk through a corridor, neighboring frames share most of their
points and the count of inliers is no measure of nearness. The score of `geometry` (what stands out, spread over the
picture) orders those that were checked carefully; similarity only decides between near-equals. The others follow
by what the quick pass found, so nothing is lost from the ranking.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats, Verification

SIMILARITY_WEIGHT = 0.05


def ranking_scores(similarities: Floats, checks: Sequence[Verification]) -> NDArray[np.float64]:
    """Return the score of each candidate, higher is better.

    Candidates that were checked carefully get more than 1, those the quick pass left out between 0 and 1, and
    those that were not verified, which keep their order, less than 0.

    Args:
        similarities: ``(n,)`` of the global descriptors, non-increasing.
        checks: of the first candidates, at most n.
    """
    scores = np.asarray(similarities, np.float64)
    if not len(checks):
        return scores
    verified = scores[: len(checks)]
    standing = (verified - verified.mean()) / (verified.std() + 1e-9)
    scores = scores - 2
    for index, check in enumerate(checks):
        scores[index] = check.support / (1 + check.support)
        if check.checked:
            scores[index] = 2 + np.log1p(2 * check.score) + SIMILARITY_WEIGHT * standing[index]
    return scores
