"""Global pooling of local features: `networks.pooling` in NumPy, from the cells of the map.

The features are those of a grid: each cell has a unit descriptor, and its score is the original length of the cell's
vector. So ``x_i = score_i * descriptor_i`` restores the map (``use_scores``), and the same equations hold
(`kernels.pooling`, where the papers are named). Tests compare the two on full grids.

Other local features can be pooled too; with ``use_scores=False`` each counts the same.

Departures, beside those of the kernels:

- Cells that a grid dropped, because they are uniform or too many, count as 0. This only matters for the maximum of a
  channel that is negative everywhere, and for CroW's small constant.
- The position of a feature is its keypoint. SPoC's prior is centered on the photo and measured in its pixels. R-MAC's
  squares need the columns and rows of the map: their number is the width of the photo divided by the smallest distance
  of two different x, and likewise for rows; a distance below a pixel counts as a pixel. So features that are not on a
  grid are assigned to squares by pixel.
- R-MAC's whitening adds ``shrinkage`` times the mean eigenvalue to each eigenvalue, as in `whitening`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.projection import pca_whitening
from placeprint.aggregation.vocabulary import Exponent
from placeprint.arrays import floats_of, rows_of
from placeprint.core.numerics import normalize, stacked
from placeprint.core.options import Range, checked
from placeprint.errors import NotFittedError, ShapeError
from placeprint.kernels import pooling as kernels
from placeprint.kernels.rmac import rmac, rmac_regions
from placeprint.kernels.vectors import Array, namespace
from placeprint.types import LARGEST_SCORE, Floats, Ids, LocalFeatures


@dataclass(kw_only=True, eq=False)
class Pooling:
    """The base of the poolings: they learn the length of the descriptors, and return vectors of that length.

    Args:
        use_scores: see the module.
    """

    use_scores: bool = True
    dim_: Ids | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor.

        Raises:
            NotFittedError: no features have been seen.
        """
        if self.dim_ is None:
            raise NotFittedError(f"{type(self).__name__} has seen no features; call fit first")
        return int(self.dim_)

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn the length of the descriptors from the first photo; return self.

        Raises:
            ShapeError: there are no photos.
        """
        if not features:
            raise ShapeError("pooling learns the length of descriptors from at least one photo, got none")
        self.dim_ = np.array(stacked(features).shape[1], np.int64)
        return self

    def refit(self, features: Sequence[LocalFeatures]) -> Self:
        """Do the same as `fit`."""
        return self.fit(features)

    def adapt(self, features: Sequence[LocalFeatures]) -> Self:
        """Do the same as `fit`: there is nothing to adapt."""
        return self.fit(features)

    def cells(self, features: LocalFeatures) -> Floats:
        """Return the cells of the map, ``(n, d)``.

        Raises:
            ShapeError: the descriptors differ in length from those seen by `fit`.
        """
        rows = rows_of(features.descriptors, dim=None if self.dim_ is None else int(self.dim_))
        if not self.use_scores:
            return rows
        scores = floats_of(features.scores, "scores", most=LARGEST_SCORE)
        with np.errstate(over="ignore", under="ignore"):
            return rows_of(rows * scores[:, None], "descriptors times their scores")


@dataclass(kw_only=True, eq=False)
class CellPooling(Pooling, ABC):
    """A pooling for which it does not matter where cells are, but for their weights."""

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(d,)`` unit vector of one photo, or zeros if it has no features or all weights are 0.

        Raises:
            ShapeError: the descriptors differ in length from those seen by `fit`, or from the number of exponents.
        """
        scores = floats_of(features.scores, "scores", most=LARGEST_SCORE)
        return self._pooled(features, self.weights(scores) if len(scores) else None)

    @abstractmethod
    def pool(self, cells: Array, weights: Array | None = None) -> Array:
        """Return ``(d,)``, not normalized, of cells ``(n, d)`` of NumPy or Torch, n above 0.

        Args:
            cells: the cells of the map.
            weights: ``(n,)``, 0 for cells that do not count; None where all count the same.
        """

    def weights(self, scores: Array) -> Array | None:
        """Return the weights ``(n,)`` of cells from their scores, ``(n,)``; None where all count the same."""
        return None

    def _pooled(self, features: LocalFeatures, weights: Floats | None) -> Floats:
        cells = self.cells(features)
        return normalize(self.pool(cells, weights)) if len(cells) else np.zeros(cells.shape[1], np.float32)


@checked
@dataclass(kw_only=True, eq=False)
class SPoC(CellPooling):
    """Aggregate by sum pooling.

    Args:
        center_prior: whether features near the center of the photo count more.
        use_scores: see the module.
    """

    center_prior: bool = False

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(d,)`` unit vector of one photo, or zeros if it has no features.

        Raises:
            ShapeError: the descriptors differ in length from those seen by `fit`.
        """
        if not self.center_prior:
            return super().aggregate(features)
        size = np.asarray(features.image_size, np.float32)
        return self._pooled(features, kernels.center_prior(features.keypoints, size))

    def pool(self, cells: Array, weights: Array | None = None) -> Array:
        """Return the sum of the cells."""
        return kernels.spoc(cells, weights)


@checked
@dataclass(kw_only=True, eq=False)
class MAC(CellPooling):
    """Aggregate by the maximum of each channel.

    Args:
        use_scores: see the module.
    """

    def pool(self, cells: Array, weights: Array | None = None) -> Array:
        """Return the maxima over the cells that count."""
        return kernels.mac(cells, weights)


@checked
@dataclass(kw_only=True, eq=False)
class GeM(CellPooling):
    """Aggregate by the generalized mean.

    Args:
        p: the exponent, above 0; or one per channel.
        use_scores: see the module.
    """

    p: Exponent | tuple[Exponent, ...] = 3.0

    def pool(self, cells: Array, weights: Array | None = None) -> Array:
        """Return the generalized mean.

        Raises:
            ShapeError: there is another count of exponents than of channels.
        """
        xp = namespace(cells)
        p: Array = xp.asarray(self.p, dtype=cells.dtype)
        if p.ndim and p.shape[0] != cells.shape[1]:
            raise ShapeError(f"p must be a number or have shape ({cells.shape[1]},), got {tuple(p.shape)}")
        # NumPy's mean along the first axis rounds more than a matrix product
        equal: Array = xp.ones_like(cells[:, 0])
        return kernels.gem(cells, p, equal if weights is None else weights)


@checked
@dataclass(kw_only=True, eq=False)
class WeightedGeM(GeM):
    """Aggregate by the generalized mean of weighted features.

    Args:
        p: the exponent, above 0; or one per channel.
        weight_power: the exponent of a feature's score that gives its weight; 0 for `GeM`.
        use_scores: see the module.
    """

    weight_power: Annotated[float, Range(0, 100)] = 1.0

    def aggregate(self, features: LocalFeatures, weights: Floats | None = None) -> Floats:
        """Return the ``(d,)`` unit vector of one photo, or zeros if it has no features or all weights are 0.

        Args:
            features: the features of the photo.
            weights: ``(n,)`` weights instead of the scores; those below 0 count as 0.

        Raises:
            ShapeError: the descriptors differ in length from those seen by `fit`, or from the number of exponents, or
                the number of weights differs from that of the features.
        """
        if weights is None:
            return super().aggregate(features)
        if weights.shape != (len(features),):
            raise ShapeError(f"weights must have shape ({len(features)},), got {weights.shape}")
        return self._pooled(features, floats_of(weights, "weights"))

    def weights(self, scores: Array) -> Array | None:
        """Return the scores to the power of ``weight_power``, as shares of the largest."""
        return kernels.score_weights(scores, self.weight_power)


@checked
@dataclass(kw_only=True, eq=False)
class CroW(CellPooling):
    """Aggregate by sum pooling with weights for features and channels.

    Args:
        a: the exponent of the norm that divides the feature weights.
        b: the root of the feature weights.
        use_scores: see the module.
    """

    a: Annotated[float, Range(0, 100, above=True)] = 2.0
    b: Annotated[float, Range(0, 100, above=True)] = 2.0

    def pool(self, cells: Array, weights: Array | None = None) -> Array:
        """Return the weighted sum."""
        return kernels.crow(cells, self.a, self.b, weights)


@checked
@dataclass(kw_only=True, eq=False)
class RMAC(Pooling):
    """Aggregate by the sum of the unit maxima of many squares of the photo.

    Args:
        levels: the number of square sizes.
        whole: whether the whole photo is one more region; not in the paper, but in some public code.
        whitened_dim: the length of the whitened region vectors; 0 for no whitening.
        shrinkage: the shrinkage of the whitening, see the module.
        use_scores: see the module.
    """

    levels: Annotated[int, Range(1, 32)] = 3
    whole: bool = False
    whitened_dim: Annotated[int, Range(0, 65_536)] = 0
    shrinkage: Annotated[float, Range(0, 1000)] = 0.01
    mean_: NDArray[np.float32] | None = field(default=None, init=False)
    projection_: NDArray[np.float32] | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor.

        Raises:
            NotFittedError: no features have been seen.
        """
        length = super().dim
        return self.whitened_dim or length

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn the length of the descriptors and, if requested, the whitening of regions; return self.

        Raises:
            ShapeError: there are no photos, or no more regions than ``whitened_dim``, or the descriptors are shorter.
        """
        super().fit(features)
        self.mean_, self.projection_ = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        if self.whitened_dim:
            rows = np.concatenate([self.regions(photo) for photo in features])
            if len(rows) <= self.whitened_dim or rows.shape[1] < self.whitened_dim:
                raise ShapeError(
                    f"whitening to {self.whitened_dim} needs regions of shape (n > {self.whitened_dim}, "
                    f"d >= {self.whitened_dim}), got {rows.shape}"
                )
            self.mean_, self.projection_ = pca_whitening(rows, self.whitened_dim, self.shrinkage)
        return self

    def adapt(self, features: Sequence[LocalFeatures]) -> Self:
        """Keep the whitening, because few photos would spoil it; learn as `fit` does if there is none."""
        return self.fit(features) if self.dim_ is None else self

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(dim,)`` unit vector of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: the whitening has not been learned.
            ShapeError: the descriptors differ in length from those seen by `fit`.
        """
        return normalize(rmac(self.regions(features), self.whitening()))

    def whitening(self) -> tuple[()] | tuple[Floats, Floats]:
        """Return the mean ``(d,)`` and the projection ``(d, dim)`` of regions, or nothing if it is not requested.

        Raises:
            NotFittedError: the whitening has not been learned.
        """
        if not self.whitened_dim:
            return ()
        if self.mean_ is None or self.projection_ is None:
            raise NotFittedError("RMAC has not learned its whitening; call fit first")
        return self.mean_, self.projection_

    def regions(self, features: LocalFeatures) -> Floats:
        """Return the unit maxima ``(r, d)`` of the squares with features.

        Raises:
            ShapeError: the descriptors differ in length from those seen by `fit`.
        """
        rows = self.cells(features)
        if not len(rows):
            return np.zeros((0, rows.shape[1]), np.float32)
        (columns, width), (lines, height) = _map_cells(features)
        inside = [
            (columns >= x) & (columns < x + side) & (lines >= y) & (lines < y + side)
            for x, y, side in rmac_regions(width, height, self.levels)
        ] + [np.ones(len(rows), bool)] * self.whole
        return normalize(np.stack([rows[chosen].max(axis=0) for chosen in inside if chosen.any()]))


def _map_cells(features: LocalFeatures) -> tuple[tuple[Ids, int], tuple[Ids, int]]:
    """Return the column of each feature, ``(n,)``, with the number of columns, and likewise the row."""
    across, down = (_spacing(values) for values in features.keypoints.T)
    across, down = across or down or 1.0, down or across or 1.0
    return _places(features, 0, across), _places(features, 1, down)


def _spacing(values: Floats) -> float:
    """Return the smallest distance between two different values, at least 1; 0 if all are equal."""
    distances = np.diff(np.unique(values))
    distances = distances[distances > 1e-3]  # float32 has no more digits for pixels
    return max(1.0, float(distances.min())) if len(distances) else 0.0


def _places(features: LocalFeatures, axis: int, spacing: float) -> tuple[Ids, int]:
    count = max(1, round(features.image_size[axis] / spacing))
    places = np.floor((features.keypoints[:, axis] + 0.5) / spacing).astype(np.int64)
    return np.clip(places, 0, count - 1), count
