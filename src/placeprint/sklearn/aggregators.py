"""Aggregators as transformers: sequences of ``(k, d)`` local descriptors in, rows out.

Constructors have the parameters of the aggregators (`placeprint.aggregation`), which check them when `fit` is called,
as scikit-learn asks. Photos have different numbers of descriptors, so the input is no matrix: the checks of
`check_estimator` that fit matrices do not apply, the others pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self

import numpy as np

from placeprint.aggregation import bow, fisher, netvlad, pooling, vlad
from placeprint.sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    Photos,
    TransformerMixin,
    features_of,
)
from placeprint.types import Aggregator, Floats


class _Aggregating(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """What the aggregators share.

    Attributes:
        aggregator_: the fitted aggregator of `placeprint.aggregation`.
        n_features_in_: d, the length of a local descriptor.
    """

    _component: ClassVar[Callable[..., Aggregator]]

    def fit(self, photos: Photos, y: object = None) -> Self:
        """Learn from the local descriptors of photos; return self.

        Args:
            photos: see `base.Photos`.
            y: ignored.

        Raises:
            ShapeError: there are too few descriptors, or `base.features_of` refuses them.
            OptionError: a parameter is out of its range.
        """
        features = features_of(photos)
        self.aggregator_: Aggregator = type(self)._component(**self.get_params(deep=False)).fit(features)
        self.n_features_in_: int = max(each.descriptors.shape[1] for each in features)
        return self

    def transform(self, photos: Photos) -> Floats:
        """Return ``(n, dim)`` unit rows; zeros for photos without descriptors.

        Args:
            photos: see `base.Photos`.

        Raises:
            NotFittedError: (scikit-learn's) `fit` has not been called.
            ShapeError: the descriptors differ in length from those that were fitted.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        dim = self.n_features_in_
        empty = np.zeros(self.aggregator_.dim, np.float32)
        return np.stack([self.aggregator_.aggregate(each) if len(each) else empty for each in features_of(photos, dim)])

    @property
    def _n_features_out(self) -> int:
        return self.aggregator_.dim

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


@dataclass(eq=False, repr=False)
class VLAD(_Aggregating):
    """`placeprint.aggregation.vlad.VLAD`, whose parameters these are."""

    _component = vlad.VLAD
    num_words: int = 64
    _: KW_ONLY
    vocabularies: int = 1
    residual_normalization: bool = True
    sum_normalization: bool = False
    power: float = 0.5
    intra_normalization: bool = False
    assignments: int = 1
    softness: float = 0.05
    local_dim: int = 0
    local_whitening: float = 0.25
    spherical: bool = False
    iterations: int = 20
    adapt_rounds: int = 5
    adapt_strength: float = 10.0
    seed: int = 0


@dataclass(eq=False, repr=False)
class FisherVector(_Aggregating):
    """`placeprint.aggregation.fisher.Fisher`, whose parameters these are."""

    _component = fisher.Fisher
    num_gaussians: int = 64
    _: KW_ONLY
    local_dim: int = 0
    local_whitening: float = 0.0
    power: float = 0.5
    iterations: int = 50
    seed: int = 0


@dataclass(eq=False, repr=False)
class NetVLAD(_Aggregating):
    """`placeprint.aggregation.netvlad.NetVLAD`, whose parameters these are; `networks.netvlad` is the trained layer."""

    _component = netvlad.NetVLAD
    num_clusters: int = 64
    _: KW_ONLY
    version: str = "v2"
    iterations: int = 20
    adapt_rounds: int = 5
    adapt_strength: float = 10.0
    seed: int = 0


@dataclass(eq=False, repr=False)
class BoW(_Aggregating):
    """`placeprint.aggregation.bow.BoW`, whose parameters these are."""

    _component = bow.BoW
    num_words: int = 4096
    _: KW_ONLY
    power: float = 0.5
    idf: bool = True
    spherical: bool = False
    iterations: int = 20
    seed: int = 0


@dataclass(eq=False, repr=False)
class GeM(_Aggregating):
    """`placeprint.aggregation.pooling.GeM`, whose parameters these are; scores count for `LocalFeatures` only."""

    _component = pooling.GeM
    p: float = 3.0
    _: KW_ONLY
    use_scores: bool = True
