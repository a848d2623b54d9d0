"""NetVLAD over local features (Arandjelovic et al., CVPR 2016), like the untrained layer.

Centers by k-means over descriptors of unit length, alpha from the same descriptors; `kernels.netvlad` has the equations
and the versions ``"v2"`` and ``"v1"``. `networks.netvlad`, the layer that is trained, gives the same numbers.

Unlike soft assignment in VLAD (`aggregation.vlad`), a descriptor is assigned to all clusters, and the softness follows
from the descriptors. There are no departures from the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vlad import VLAD
from placeprint.aggregation.vocabulary import Iterations, Words
from placeprint.arrays import rows_of
from placeprint.core.numerics import normalize, stacked
from placeprint.core.options import NotNegative, OneOf, Range, Seed, checked
from placeprint.errors import NotFittedError
from placeprint.kernels.netvlad import VERSIONS, assignment, netvlad, sharpness
from placeprint.types import Floats, LocalFeatures


@checked
@dataclass(kw_only=True, eq=False)
class NetVLAD:
    """Aggregate local features of any kind by NetVLAD.

    Args:
        num_clusters: k, the number of clusters.
        version: ``"v2"`` or ``"v1"``, see `kernels.netvlad`.
        iterations: the iterations of k-means.
        adapt_rounds: the number of rounds of `adapt`.
        adapt_strength: the number of descriptors that the old position of a center counts for in `adapt`.
        seed: the seed of k-means.
    """

    num_clusters: Words = 64
    version: Annotated[str, OneOf(*VERSIONS)] = "v2"
    iterations: Iterations = 20
    adapt_rounds: Annotated[int, Range(0, 10_000)] = 5
    adapt_strength: NotNegative = 10.0
    seed: Seed = 0
    centers_: NDArray[np.float32] | None = field(default=None, init=False)
    alpha_: NDArray[np.float32] | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor, K x D.

        Raises:
            NotFittedError: the centers have not been learned.
        """
        return int(self._learned()[0].size)

    def fit(self, features: Sequence[LocalFeatures]) -> NetVLAD:
        """Learn the centers and alpha; return self.

        Raises:
            ShapeError: there are fewer descriptors than clusters.
            OptionError: a parameter is out of its range, or all descriptors are the same.
        """
        units = [_with_unit_rows(photo) for photo in features]
        centers = self._vlad().refit(units).codebook_
        assert centers is not None  # refit learned it
        rows = stacked(units)
        self.centers_, self.alpha_ = centers, np.array(sharpness(centers, rows, self.version), np.float32)
        return self

    def refit(self, features: Sequence[LocalFeatures]) -> NetVLAD:
        """Do the same as `fit`: everything depends on the collection."""
        return self.fit(features)

    def adapt(self, features: Sequence[LocalFeatures]) -> NetVLAD:
        """Adapt the centers to another collection, as `VLAD.adapt` does; alpha stays. Return self.

        Raises:
            NotFittedError: there are no centers to move.
        """
        vlad = self._vlad()
        vlad.codebook_, _ = self._learned()
        self.centers_ = vlad.adapt([_with_unit_rows(photo) for photo in features]).codebook_
        return self

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(K x D,)`` unit vector of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: the centers have not been learned.
            ShapeError: the descriptors differ in length from those they were learned from.
        """
        weights, biases, centers = self.layer()
        return netvlad(normalize(rows_of(features.descriptors, dim=centers.shape[1])), weights, biases, centers)

    def layer(self) -> tuple[Floats, Floats, Floats]:
        """Return w ``(K, D)``, b ``(K,)`` and c ``(K, D)`` of the layer.

        Raises:
            NotFittedError: the centers have not been learned.
        """
        centers, alpha = self._learned()
        return *assignment(centers, float(alpha), self.version), centers

    def _vlad(self) -> VLAD:
        """Return the VLAD that learns and adapts the centers."""
        return VLAD(
            num_words=self.num_clusters,
            iterations=self.iterations,
            adapt_rounds=self.adapt_rounds,
            adapt_strength=self.adapt_strength,
            seed=self.seed,
        )

    def _learned(self) -> tuple[NDArray[np.float32], np.float32]:
        if self.centers_ is None or self.alpha_ is None:
            raise NotFittedError("NetVLAD has no centers; call fit first")
        return self.centers_, np.float32(self.alpha_)


def _with_unit_rows(photo: LocalFeatures) -> LocalFeatures:
    return LocalFeatures(photo.keypoints, normalize(rows_of(photo.descriptors)), photo.scores, photo.image_size)
