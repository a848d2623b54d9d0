"""Match by nearest neighbors: mutual, by distance ratio, or both.

- *Mutual*: each descriptor is the other's nearest.
- *Ratio* (Lowe, IJCV 2004, section 7.1): the distance to the nearest neighbor over the distance to the second nearest
  must be below a threshold. With `far`, the second nearest must be away from the nearest one, because two keypoints on
  one corner are not an ambiguity (Mishkin et al., MODS, CVIU 2015, "first geometrically inconsistent").

Distances are Euclidean, ``sqrt(2 - 2 c)`` for a cosine c; for binary descriptors, ``distance="hamming"`` uses the share
of different bits, ``(1 - c) / 2`` (see `types`). No keypoint of either photo is matched twice: if several match the
same one, the best wins.

One matrix product per candidate, on all cores: at a thousand keypoints that stays in the processor's cache, and is
faster on a CPU than one product with all candidates together, or than half precision. With many keypoints it is done
in pieces (`matching.find_neighbors`). Differing bits of binary descriptors are counted instead (`binary`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import (
    Cosine,
    OneOf,
    Range,
    checked,
)
from placeprint.core.threads import map_cores
from placeprint.errors import ShapeError
from placeprint.types import Floats, LocalFeatures, Matches
from placeprint.verification.binary import find_binary_neighbors, packed_bits
from placeprint.verification.matching import Neighbors, find_neighbors
from placeprint.verification.transforms import SIDE


@checked
@dataclass(kw_only=True, eq=False)
class NearestNeighbors:
    """Match descriptors by nearest neighbors.

    Args:
        mutual: whether both must be each other's nearest.
        ratio: the largest ratio of the distances to the nearest and second nearest neighbor; None for no ratio test.
        far: how far the second nearest must be from the nearest, in pixels of a photo whose longest side is 640.
        min_similarity: the smallest cosine of a match.
        distance: ``"euclidean"`` or ``"hamming"``, the distance in the ratio test.

    Raises:
        OptionError: a parameter is out of its range.
    """

    mutual: bool = True
    ratio: Annotated[float, Range(0, 1, above=True)] | None = None
    far: Annotated[float, Range(0, 640)] = 0.0
    min_similarity: Cosine = -1.0
    distance: Annotated[str, OneOf("euclidean", "hamming")] = "euclidean"

    def match(self, query: LocalFeatures, candidates: Sequence[LocalFeatures]) -> list[Matches]:
        """Return the matches with each candidate; scores are cosines, or one minus the ratio with a ratio test.

        Raises:
            ShapeError: the descriptors differ in length.
        """
        for candidate in candidates:
            if len(query) and len(candidate) and query.descriptors.shape[1] != candidate.descriptors.shape[1]:
                raise ShapeError(
                    f"descriptors must have the query's length {query.descriptors.shape[1]}, "
                    f"got {candidate.descriptors.shape[1]}; describe both photos alike"
                )
        return map_cores(lambda candidate: self._match(query, candidate), candidates)

    def _match(self, query: LocalFeatures, candidate: LocalFeatures) -> Matches:
        if not len(query) or not len(candidate):
            return Matches(np.zeros((0, 2), np.int64), np.zeros(0, np.float32))
        points = candidate.keypoints * (SIDE / max(candidate.image_size))
        far = None if self.ratio is None else self.far
        found = self._neighbors(query.descriptors, candidate.descriptors, points, far)
        nearest, best = found.nearest, found.best
        kept = best >= self.min_similarity
        if self.mutual:
            kept &= found.mutual
        scores = best
        if self.ratio is not None and found.second is not None:
            ratios = self._ratios(best, found.second)
            kept &= ratios < self.ratio
            scores = 1 - ratios
        chosen = np.flatnonzero(kept)
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
        chosen = np.sort(chosen[np.unique(nearest[chosen], return_index=True)[1]])
        return Matches(np.stack([chosen, nearest[chosen]], axis=1).astype(np.int64), scores[chosen])

    def _neighbors(self, query: Floats, candidate: Floats, points: Floats, far: float | None) -> Neighbors:
        """Return the nearest neighbors; bits are counted where no point is too near to be the second one."""
        if self.distance == "hamming" and not far:
            first, second = packed_bits(query), packed_bits(candidate)
            if first is not None and second is not None:
                return find_binary_neighbors(first, second)
        return find_neighbors(query, candidate, points, far)

    def _ratios(self, best: Floats, second: Floats) -> NDArray[np.float32]:
        """Return ``(n,)`` ratios; 1, which fails every test, if there is no second neighbor or both are equal."""
        ratios = np.ones(len(best), np.float32)
        known = np.isfinite(second) & (second < 1)
        ratios[known] = np.maximum(0, 1 - best[known]) / (1 - second[known])
        return ratios if self.distance == "hamming" else np.sqrt(ratios)
