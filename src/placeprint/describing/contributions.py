"""Why two photos are similar: what each keypoint of a photo adds to the cosine with another photo.

A preset's global descriptor joins several, with weights w_b (see `describer`):

    v = (sqrt(w_1) v_1, ..., sqrt(w_n) v_n) / N

so a cosine is a sum over them, and each term is split over the keypoints of its extractor
(`aggregation.contributions`). Whitening is linear except for its last normalization, which is one factor for the whole
photo: ``y = P^T (v - m) / L``, so ``<y, o> = <v, P o> / L - <m, P o> / L``. The second term belongs to no keypoint.

Everything is exact: all values and the remainder add up to the cosine, except for rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.contributions import shares_of
from placeprint.aggregation.whitening import PCAWhitening, SupervisedWhitening
from placeprint.describing.describer import Branch, Describer
from placeprint.describing.word_weights import spread
from placeprint.errors import OptionError, ShapeError
from placeprint.features.published import Published
from placeprint.types import Floats, LocalFeatures, PhotoFeatures

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Contribution:
    """The contribution of one descriptor of a preset to a similarity.

    Args:
        name: the extractor and the aggregator, ``"XFeat, VLAD"``.
        source: the number of the extractor.
        features: the n features of the photo by it.
        values: ``(n,)`` float64, what each of them adds.
        words: ``(n, a)`` visual words of each feature, or None if there are none.
        by_word: ``(n, a)`` float64, what a feature adds by each of its words; None as for `words`.
    """

    name: str
    source: int
    features: LocalFeatures
    values: Values
    words: NDArray[np.intp] | None
    by_word: Values | None

    @property
    def total(self) -> float:
        """What the descriptor adds."""
        return float(self.values.sum())


@dataclass(frozen=True, eq=False)
class Contributions:
    """A similarity, split over the keypoints of one of the photos.

    Args:
        parts: by descriptor.
        rest: the part that belongs to no keypoint: the mean of a whitening, and rounding.
    """

    parts: tuple[Contribution, ...]
    rest: float

    @property
    def total(self) -> float:
        """The similarity."""
        return sum(part.total for part in self.parts) + self.rest

    def joined(self) -> tuple[Floats, Values]:
        """Return the ``(n, 2)`` keypoints of all descriptors, and the ``(n,)`` values of what they add."""
        return (
            np.concatenate([part.features.keypoints for part in self.parts]),
            np.concatenate([part.values for part in self.parts]),
        )


def contributions(describer: Describer, features: PhotoFeatures, toward: Floats) -> Contributions:
    """Return how much each keypoint of a photo adds to its similarity to another photo.

    Args:
        describer: of an atlas, or of a preset with its learned state.
        features: the local features of the photo, by extractor.
        toward: ``(dim,)`` the global descriptor of the other photo.

    Raises:
        OptionError: the descriptors of the preset cannot be split into parts (`aggregation.contributions`), or are
            vectors of whole photos by a network.
        ShapeError: the other descriptor has another length.
    """
    other = np.asarray(toward, np.float64)
    whole = next((each for each in describer.extractors if isinstance(each, Published)), None)
    if whole is not None:
        raise OptionError(
            f"{whole.network} describes the whole photo by one vector, so its similarity has no parts by keypoint"
        )
    if other.shape != (describer.dim,):
        raise ShapeError(f"the other descriptor must have shape ({describer.dim},), got {other.shape}")
    vectors = [describer.vector_of(branch, features) for branch in describer.branches]
    weights = [branch.weight for branch in describer.branches]
    length = math.sqrt(sum(weight for weight, vector in zip(weights, vectors, strict=True) if vector.any())) or 1.0
    factors = [math.sqrt(weight) / length for weight in weights]
    joined = np.concatenate([factor * vector for factor, vector in zip(factors, vectors, strict=True)])
    direction, rest = _before_whitening(describer, joined, other)
    ends = np.cumsum([len(vector) for vector in vectors])[:-1]
    parts = []
    for branch, factor, piece in zip(describer.branches, factors, np.split(direction, ends), strict=True):
        shares = shares_of(
            branch.aggregator, features[branch.source], factor * _before_words(describer, branch, features, piece)
        )
        name = f"{type(describer.extractors[branch.source]).__name__}, {type(branch.aggregator).__name__}"
        parts.append(
            Contribution(name, branch.source, features[branch.source], shares.values, shares.words, shares.by_word)
        )
        rest += shares.rest
    return Contributions(tuple(parts), rest)


def _before_words(describer: Describer, branch: Branch, features: PhotoFeatures, other: Values) -> Values:
    """Return what the vector of a descriptor is multiplied by, before its words have weights."""
    weights = describer.word_weights.get(branch.name)
    if weights is None:
        return other
    each = spread(np.asarray(weights, np.float64), len(other))
    length = float(np.linalg.norm(branch.aggregator.aggregate(features[branch.source]) * each))
    return np.asarray(other * each / (length or 1.0), np.float64)


def _before_whitening(describer: Describer, joined: Values, other: Values) -> tuple[Values, float]:
    """Return what the joined descriptor is multiplied by, and the term of the mean; see the module."""
    whitener = describer.whitener
    if whitener is None:
        return other, 0.0
    if not isinstance(whitener, PCAWhitening | SupervisedWhitening) or whitener.mean_ is None:
        raise OptionError(f"a similarity whitened by {type(whitener).__name__} cannot be split into parts")
    projection = np.asarray(whitener.projection_, np.float64)
    length = float(np.linalg.norm((joined - whitener.mean_) @ projection)) if joined.any() else 0.0
    if not length:
        return np.zeros(len(joined)), 0.0
    direction = projection @ other / length
    return direction, -float(whitener.mean_ @ direction)
