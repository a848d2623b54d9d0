"""CGD over the cells of a map: several poolings, each projected, then combined (Jun et al., arXiv 1903.10663).

This is `networks.cgd` in NumPy, from features that restore the map (see `aggregation.pooling`).
The letters of the configuration name the poolings: S is SPoC, M is MAC, G is GeM. The unit vector of each is projected
to ``projected_dim / n`` values; `kernels.cgd` has the equation. The projections are one of

- those of a trained network (`from_network`): its linear layers have no bias, so m_i = 0, and the values equal the
  network's. `refit` and `adapt` keep them.
- PCA of the unit vectors of each branch, learned from photos without training (`fit`), optionally whitened as in
  `whitening.PCAWhitening`. `refit` learns it again; `adapt` keeps it, because few photos would spoil it.

Departures: the second kind is ours; the paper only knows trained layers. A branch's PCA is never longer than the map
has channels. It needs more photos than it has values; with fewer, nothing is learned, the projection is the identity,
and the descriptor has n x C values. Without training, p is the parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.pooling import MAC, GeM, SPoC
from placeprint.aggregation.projection import pca_whitening
from placeprint.aggregation.vocabulary import Exponent
from placeprint.arrays import rows_of
from placeprint.core.numerics import stacked
from placeprint.core.options import Range, Share, checked
from placeprint.errors import NotFittedError, ShapeError
from placeprint.kernels import cgd as kernels
from placeprint.types import Floats, LocalFeatures

if TYPE_CHECKING:
    from placeprint.networks import cgd as networks


@checked
@dataclass(kw_only=True, eq=False)
class CGD:
    """Combine several global descriptors of a map.

    Args:
        config: the letters of the poolings, each once.
        projected_dim: the length of the descriptor, a multiple of the number of letters; shorter if the map has too few
            channels, see the module.
        p: the exponent of GeM, above 0, unless a trained network provides its own.
        power: the exponent of the whitening; 0.5 whitens fully, 0 is plain PCA.
        shrinkage: the shrinkage of the whitening, as a share of the mean of the eigenvalues.
        use_scores: whether scores weight the features; use false for features whose scores are not lengths.
    """

    config: str = "SG"
    projected_dim: Annotated[int, Range(1, 65_536)] = 1536
    p: Exponent = 3.0
    power: Share = 0.0
    shrinkage: Annotated[float, Range(0, 1000)] = 0.01
    use_scores: bool = True
    means_: NDArray[np.float32] | None = field(default=None, init=False)
    projections_: NDArray[np.float32] | None = field(default=None, init=False)
    p_: NDArray[np.float32] | None = field(default=None, init=False)
    trained_: NDArray[np.bool_] | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor.

        Raises:
            NotFittedError: there are no projections.
        """
        _, projections = self._learned()
        return int(projections.shape[0] * projections.shape[2])

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn a projection for each branch, replacing trained ones; return self.

        Raises:
            ShapeError: there are no photos.
            OptionError: a parameter is out of its range.
        """
        kernels.check_config(self.config, self.projected_dim, "projected_dim")
        if not features:
            raise ShapeError("CGD learns its projections from photos, got none")
        self.p_, self.trained_ = np.array([self.p], np.float32), np.array(False)
        stacked(features)  # refuses photos whose descriptors differ in length
        branches = np.stack([self._pooled(photo) for photo in features], axis=1)
        count, channels = len(branches), branches.shape[2]
        length = min(self.projected_dim // count, channels)
        if len(features) > length:
            learned = [pca_whitening(rows, length, self.shrinkage, self.power) for rows in branches]
        else:
            learned = [(np.zeros(channels, np.float32), np.eye(channels, dtype=np.float32))] * count
        self.means_ = np.stack([mean for mean, _ in learned])
        self.projections_ = np.stack([projection for _, projection in learned])
        return self

    def refit(self, features: Sequence[LocalFeatures]) -> Self:
        """Do the same as `fit`, but keep trained projections."""
        return self if self.trained_ is not None and self.trained_ else self.fit(features)

    def adapt(self, features: Sequence[LocalFeatures]) -> Self:
        """Keep the projections; learn them as `fit` does if there are none."""
        return self.fit(features) if self.projections_ is None else self

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(dim,)`` unit vector of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: there are no projections.
            ShapeError: the descriptors differ in length from those the projections were learned from.
        """
        means, projections = self._learned()
        rows_of(features.descriptors, dim=means.shape[1])
        return kernels.cgd(list(self._pooled(features)), list(projections), list(means))

    def poolings(self) -> list[SPoC | MAC | GeM]:
        """Return the poolings of the configuration, GeM with its exponent as it was learned."""
        exponents = [self.p] if self.p_ is None else self.p_.tolist()
        made: dict[str, SPoC | MAC | GeM] = {
            "S": SPoC(use_scores=self.use_scores),
            "M": MAC(use_scores=self.use_scores),
            "G": GeM(p=exponents[0] if len(exponents) == 1 else tuple(exponents), use_scores=self.use_scores),
        }
        return [made[letter] for letter in self.config]

    def _pooled(self, features: LocalFeatures) -> Floats:
        """Return the results of the poolings, ``(n, C)`` unit rows."""
        return np.stack([pooling.aggregate(features) for pooling in self.poolings()])

    def _learned(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.means_ is None or self.projections_ is None or self.p_ is None:
            raise NotFittedError("CGD has no projections; call fit first, or use those of a network by from_network")
        return self.means_, self.projections_


def from_network(network: networks.CGD) -> CGD:
    """Return an aggregator that gives the network's descriptors from the cells of its backbone's map.

    Args:
        network: a trained network; it is not changed, and its weights are copied.
    """
    from placeprint.networks.pooling import GeM as TrainedGeM

    layers = [next(layer.parameters()).detach().cpu().numpy() for layer in network.projections]
    exponents = [pool.p.detach().cpu().numpy() for pool in network.poolings if isinstance(pool, TrainedGeM)]
    return from_layers(network.config, layers, exponents[0] if exponents else None)


def from_layers(config: str, layers: Sequence[Floats], exponent: Floats | None = None) -> CGD:
    """Return an aggregator from trained poolings, each with a linear layer.

    Args:
        config: letters of the poolings.
        layers: the weights of each pooling's layer, ``(k, C)``.
        exponent: the exponent of GeM, ``(1,)`` or ``(C,)``; None if there is no GeM.
    """
    made = CGD(config=config, projected_dim=sum(len(layer) for layer in layers))
    made.projections_ = np.stack([layer.T for layer in layers]).astype(np.float32)
    made.means_ = np.zeros(made.projections_.shape[:2], np.float32)
    made.p_ = np.array([made.p] if exponent is None else exponent, np.float32)
    made.trained_ = np.array(True)
    return made
