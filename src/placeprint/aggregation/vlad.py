"""VLAD: vector of locally aggregated descriptors (Jegou et al., CVPR 2010; Arandjelovic and Zisserman, CVPR 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import NotFittedError, ShapeError
from placeprint.numerics import normalize, power_law
from placeprint.types import Floats, LocalFeatures


@dataclass(kw_only=True, eq=False)
class VLAD:
    """VLAD."""

    num_words: int = 256
    power: float = 0.5
    seed: int = 0
    codebook_: NDArray[np.float32] | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        return self._codebook().size

    def fit(self, features: Sequence[LocalFeatures]) -> VLAD:
        import faiss

        rows = np.concatenate([f.descriptors for f in features]).astype(np.float32)
        km = faiss.Kmeans(rows.shape[1], self.num_words, niter=20, seed=self.seed, max_points_per_centroid=10**6)
        km.train(rows)
        self.codebook_ = km.centroids.copy()
        return self

    def aggregate(self, features: LocalFeatures) -> Floats:
        c = self._codebook()
        if not len(features):
            return np.zeros(c.size, np.float32)
        x = np.asarray(features.descriptors, np.float32)
        a = np.argmax(x @ c.T - 0.5 * (c * c).sum(1), 1)
        r = normalize(x - c[a])
        v = np.zeros(c.shape, np.float32)
        np.add.at(v, a, r)
        return normalize(power_law(normalize(v), self.power).ravel())

    def _codebook(self) -> NDArray[np.float32]:
        if self.codebook_ is None:
            raise NotFittedError("VLAD has no codebook; call fit first")
        return self.codebook_
