"""A trained NetVLAD layer (Arandjelovic et al., CVPR 2016) over local features: with a free assignment.

w, b and c (`kernels.netvlad` has the equations) are as training left them, or as a checkpoint brings them. Ghost
clusters are the last rows of w and b: they take part in the softmax and have no center. `networks.netvlad`, the layer
itself, gives the same numbers.

If w and b follow from the centers, `aggregation.netvlad` does the same with fewer numbers and can be adapted to photos.
Here `fit` uses the layer's initialization; `refit` and `adapt` keep the existing values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.netvlad import NetVLAD
from placeprint.aggregation.vocabulary import Words
from placeprint.arrays import rows_of
from placeprint.core.numerics import normalize
from placeprint.core.options import OneOf, Seed, checked
from placeprint.errors import NotFittedError
from placeprint.kernels.netvlad import VERSIONS, netvlad
from placeprint.types import Floats, LocalFeatures

if TYPE_CHECKING:
    from placeprint.networks import netvlad as networks


@checked
@dataclass(kw_only=True, eq=False)
class NetVLADLayer:
    """Aggregate by NetVLAD with an assignment independent of its centers.

    Args:
        num_clusters: k, used by `fit`.
        version: ``"v2"`` or ``"v1"``, of `fit`; see `kernels.netvlad`.
        seed: the seed of k-means in `fit`.
    """

    num_clusters: Words = 64
    version: Annotated[str, OneOf(*VERSIONS)] = "v2"
    seed: Seed = 0
    weights_: NDArray[np.float32] | None = field(default=None, init=False)
    biases_: NDArray[np.float32] | None = field(default=None, init=False)
    centers_: NDArray[np.float32] | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor, K x D.

        Raises:
            NotFittedError: there are no centers.
        """
        return int(self.layer()[2].size)

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Initialize as the layer does, from k-means; return self.

        Raises:
            ShapeError: there are fewer descriptors than clusters.
            OptionError: a parameter is out of its range, or all descriptors are the same.
        """
        begun = NetVLAD(num_clusters=self.num_clusters, version=self.version, seed=self.seed).fit(features)
        self.weights_, self.biases_, self.centers_ = begun.layer()
        return self

    def refit(self, features: Sequence[LocalFeatures]) -> Self:
        """Keep the trained values; learn as `fit` does if there are none."""
        return self.fit(features) if self.centers_ is None else self

    def adapt(self, features: Sequence[LocalFeatures]) -> Self:
        """Do the same as `refit`."""
        return self.refit(features)

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(K x D,)`` unit vector of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: there are no centers.
            ShapeError: the descriptors differ in length from the centers.
        """
        weights, biases, centers = self.layer()
        return netvlad(normalize(rows_of(features.descriptors, dim=centers.shape[1])), weights, biases, centers)

    def layer(self) -> tuple[Floats, Floats, Floats]:
        """Return w ``(K + G, D)``, b ``(K + G,)`` and c ``(K, D)`` of the layer.

        Raises:
            NotFittedError: there are none.
        """
        if self.weights_ is None or self.biases_ is None or self.centers_ is None:
            raise NotFittedError("NetVLADLayer has no centers; call fit first, or use those of a layer by from_layer")
        return self.weights_, self.biases_, self.centers_


def from_layer(layer: networks.NetVLAD) -> NetVLADLayer:
    """Return an aggregator that gives a trained layer's descriptors from the cells of its map.

    Args:
        layer: a trained layer; it is not changed, and its weights are copied.
    """
    made = NetVLADLayer(num_clusters=layer.num_clusters, version=layer.version)
    weight = layer.conv.weight.detach().cpu().flatten(1).numpy()
    made.weights_ = weight.astype(np.float32)
    bias = layer.conv.bias
    made.biases_ = np.zeros(len(weight), np.float32) if bias is None else bias.detach().cpu().numpy().astype(np.float32)
    made.centers_ = layer.centroids.detach().cpu().numpy().astype(np.float32)
    return made
