"""VLAD: vector of locally aggregated descriptors (Jegou et al., CVPR 2010 and PAMI 2012).

A codebook of K visual words c_k is learned by k-means. Each local descriptor x is assigned to its nearest word, and the
residuals are summed per word::

    V_k = sum over x with NN(x) = k of r(x - c_k),   K x D values

followed by normalizations, each an option here:

- residual (RN): ``r(v) = v / |v|``, so that each feature counts the same (Delhumeau et al., ACM MM 2013);
- sum: V_k divided by the number of descriptors assigned to word k, so that words count the same however many features
  they have (mass normalization in VLFeat); with soft assignment, divided by the sum of their weights;
- power law: ``sign(v) |v| ** power``, 0.5 being the signed square root (Jegou et al., PAMI 2012);
- intra: each V_k to unit length, against bursts (Arandjelovic and Zisserman, CVPR 2013);
- L2 of the whole vector, always.

Soft assignment: with ``assignments = m > 1`` a descriptor is assigned to its m nearest words with weights
``exp(-(d_j^2 - d_1^2) / softness)``, normalized over the m words; each word gets only the residuals to itself.

Several vocabularies (Jegou and Chum, ECCV 2012): each of ``vocabularies`` codebooks is learned from a different seed,
that is, from different initial words and, with many descriptors, from a different sample. The result is the
concatenation of their unit VLADs. The paper then whitens them together, which removes what they share; that is the
whitener's job here.

Local descriptors may first be projected and normalized again, ``x <- P^T (x - m) / |...|``, by one of

- local PCA (``local_dim``): the leading eigenvectors of their covariance, divided by
  ``eigenvalue ** local_whitening`` (0.5 whitens fully, 0.25 half);
- a metric (`fit_metric`): ``P = (W + s mean(eigenvalues of W) I) ** -1/2`` with W the covariance of the differences
  between descriptors of the same point in two photos (Mikolajczyk and Matas, ICCV 2007). Directions that change with
  viewpoint and light count less. Such pairs come from photos warped by known homographies.

A codebook learned elsewhere can be fitted to your photos in two ways. `refit` learns a new one in the same projection,
for many photos. `adapt` moves its words (cluster adaptation, Arandjelovic and Zisserman, CVPR 2013), here with
shrinkage, ``c_k <- (sum of its descriptors + tau c_k0) / (count + tau)``, for some rounds; with few photos it hardly
changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.projection import local_pca, project
from placeprint.aggregation.vocabulary import (
    Exponent,
    Iterations,
    LocalDim,
    Words,
    learn_words,
    nearest_words,
    sum_by_word,
    sums_and_counts,
)
from placeprint.arrays import pairs_of, rows_of
from placeprint.core.numerics import normalize, power_law, stacked
from placeprint.core.options import NotNegative, Range, Seed, Share, checked
from placeprint.errors import NotFittedError, ShapeError
from placeprint.types import Floats, LocalFeatures

SHORTEST = np.float32(1e-12)
"""Smallest divisor in the normalization of a residual."""


@checked
@dataclass(kw_only=True, eq=False)
class VLAD:
    """Aggregate local features of any kind by VLAD.

    Args:
        num_words: k, the size of the codebook.
        vocabularies: the number of codebooks of K words, each with its own VLAD.
        residual_normalization: RN, see the module.
        sum_normalization: see the module.
        power: the exponent of the power law; 1 for none.
        intra_normalization: see the module.
        assignments: the number of words per descriptor.
        softness: the softness of the weights, in squared L2 distance; used with two or more assignments.
        local_dim: the number of dimensions of local PCA; 0 for no PCA.
        local_whitening: the exponent of the eigenvalues, used with ``local_dim``.
        spherical: whether to run k-means on the unit sphere.
        iterations: the iterations of k-means.
        adapt_rounds: the number of rounds of `adapt`.
        adapt_strength: tau, the number of descriptors that the old position of a word counts for.
        seed: the seed of k-means.
    """

    num_words: Words = 64
    vocabularies: Annotated[int, Range(1, 1000)] = 1
    residual_normalization: bool = True
    sum_normalization: bool = False
    power: Exponent = 0.5
    intra_normalization: bool = False
    assignments: Annotated[int, Range(1, 65_536)] = 1
    softness: Annotated[float, Range(0, 1000, above=True)] = 0.05
    local_dim: LocalDim = 0
    local_whitening: Share = 0.25
    spherical: bool = False
    iterations: Iterations = 20
    adapt_rounds: Annotated[int, Range(0, 10_000)] = 5
    adapt_strength: NotNegative = 10.0
    seed: Seed = 0
    codebook_: NDArray[np.float32] | None = field(default=None, init=False)
    mean_: NDArray[np.float32] | None = field(default=None, init=False)
    projection_: NDArray[np.float32] | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor, K x D times the number of vocabularies.

        Raises:
            NotFittedError: the codebook has not been learned.
        """
        return int(self._codebook().size)

    def fit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn local PCA, if ``local_dim`` is set, and the codebook; return self.

        Raises:
            ShapeError: there are fewer descriptors than words, or they differ in length or are not finite.
            OptionError: a parameter is out of its range.
        """
        self.mean_, self.projection_ = local_pca(stacked(features), self.local_dim, self.local_whitening)
        return self.refit(features)

    @checked
    def fit_metric(self, first: Floats, second: Floats, shrinkage: Annotated[float, Range(0, 1000)] = 0.1) -> Self:
        """Learn the projection from descriptors of the same points in two photos; return self.

        Args:
            first: ``(m, d)`` unit rows.
            second: ``(m, d)`` unit rows of the same points, row by row.
            shrinkage: s, see the module.

        Raises:
            ShapeError: the two differ in shape or are not finite, or there are fewer rows than dimensions.
        """
        first, second = pairs_of(first, second)
        if len(first) < first.shape[1]:
            raise ShapeError(f"pairs must have shape (m >= d, d) both, got {first.shape}")
        differences = np.asarray(first, np.float64) - second
        values, vectors = np.linalg.eigh(differences.T @ differences / len(differences))
        values = np.maximum(values, 0)  # rounding may make them negative
        scale = (values + shrinkage * values.mean() + 1e-12) ** -0.5
        self.mean_ = np.zeros(first.shape[1], np.float32)
        self.projection_ = ((vectors * scale / scale.mean()) @ vectors.T).astype(np.float32)
        return self

    def refit(self, features: Sequence[LocalFeatures]) -> Self:
        """Learn a new codebook in the existing projection; return self.

        Raises:
            ShapeError: there are fewer descriptors than words, or they differ in length or are not finite.
        """
        dim = None if self.mean_ is None else len(self.mean_) or None
        rows = self.project(stacked(features, dim), check=False)
        if self.mean_ is None or self.projection_ is None:
            self.mean_, self.projection_ = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        self.codebook_ = np.concatenate(
            [
                learn_words(rows, self.num_words, spherical=self.spherical, iterations=self.iterations, seed=seed)
                for seed in range(self.seed, self.seed + self.vocabularies)
            ]
        )
        return self

    def adapt(self, features: Sequence[LocalFeatures]) -> Self:
        """Adapt the codebook to another collection; return self.

        Local PCA does not change.

        Raises:
            NotFittedError: there is no codebook to move.
        """
        rows = self.project(stacked(features))
        self.codebook_ = np.concatenate([self._adapted(words, rows) for words in self._codebooks()])
        return self

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(dim,)`` unit VLAD of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: the codebook has not been learned.
            ShapeError: the descriptors are not finite or differ in length from those it was learned from, or the
                codebook does not have the size of the parameters.
        """
        vector: Floats = self.normalized(*self.residual_sums(features))[0]
        return vector

    def residual_sums(
        self, features: LocalFeatures, parts: NDArray[np.intp] | None = None, num_parts: int = 1
    ) -> tuple[Floats, Floats]:
        """Return the sums V of parts of a photo before normalization; the sums of disjoint parts can be added.

        Args:
            features: the features of the photo.
            parts: ``(n,)`` the part of each feature, from 0; None for one part.
            num_parts: p, the number of parts.

        Returns:
            ``(p, M, D)`` sums for all M words of all vocabularies, and ``(p, M)`` the sums of the weights of the
            descriptors assigned to each word.

        Raises:
            NotFittedError: see `aggregate`.
            ShapeError: see `aggregate`.
        """
        codebook = self._codebook()
        words, shares, residuals = self.residuals(features)
        size = num_parts * len(codebook)
        places = (words if parts is None else words + parts[:, None] * len(codebook)).ravel()
        sums = sum_by_word(residuals.reshape(-1, codebook.shape[1]), places, size)
        masses = np.bincount(places, shares.ravel(), size).astype(np.float32)
        return sums.reshape(num_parts, *codebook.shape), masses.reshape(num_parts, len(codebook))

    def residuals(self, features: LocalFeatures) -> tuple[NDArray[np.intp], Floats, Floats]:
        """Return what each feature adds to the sums V, and where.

        Returns:
            ``(n, a)`` rows of the codebook, ``(n, a)`` the weights of a feature's words, and ``(n, a, D)`` the
            residuals times these weights.

        Raises:
            NotFittedError: see `aggregate`.
            ShapeError: see `aggregate`.
        """
        rows = self.project(features.descriptors)
        words = self._nearest(rows)
        residuals = self._codebook().take(words, axis=0)
        np.subtract(rows[:, None], residuals, out=residuals)
        lengths = np.sqrt(np.einsum("nad,nad->na", residuals, residuals))
        shares = self._shares(lengths)
        scale = shares / np.maximum(lengths, SHORTEST) if self.residual_normalization else shares
        residuals *= scale[..., None]
        return words, shares, residuals

    def normalized(self, sums: Floats, masses: Floats) -> Floats:
        """Return the ``(p, dim)`` unit VLADs of the result of `residual_sums` for p parts; zeros stay zeros."""
        if self.sum_normalization:
            sums = np.asarray(sums / np.where(masses > 0, masses, 1)[..., None], np.float32)
        if self.power != 1:
            sums = power_law(sums, self.power)
        if self.intra_normalization:
            sums = normalize(sums)
        units = normalize(sums.reshape(len(sums), self.vocabularies, -1))
        together = units.reshape(len(sums), -1)
        return normalize(together) if self.vocabularies > 1 else together

    def project(self, descriptors: Floats, *, check: bool = True) -> Floats:
        """Return ``(n, d)`` local descriptors in the codebook's space: projected if there is a projection.

        Raises:
            ShapeError: the descriptors differ in length from those the codebook was learned from.
        """
        projects = self.projection_ is not None and self.projection_.size and self.mean_ is not None
        if check:
            expected = len(self.mean_) if projects and self.mean_ is not None else self._codebook().shape[1]
            descriptors = rows_of(descriptors, dim=expected)
        if not projects or self.mean_ is None or self.projection_ is None:
            return descriptors
        return project(descriptors, self.mean_, self.projection_)

    def _nearest(self, rows: Floats) -> NDArray[np.intp]:
        """Return ``(n, a)``: rows of the codebook, one vocabulary after the other, nearest first in each."""
        count = min(self.assignments, self.num_words)
        found = [
            nearest_words(rows, words, count) + number * self.num_words
            for number, words in enumerate(self._codebooks())
        ]
        return np.concatenate(found, axis=1)

    def _shares(self, lengths: Floats) -> Floats:
        """Return ``(n, a)``: the weights of each descriptor's words, which sum to 1 in every vocabulary."""
        if self.assignments == 1:
            return np.ones_like(lengths)
        squared = (lengths * lengths).reshape(len(lengths), self.vocabularies, lengths.shape[1] // self.vocabularies)
        weights = np.exp((squared[..., :1] - squared) / np.float32(self.softness))
        return np.asarray((weights / weights.sum(axis=2, keepdims=True)).reshape(lengths.shape), np.float32)

    def _adapted(self, before: Floats, rows: Floats) -> NDArray[np.float32]:
        """Return the ``(K, D)`` words of one vocabulary adapted to descriptors."""
        words = before.copy()
        for _ in range(self.adapt_rounds):
            sums, counts = sums_and_counts([rows], words)
            words = (sums + self.adapt_strength * before) / (counts + self.adapt_strength)[:, None]
        return words.astype(np.float32)

    def _codebooks(self) -> NDArray[np.float32]:
        """Return the words of each vocabulary, ``(vocabularies, K, D)``."""
        codebook = self._codebook()
        return codebook.reshape(self.vocabularies, self.num_words, codebook.shape[1])

    def _codebook(self) -> NDArray[np.float32]:
        if self.codebook_ is None:
            raise NotFittedError("VLAD has no codebook; call fit first")
        if len(self.codebook_) != self.num_words * self.vocabularies:
            raise ShapeError(
                f"{self.vocabularies} x {self.num_words} words were requested, the codebook has {len(self.codebook_)}; "
                "learn it again by fit or refit, or set num_words and vocabularies to those it was learned with"
            )
        return np.asarray(self.codebook_, np.float32)  # products of float16 (shipped codebooks) are not exact
