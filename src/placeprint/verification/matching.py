"""Find nearest neighbors between the descriptors of two photos, and how much each match stands out.

A match is *mutual* if each descriptor is the other's nearest. Similarity is the cosine of unit rows.

A match *stands out* by how much more similar it is than the best match of the same query keypoint in most other
candidates. Lamp posts, foliage and window frames look similar everywhere; what is special to a place does not (the idea
of local naive-Bayes nearest neighbors, McCann and Lowe, CVPR 2012, among candidates).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.threads import map_cores
from placeprint.types import Floats, Matches

MAX_SIMILARITIES = 16_000_000
"""Most similarities computed at a time, 64 MB; two photos of 4000 keypoints fit."""
FEW = 10
"""With fewer candidates, the usual similarity cannot be estimated."""


def mutual_matches(query: Floats, candidate: Floats, min_similarity: float = -1.0) -> Matches:
    """Match the unit rows ``(n, d)`` of a query with the ``(m, d)`` of a candidate.

    Of equal similarities the first row wins. If either side has no rows, there are no matches.

    Example:
        >>> mutual_matches(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[::-1]).pairs.tolist()
        [[0, 2], [1, 1], [2, 0]]
    """
    return match_candidates(query, [candidate], min_similarity)[0][0]


def match_candidates(
    query: Floats, candidates: Sequence[Floats], min_similarity: float = -1.0
) -> tuple[list[Matches], Floats]:
    """Match a query with several candidates.

    Args:
        query: ``(n, d)`` unit rows.
        candidates: ``(m, d)`` unit rows each.
        min_similarity: matches with a lower cosine are dropped.

    Returns:
        The matches with each candidate, and ``(len(candidates), n)``: the cosine of each query row with the most
        similar row of each candidate, -1 for a candidate without rows.
    """
    done = map_cores(lambda candidate: _match(query, candidate, min_similarity), candidates)
    best = np.full((len(candidates), len(query)), -1, np.float32)
    for index, (_, similarities) in enumerate(done):
        best[index] = similarities
    return [matches for matches, _ in done], best


def _match(query: Floats, candidate: Floats, min_similarity: float) -> tuple[Matches, Floats]:
    """Return the mutual matches, and each query row's highest similarity."""
    if not len(query) or not len(candidate):
        none = Matches(np.zeros((0, 2), np.int64), np.zeros(0, np.float32))
        return none, np.full(len(query), -1, np.float32)
    found = find_neighbors(query, candidate)
    kept = np.flatnonzero(found.mutual & (found.best >= min_similarity))
    kept = kept[np.sort(np.unique(found.nearest[kept], return_index=True)[1])]
    pairs = np.stack([kept, found.nearest[kept]], axis=1).astype(np.int64)
    return Matches(pairs, found.best[kept]), found.best


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest neighbors of the descriptors of a query.

    Args:
        nearest: ``(n,)`` the most similar candidate row of each row, the first if several are equal.
        best: ``(n,)`` the similarity of that row.
        mutual: ``(n,)`` whether no other query row is more similar to it; equal rows are all mutual.
        second: ``(n,)`` the highest similarity of the other rows, -inf if there is none, or None if not requested.
    """

    nearest: NDArray[np.intp]
    best: Floats
    mutual: NDArray[np.bool_]
    second: Floats | None


def find_neighbors(query: Floats, candidate: Floats, near: Floats | None = None, far: float | None = None) -> Neighbors:
    """Return each query row's nearest neighbors in a candidate, computing a bounded number of similarities at a time.

    Args:
        query: ``(n, d)`` unit rows.
        candidate: ``(m, d)`` unit rows, m above 0.
        near: ``(m, 2)`` points of the candidate; points closer than ``far`` to the nearest neighbor cannot be second.
        far: the distance in pixels; None if second neighbors are not needed.
    """
    n, m = len(query), len(candidate)
    nearest, best = np.zeros(n, np.intp), np.zeros(n, np.float32)
    second = None if far is None else np.zeros(n, np.float32)
    highest = np.full(m, -np.inf, np.float32)
    rows = max(1, MAX_SIMILARITIES // m)
    for start in range(0, n, rows):
        piece = slice(start, start + rows)
        similarity = query[piece] @ candidate.T
        nearest[piece] = similarity.argmax(axis=1)
        best[piece] = similarity[np.arange(len(similarity)), nearest[piece]]
        np.maximum(highest, similarity.max(axis=0), out=highest)
        if second is not None:
            if near is not None and far:
                similarity[_distances(near[nearest[piece]], near) < far**2] = -np.inf
            similarity[np.arange(len(similarity)), nearest[piece]] = -np.inf
            second[piece] = similarity.max(axis=1)
    return Neighbors(nearest, best, best == highest[nearest], second)


def _distances(points: Floats, others: Floats) -> Floats:
    """Return the ``(n, m)`` squared distances of ``(n, 2)`` and ``(m, 2)`` points."""
    x, y = (points[:, axis, None] - others[None, :, axis] for axis in (0, 1))
    return np.asarray(x * x + y * y, np.float32)


def found_elsewhere(best: Floats, quantile: float, usual: float) -> Floats:
    """Return ``(n,)``: the best cosine of each query keypoint in most candidates.

    Args:
        best: ``(candidates, n)`` of `match_candidates`.
        quantile: the share of candidates that counts as "most".
        usual: the typical cosine with an unrelated photo, which stands in for missing candidates.
    """
    missing = max(0, FEW - len(best))
    padded = np.concatenate([best, np.full((missing, best.shape[1]), usual, np.float32)])
    rank = min(len(padded) - 1, int(quantile * len(padded)))
    return np.asarray(np.partition(padded, rank, axis=0)[rank], np.float32)


def stand_out(matches: Matches, elsewhere: Floats) -> Floats:
    """Return ``(m,)``: how much each match exceeds the best cosine of its query keypoint in most candidates.

    Args:
        matches: the matches with one candidate.
        elsewhere: ``(n,)`` from `found_elsewhere`.
    """
    return np.asarray(np.maximum(0, matches.scores - elsewhere[matches.pairs[:, 0]]), np.float32)
