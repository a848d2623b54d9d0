"""Decide which candidates show the query's place: two passes of matching, then geometry.

1. *Quick*: match the strongest keypoints of the query with those of every candidate. The sum of how much the mutual
   matches stand out (`matching.stand_out`) ranks the candidates; the best ``keep`` continue. Where all would, this is
   left out.
2. *Careful*: match all keypoints, mutual neighbors above a similarity threshold. A similarity transform from RANSAC
   with a wide tolerance selects the matches that agree; the tolerance leaves room for depth and perspective, which a
   street scene has and one homography does not explain.
3. *Score*: the weights of the agreeing matches, summed in each cell of a grid over the query, and the square roots of
   the cells summed. So matches count if they stand out and cover the picture; a hundred on one fence do not. Where all
   candidates show the query's place, nothing stands out among them. So the verdict uses the *strength*, which weights a
   match by how much it exceeds ``usual``, the typical similarity between unrelated photos.
4. *Proof*: among the agreeing matches, a homography or fundamental matrix by MAGSAC++ with a narrow tolerance,
   whichever clearly explains more. Its inliers are the verified matches, which are counted and drawn.

Everything is deterministic: OpenCV's estimators have fixed seeds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import (
    Cosine,
    Keypoints,
    Range,
    Share,
    checked,
)
from placeprint.core.threads import map_cores
from placeprint.types import Floats, LocalFeatures, Matches, Verification
from placeprint.verification.estimation import Found, estimate
from placeprint.verification.matching import found_elsewhere, match_candidates, stand_out
from placeprint.verification.transforms import SIDE, Pixels, Strength, residuals, to_pixels
from placeprint.verification.verdict import verdict_of

PREFERENCE = 1.2
"""A fundamental matrix must explain this many times the matches of a homography to be preferred: it is the weaker
constraint and always explains some more."""


@checked
@dataclass(kw_only=True, eq=False)
class MutualGeometry:
    """Verify by mutual nearest neighbors that stand out and agree with one transform.

    Lengths are in pixels of a photo whose longest side has 640, whatever the photo's own size.

    Args:
        quick_keypoints: the number of strongest keypoints per photo in the quick pass.
        quick_similarity: the smallest cosine of a match in the quick pass.
        quick_quantile: the quantile over the candidates that defines the usual cosine in the quick pass.
        keep: the number of candidates for the careful pass.
        keypoints: the number of query keypoints in the careful pass.
        min_similarity: the smallest cosine of a match in the careful pass.
        quantile: the same as ``quick_quantile``, for the careful pass.
        wide: the largest residual of a match that agrees.
        narrow: the largest residual of a verified match.
        cell: the side of a grid cell.
        usual: the typical cosine of a keypoint with the most similar one in an unrelated photo; depends on the
            descriptor.
        sure: the strength at which two photos show the same place (benchmarks/accuracy/verdicts.py).
        possible: the strength at which they may show the same place.
    """

    quick_keypoints: Keypoints = 500
    quick_similarity: Cosine = 0.7
    quick_quantile: Share = 0.8
    keep: Annotated[int, Range(1, 1_000_000)] = 10
    keypoints: Keypoints = 1000
    min_similarity: Cosine = 0.8
    quantile: Share = 0.5
    wide: Pixels = 24.0
    narrow: Pixels = 8.0
    cell: Annotated[float, Range(1, 640)] = 40.0
    usual: Cosine = 0.72
    sure: Strength = 7.0
    possible: Strength = 5.9

    def verify(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Verification]:
        """Return one verification per candidate, in order."""
        began = time.perf_counter()
        if not candidates:
            return []
        strong = query[: self.quick_keypoints].descriptors
        quick, best = match_candidates(
            strong, [c[: self.quick_keypoints].descriptors for c in candidates], self.quick_similarity
        )
        elsewhere = found_elsewhere(best, self.quick_quantile, self.usual)
        supports = [float(stand_out(matches, elsewhere).sum()) for matches in quick]
        kept = np.argsort(-np.array(supports), kind="stable")[: self.keep]
        used = query[: self.keypoints]
        careful, best = match_candidates(
            used.descriptors, [candidates[i].descriptors for i in kept], self.min_similarity
        )
        elsewhere = found_elsewhere(best, self.quantile, self.usual)
        seconds = (time.perf_counter() - began) / len(candidates)
        results = [_unchecked(support, seconds) for support in supports]

        def check(place: int) -> Verification:
            index, matches = kept[place], careful[place]
            weights = stand_out(matches, elsewhere)
            return self._check(used, candidates[index], matches, weights, supports[index], seconds)

        for index, result in zip(kept, map_cores(check, range(len(kept))), strict=True):
            results[index] = result
        return results

    def _check(
        self,
        query: LocalFeatures,
        candidate: LocalFeatures,
        matches: Matches,
        weights: Floats,
        support: float,
        seconds: float,
    ) -> Verification:
        began = time.perf_counter()
        points = matches.points(query, candidate)
        factors = SIDE / max(query.image_size), SIDE / max(candidate.image_size)
        scaled = np.asarray(points * np.array(factors)[:, None], np.float32)
        agreeing = None
        if len(matches) >= 4:
            agreeing = estimate("similarity", scaled[:, 0], scaled[:, 1], self.wide)
        inliers, transform, model, score, strength = np.zeros(len(matches), bool), None, "none", 0.0, 0.0
        if agreeing is not None:
            agree = agreeing[1]
            above = np.maximum(0, matches.scores - self.usual)
            score = self._spread(scaled[agree, 0], weights[agree])
            strength = self._spread(scaled[agree, 0], above[agree])
            model, (transform, exact) = self._prove(scaled[agree], agreeing[0])
            inliers[np.flatnonzero(agree)[exact]] = True
            transform = to_pixels(transform, model, *factors)
        spent = seconds + time.perf_counter() - began
        return Verification(matches.pairs, points, inliers, strength, score, support, transform, model, spent)

    def _spread(self, points: Floats, weights: Floats) -> float:
        cells = np.maximum(points, 0) // self.cell
        _, places = np.unique(cells, axis=0, return_inverse=True)
        return float(np.sqrt(np.bincount(places.ravel(), weights=weights)).sum())

    def verdict(self, check: Verification | None) -> str:
        """Return the verdict of a verification; see `Evidence`."""
        return verdict_of(check, sure=self.sure, possible=self.possible)

    def _prove(self, points: Floats, similarity: NDArray[np.float64]) -> tuple[str, Found]:
        """Return the model that explains the agreeing matches best, within the narrow tolerance."""
        query, database = points[:, 0], points[:, 1]
        exact = residuals("similarity", similarity, query, database) < self.narrow
        best: tuple[str, Found] = "similarity", (similarity, exact)
        explained = float(exact.sum())
        for model, factor in (("homography", 1.0), ("fundamental", PREFERENCE)):
            if len(points) / factor <= explained:
                continue  # even all matches would not suffice
            found = estimate(model, query, database, self.narrow, method="opencv")
            if found is not None and found[1].sum() / factor > explained:
                best, explained = (model, found), found[1].sum() / factor
        return best


def _unchecked(support: float, seconds: float) -> Verification:
    return Verification(
        np.zeros((0, 2), np.int64),
        np.zeros((0, 2, 2), np.float32),
        np.zeros(0, bool),
        support=support,
        seconds=seconds,
    )
