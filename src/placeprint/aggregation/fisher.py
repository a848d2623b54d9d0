"""Fisher vectors (Perronnin and Dance, CVPR 2007; improved: Perronnin et al., ECCV 2010; Sanchez et al., IJCV 2013).

A mixture of K Gaussians with diagonal covariances is learned from local descriptors. The descriptors of a photo are
described by how the mixture would have to change to fit them better: `kernels.fisher` has the equations. Then power law
and L2 (the improved vector), 2 K D values.

Local descriptors are projected by PCA first (`local_dim`), because diagonal covariances assume independent values. The
derivative with respect to the weights is dropped, as in the papers' experiments. The mixture is scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from placeprint.aggregation.projection import local_pca, project
from placeprint.aggregation.vocabulary import SAMPLE, Exponent, Iterations, LocalDim
from placeprint.arrays import rows_of
from placeprint.core.numerics import normalize, power_law, stacked
from placeprint.core.options import Range, Seed, Share, checked
from placeprint.errors import NotFittedError, PackageError, ShapeError
from placeprint.kernels.fisher import fisher
from placeprint.types import Floats, LocalFeatures

LEAST_VARIANCE = 1e-5
"""Value added to the variances, so that no Gaussian collapses to one descriptor."""
LEAST_WEIGHT = 1e-6
"""Smallest weight of a Gaussian: the vector is divided by its square root, and an atlas stores it as float16."""


@checked
@dataclass(kw_only=True, eq=False)
class Fisher:
    """Aggregate to a Fisher vector over a Gaussian mixture.

    Args:
        num_gaussians: k, the number of Gaussians.
        local_dim: the number of dimensions of local PCA; 0 for no PCA.
        local_whitening: the exponent of the eigenvalues, used with ``local_dim``.
        power: the exponent of the power law; 1 for none.
        iterations: the most iterations of expectation maximization.
        seed: the seed of the initial Gaussians and of the sample.
    """

    num_gaussians: Annotated[int, Range(1, 65_536)] = 64
    local_dim: LocalDim = 0
    local_whitening: Share = 0.0
    power: Exponent = 0.5
    iterations: Iterations = 50
    seed: Seed = 0
    weights_: Floats | None = field(default=None, init=False)
    means_: Floats | None = field(default=None, init=False)
    variances_: Floats | None = field(default=None, init=False)
    mean_: Floats | None = field(default=None, init=False)
    projection_: Floats | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor, 2 x K x D.

        Raises:
            NotFittedError: the mixture has not been learned.
        """
        return 2 * self._mixture()[1].size

    def fit(self, features: Sequence[LocalFeatures]) -> Fisher:
        """Learn local PCA, if ``local_dim`` is set, and the mixture; return self.

        Raises:
            ShapeError: there are fewer descriptors than Gaussians, or they differ in length or are not finite.
            OptionError: a parameter is out of its range.
            PackageError: scikit-learn is not installed.
        """
        self.mean_, self.projection_ = local_pca(stacked(features), self.local_dim, self.local_whitening)
        return self.refit(features)

    def refit(self, features: Sequence[LocalFeatures]) -> Fisher:
        """Learn a new mixture in the existing projection; return self. Raise the same errors as `fit`."""
        if self.mean_ is None or self.projection_ is None:
            return self.fit(features)
        rows = project(stacked(features, len(self.mean_) or None), self.mean_, self.projection_)
        if len(rows) < self.num_gaussians:
            raise ShapeError(f"{self.num_gaussians} Gaussians need at least as many descriptors, got {len(rows)}")
        try:
            from sklearn.mixture import GaussianMixture
        except ImportError as error:
            raise PackageError("Fisher vectors need scikit-learn to learn; run: pip install scikit-learn") from error
        most = SAMPLE * self.num_gaussians
        if len(rows) > most:
            rows = rows[np.sort(np.random.default_rng(self.seed).choice(len(rows), most, replace=False))]

        class Mixture(GaussianMixture):  # type: ignore[misc]  # scikit-learn has no types
            """A mixture that always counts as converged, so it does not warn: `iterations` may stop it earlier."""

            converged_ = property(lambda _: True, lambda _, value: None)

        mixture = Mixture(
            self.num_gaussians,
            covariance_type="diag",
            reg_covar=LEAST_VARIANCE,
            max_iter=self.iterations,
            tol=1e-2,
            random_state=self.seed,
            # k-means warns about fewer distinct descriptors than Gaussians, such as from a blank wall
            init_params="kmeans" if len(np.unique(rows, axis=0)) >= self.num_gaussians else "random",
        )
        mixture.fit(rows)
        self.weights_ = np.maximum(mixture.weights_, LEAST_WEIGHT).astype(np.float32)
        self.means_ = mixture.means_.astype(np.float32)
        self.variances_ = mixture.covariances_.astype(np.float32)
        return self

    def adapt(self, features: Sequence[LocalFeatures]) -> Fisher:
        """Keep the mixture, because a small collection cannot improve it; return self.

        Raises:
            NotFittedError: the mixture has not been learned.
        """
        self._mixture()
        return self

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(2 x K x D,)`` unit Fisher vector of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: the mixture has not been learned.
            ShapeError: the descriptors are not finite, or differ in length from those it was learned from.
        """
        weights, means, variances = self._mixture()
        rows = self._projected(features.descriptors)
        return normalize(power_law(fisher(rows, weights, means, variances), self.power))

    def _projected(self, descriptors: Floats) -> Floats:
        if self.mean_ is None or self.projection_ is None:
            raise NotFittedError("Fisher has not learned a mixture; call fit first")
        expected = len(self.mean_) if self.projection_.size else self._mixture()[1].shape[1]
        return project(rows_of(descriptors, dim=expected), self.mean_, self.projection_)

    def _mixture(self) -> tuple[Floats, Floats, Floats]:
        if self.weights_ is None or self.means_ is None or self.variances_ is None:
            raise NotFittedError("Fisher has not learned a mixture; call fit first")
        return self.weights_, self.means_, self.variances_
