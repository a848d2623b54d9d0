"""PCA whitening as a transformer of scikit-learn; it passes all of `check_estimator`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from placeprint.aggregation import whitening
from placeprint.sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from placeprint.types import Floats


class PCAWhitening(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Shorten and whiten rows, then scale them to unit length (`placeprint.aggregation.whitening.PCAWhitening`).

    Args:
        dim: length of the result; None for as many as the rows allow.
        power: 0.5 for full whitening, 0 for plain PCA.
        shrinkage: share of the mean eigenvalue that is added to each.
        seed: seed of the randomized method.

    Attributes:
        whitener_: the fitted whitener.
        n_features_in_: length of the rows.
    """

    whitener_: whitening.PCAWhitening
    n_features_in_: int

    def __init__(self, dim: int | None = None, *, power: float = 0.5, shrinkage: float = 0.01, seed: int = 0) -> None:
        self.dim = dim
        self.power = power
        self.shrinkage = shrinkage
        self.seed = seed

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # the name that scikit-learn calls it by
        """Learn from ``(n, d)`` rows, n at least 2; return self.

        Args:
            X: the rows.
            y: ignored.

        Raises:
            ShapeError: there are not more than ``dim`` rows, or they are shorter.
            OptionError: a parameter is out of its range.
            ValueError: the rows are not finite numbers.
        """
        from sklearn.utils.validation import validate_data

        rows = validate_data(self, X, dtype=[np.float32, np.float64], ensure_min_samples=2)
        dim = min(len(rows) - 1, rows.shape[1]) if self.dim is None else self.dim
        params = {name: value for name, value in self.get_params(deep=False).items() if name != "dim"}
        self.whitener_ = whitening.PCAWhitening(dim=dim, **params).fit(rows)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return ``(n, dim)`` unit rows; zero rows stay zero.

        Raises:
            NotFittedError: (scikit-learn's) `fit` has not been called.
            ValueError: the rows have another length, or are not finite numbers.
        """
        from sklearn.utils.validation import check_is_fitted, validate_data

        check_is_fitted(self)
        return self.whitener_.transform(validate_data(self, X, dtype=[np.float32, np.float64], reset=False))

    @property
    def _n_features_out(self) -> int:
        return self.whitener_.dim

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
