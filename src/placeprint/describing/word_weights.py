"""Weights of visual words: words that never verify across an atlas count less in its global descriptors.

People, cars, sky and leaves look alike in many photos, and their keypoints are hardly ever verified between two photos
of one place. `places.verified_words` learns from the links of an atlas how often the keypoints of each word are
verified. Here the part of a VLAD that belongs to a word is multiplied by its weight, and the vector gets unit length
again:

    v <- W v / |W v|,   W_k = (rate_k / mean rate) ** POWER

Words have weights, not single keypoints, because nothing is known about the keypoints of a new query; weights for
stored keypoints alone would make the two sides of a cosine inconsistent.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from placeprint.aggregation.vlad import VLAD
from placeprint.core.numerics import normalize
from placeprint.errors import ShapeError
from placeprint.types import Aggregator, Floats

STAGE = "word_weights"
"""Where a state has them: ``word_weights.<descriptor>``."""
POWER = 0.5
WordWeights = Mapping[str, Floats]
"""``(M,)`` weights of the words of each descriptor that has them, by the descriptor's name in a state."""


def weights_of(rates: Floats) -> Floats:
    """Return ``(M,)`` weights from the ``(M,)`` shares of the keypoints of each word that are verified.

    Raises:
        ShapeError: a rate is not positive.

    Example:
        >>> weights_of(np.array([0.1, 0.4], np.float32)).astype(float).round(3).tolist()
        [0.632, 1.265]
    """
    if not (np.isfinite(rates).all() and (rates > 0).all()):
        raise ShapeError("rates of words must be positive numbers")
    return np.asarray((rates / np.mean(rates)) ** POWER, np.float32)


def has_words(aggregator: Aggregator) -> bool:
    """Return whether the vectors of an aggregator have a part for each word that is known by itself."""
    return type(aggregator) is VLAD and aggregator.vocabularies == 1


def spread(weights: Floats, dim: int) -> Floats:
    """Return ``(dim,)``: the weight of each value of a vector, given the ``(M,)`` weights of its words.

    Raises:
        ShapeError: the vector has no equal part for each word.
    """
    if dim % len(weights):
        raise ShapeError(f"{len(weights)} weights of words do not fit a descriptor of {dim} values")
    return np.repeat(weights, dim // len(weights))


def weighted(vector: Floats, weights: Floats) -> Floats:
    """Return a ``(dim,)`` unit vector whose words have weights; zeros stay zeros."""
    return np.asarray(normalize((vector * spread(weights, len(vector)))[None])[0], np.float32)
