"""Bag of words with tf-idf (Sivic and Zisserman, ICCV 2003).

Each local descriptor is assigned to the nearest of K visual words. If n_k of n descriptors have word k, and N_k of the
collection's N photos have that word,

    v_k = (n_k / n) ** power * log(1 + N / N_k),

then L2; the cosine of two such vectors is the paper's similarity for ``power = 1``. With 0.5 the counts are compared by
the Hellinger kernel, which reduces the weight of bursty words (Jegou et al., CVPR 2009). Departures: the 1 in the
logarithm gives weight to a word in all photos, so a collection of one photo has descriptors too; a word in no photo
counts as a word in one photo.

`refit` learns new words and idf. `adapt` keeps the words and learns idf from another collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vocabulary import Exponent, Iterations, Words, learn_words, nearest_words
from placeprint.arrays import rows_of
from placeprint.core.numerics import normalize, stacked
from placeprint.core.options import Seed, checked
from placeprint.errors import NotFittedError
from placeprint.types import Floats, LocalFeatures


@checked
@dataclass(kw_only=True, eq=False)
class BoW:
    """Aggregate to a histogram of visual words, weighted by tf-idf.

    Args:
        num_words: k, the size of the codebook.
        power: the exponent of the term frequency.
        idf: whether to weight words by how few photos have them.
        spherical: whether to run k-means on the unit sphere.
        iterations: the iterations of k-means.
        seed: the seed of k-means.
    """

    num_words: Words = 4096
    power: Exponent = 0.5
    idf: bool = True
    spherical: bool = False
    iterations: Iterations = 20
    seed: Seed = 0
    codebook_: Floats | None = field(default=None, init=False)
    idf_: Floats | None = field(default=None, init=False)

    @property
    def dim(self) -> int:
        """The length of the global descriptor, K.

        Raises:
            NotFittedError: the codebook has not been learned.
        """
        return len(self._codebook())

    def fit(self, features: Sequence[LocalFeatures]) -> BoW:
        """Learn words and idf; return self.

        Raises:
            ShapeError: there are fewer descriptors than words, or they differ in length or are not finite.
            OptionError: a parameter is out of its range.
        """
        self.codebook_ = learn_words(
            stacked(features), self.num_words, spherical=self.spherical, iterations=self.iterations, seed=self.seed
        )
        return self.adapt(features)

    def refit(self, features: Sequence[LocalFeatures]) -> BoW:
        """Learn new words and idf; return self. Raise the same errors as `fit`."""
        return self.fit(features)

    def adapt(self, features: Sequence[LocalFeatures]) -> BoW:
        """Learn how many photos of another collection have each word; return self.

        Raises:
            NotFittedError: the codebook has not been learned.
        """
        photos = np.zeros(len(self._codebook()))
        for photo in features:
            photos += self._counts(photo) > 0 if len(photo) else 0
        share = max(len(features), 1) / np.maximum(photos, 1)
        self.idf_ = np.log1p(share).astype(np.float32) if self.idf else np.ones(len(photos), np.float32)
        return self

    def aggregate(self, features: LocalFeatures) -> Floats:
        """Return the ``(K,)`` unit vector of one photo, or zeros if it has no features.

        Raises:
            NotFittedError: the codebook has not been learned.
            ShapeError: the descriptors are not finite, or differ in length from those it was learned from.
        """
        if self.idf_ is None:
            raise NotFittedError("BoW has no codebook; call fit first")
        counts = self._counts(features)
        return normalize((counts / max(float(counts.sum()), 1.0)) ** np.float32(self.power) * self.idf_)

    def words_of(self, features: LocalFeatures) -> NDArray[np.intp]:
        """Return the ``(n,)`` word of each feature.

        Raises:
            NotFittedError: see `aggregate`.
            ShapeError: see `aggregate`.
        """
        codebook = self._codebook()
        return nearest_words(rows_of(features.descriptors, dim=codebook.shape[1]), codebook)[:, 0]

    def _counts(self, features: LocalFeatures) -> Floats:
        return np.bincount(self.words_of(features), minlength=len(self._codebook())).astype(np.float32)

    def _codebook(self) -> Floats:
        if self.codebook_ is None:
            raise NotFittedError("BoW has no codebook; call fit first")
        return self.codebook_
