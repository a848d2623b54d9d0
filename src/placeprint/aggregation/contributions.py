"""Split a similarity: how much each local feature of a photo adds to the inner product with another vector.

An aggregated vector v is a sum over features, followed by normalizations: the power law, unit length of each word and
of the whole. Each of them multiplies a value of the sum by a factor that depends on the whole photo. With these factors
fixed to their values for this photo,

    v_d = f_d V_d,   V_d = sum over i of r_id,   f_d = v_d / V_d

so the inner product with any vector w is exactly a sum over features (and their words):

    <v, w> = sum over i of s_i,   s_i = sum over d of r_id f_d w_d

This holds for any normalizations, and also for fixed weights of features (soft assignment, scores, CroW) and for the
generalized mean, where feature i gets the share of value d that ``x_id^p`` is of their sum. The maximum of a channel
belongs to the feature that has it. It is the layer-wise relevance of one layer (Bach et al., PLOS ONE 2015, with ``z_id
= r_id``), in which nothing is lost.

R-MAC, CGD, Fisher vectors and regional VLAD are not supported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.bow import BoW
from placeprint.aggregation.multi_vlad import RegionalVLAD
from placeprint.aggregation.netvlad import NetVLAD
from placeprint.aggregation.pooling import MAC, CellPooling, CroW, GeM, SPoC
from placeprint.aggregation.vlad import VLAD
from placeprint.arrays import floats_of, rows_of
from placeprint.core.numerics import normalize
from placeprint.errors import OptionError, ShapeError
from placeprint.kernels import pooling as kernels
from placeprint.kernels.netvlad import soft_weights
from placeprint.types import LARGEST_SCORE, Aggregator, LocalFeatures

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shares:
    """What features add to an inner product.

    Args:
        values: ``(n,)`` float64, by feature.
        words: ``(n, a)`` the visual words of each feature, or None where an aggregator has none.
        by_word: ``(n, a)`` float64, what a feature adds by each of them; None as for `words`.
        rest: what belongs to no feature: 0 but for rounding.
    """

    values: Values
    words: NDArray[np.intp] | None = None
    by_word: Values | None = None
    rest: float = 0.0

    @property
    def total(self) -> float:
        """The inner product."""
        return float(self.values.sum()) + self.rest


def shares_of(aggregator: Aggregator, features: LocalFeatures, toward: NDArray[np.floating]) -> Shares:
    """Return what each feature adds to the inner product of a photo's vector and another vector.

    Args:
        aggregator: a fitted aggregator.
        features: the features of the photo, n of them.
        toward: ``(dim,)``, such as the vector of another photo.

    Raises:
        OptionError: vectors of this aggregator cannot be split into parts.
        ShapeError: the vector has another length.
    """
    toward64 = np.asarray(toward, np.float64)
    if toward64.shape != (aggregator.dim,):
        raise ShapeError(f"the other vector must have shape ({aggregator.dim},), got {toward64.shape}")
    return _shares(aggregator, features, toward64)


@singledispatch
def _shares(aggregator: Aggregator, features: LocalFeatures, toward: Values) -> Shares:
    raise OptionError(
        f"a similarity by {type(aggregator).__name__} cannot be split into parts; those by VLAD, NetVLAD, "
        "bags of words, SPoC, MAC, GeM and CroW can"
    )


@_shares.register
def _(aggregator: RegionalVLAD, features: LocalFeatures, toward: Values) -> Shares:
    raise OptionError("a similarity by RegionalVLAD cannot be split into parts; one by VLAD can")


@_shares.register
def _(aggregator: VLAD, features: LocalFeatures, toward: Values) -> Shares:
    words, _, residuals = aggregator.residuals(features)
    size, dim = aggregator.dim, residuals.shape[2]
    vector = np.asarray(aggregator.aggregate(features), np.float64)
    value = (vector * toward).reshape(-1, dim)
    terms = residuals.astype(np.float64)
    places = (words[..., None] * dim + np.arange(dim)).ravel()
    sums = np.bincount(places, terms.ravel(), size).reshape(-1, dim)
    factors = np.divide(value, sums, out=np.zeros_like(value), where=sums != 0)
    by_word = np.einsum("nad,nad->na", terms, factors[words])
    return _by_word(words, by_word, float(value.sum()))


@_shares.register
def _(aggregator: NetVLAD, features: LocalFeatures, toward: Values) -> Shares:
    weights, biases, centers = aggregator.layer()
    rows = normalize(rows_of(features.descriptors, dim=centers.shape[1]))
    soft = np.asarray(soft_weights(rows, weights, biases), np.float64)
    vector = np.asarray(aggregator.aggregate(features), np.float64)
    value = (vector * toward).reshape(centers.shape)
    sums = soft.T @ rows - soft.sum(axis=0)[:, None] * centers
    factors = np.divide(value, sums, out=np.zeros_like(value), where=sums != 0)
    by_word = soft * (rows @ factors.T - np.einsum("kd,kd->k", factors, centers))
    return _by_word(np.tile(np.arange(len(centers)), (len(rows), 1)), by_word, float(value.sum()))


def _by_word(words: NDArray[np.intp], by_word: Values, total: float) -> Shares:
    return Shares(by_word.sum(axis=1), words, by_word, total - float(by_word.sum()))


@_shares.register
def _(aggregator: BoW, features: LocalFeatures, toward: Values) -> Shares:
    value = np.asarray(aggregator.aggregate(features), np.float64) * toward
    words = aggregator.words_of(features)
    counts = np.bincount(words, minlength=len(value))
    return _by_word(words[:, None], (value[words] / counts[words])[:, None], float(value.sum()))


@_shares.register
def _(aggregator: CellPooling, features: LocalFeatures, toward: Values) -> Shares:
    cells = np.asarray(aggregator.cells(features), np.float64)
    if not len(cells):
        return Shares(np.zeros(0))
    value = np.asarray(aggregator.aggregate(features), np.float64) * toward
    parts = _terms(aggregator, features, cells)
    sums = parts.sum(axis=0)
    known = sums != 0
    values = parts @ np.divide(value, sums, out=np.zeros_like(value), where=known)
    return Shares(values, rest=float(value.sum() - values.sum()))


@singledispatch
def _terms(aggregator: CellPooling, features: LocalFeatures, cells: Values) -> Values:
    """Return ``(n, d)``: terms in proportion to which features own the value of each channel."""
    raise OptionError(f"a similarity by {type(aggregator).__name__} cannot be split into parts")


@_terms.register
def _(aggregator: CroW, features: LocalFeatures, cells: Values) -> Values:
    strength = np.maximum(cells, 0).sum(axis=1)
    return np.asarray(cells * (strength / (strength.max() or 1.0))[:, None] ** (1 / aggregator.b), np.float64)


@_terms.register
def _(aggregator: SPoC, features: LocalFeatures, cells: Values) -> Values:
    if not aggregator.center_prior:
        return cells
    size = np.asarray(features.image_size, np.float64)
    return cells * kernels.center_prior(np.asarray(features.keypoints, np.float64), size)[:, None]


@_terms.register
def _(aggregator: MAC, features: LocalFeatures, cells: Values) -> Values:
    return np.asarray(np.arange(len(cells))[:, None] == cells.argmax(axis=0), np.float64)


@_terms.register
def _(aggregator: GeM, features: LocalFeatures, cells: Values) -> Values:
    raised = np.maximum(cells, kernels.SMALLEST)
    weights = aggregator.weights(floats_of(features.scores, "scores", most=LARGEST_SCORE))
    powers = (raised / raised.max(axis=0)) ** np.asarray(aggregator.p, np.float64)
    return np.asarray(powers if weights is None else powers * weights[:, None], np.float64)
