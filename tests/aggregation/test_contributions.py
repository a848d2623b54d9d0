"""Similarities taken apart: by hand, and the parts always add up to the inner product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from placeprint.aggregation.bow import BoW
from placeprint.aggregation.contributions import shares_of
from placeprint.aggregation.fisher import Fisher
from placeprint.aggregation.multi_vlad import RegionalVLAD
from placeprint.aggregation.netvlad import NetVLAD
from placeprint.aggregation.pooling import MAC, RMAC, CroW, GeM, SPoC, WeightedGeM
from placeprint.aggregation.vlad import VLAD
from placeprint.errors import OptionError, ShapeError
from placeprint.types import Aggregator, Floats, LocalFeatures
from tests.conftest import random_features

MAKERS: dict[str, Callable[[], Aggregator]] = {
    "vlad": lambda: VLAD(num_words=8),
    "vlad, soft, intra": lambda: VLAD(num_words=8, assignments=3, intra_normalization=True),
    "vlad, plain": lambda: VLAD(num_words=4, residual_normalization=False, power=1.0),
    "vlad, sum": lambda: VLAD(num_words=8, sum_normalization=True, power=0.3),
    "vlad, local PCA": lambda: VLAD(num_words=8, local_dim=6, assignments=2),
    "vlad, vocabularies": lambda: VLAD(num_words=8, vocabularies=3, assignments=2),
    "netvlad": lambda: NetVLAD(num_clusters=6),
    "netvlad, v1": lambda: NetVLAD(num_clusters=6, version="v1"),
    "bow": lambda: BoW(num_words=8),
    "spoc": SPoC,
    "spoc, center": lambda: SPoC(center_prior=True),
    "mac": MAC,
    "gem": lambda: GeM(p=3.0),
    "gem, weighted": lambda: WeightedGeM(p=2.0, weight_power=0.5),
    "crow": CroW,
}


def photos(count: int = 4) -> list[LocalFeatures]:
    return [random_features(60, 16, seed) for seed in range(count)]


def plain(rows: Floats) -> LocalFeatures:
    count = len(rows)
    return LocalFeatures(np.zeros((count, 2), np.float32), rows, np.ones(count, np.float32), (10, 10))


@pytest.mark.parametrize("name", MAKERS)
def test_the_parts_add_up_to_the_inner_product(name: str) -> None:
    first, second, *_ = many = photos()
    aggregator = MAKERS[name]().fit(many)
    one, two = aggregator.aggregate(first), aggregator.aggregate(second)
    for features, own, other in ((first, one, two), (second, two, one), (first, one, one)):
        shares = shares_of(aggregator, features, other)
        assert shares.values.shape == (len(features),)
        assert shares.values.sum() == pytest.approx(float(own @ other), abs=1e-6)
        assert abs(shares.rest) < 1e-6
        if shares.by_word is not None and shares.words is not None:
            assert shares.by_word.shape == shares.words.shape
            assert shares.by_word.sum(axis=1) == pytest.approx(shares.values, abs=1e-12)


def test_a_vlad_by_hand() -> None:
    vlad = VLAD(num_words=2, residual_normalization=False, power=1.0)
    vlad.codebook_ = np.array([[0, 0], [10, 0]], np.float32)
    rows = np.array([[1, 0], [0, 2], [10, 3]], np.float32)
    features = plain(rows)
    length = np.sqrt(1 + 4 + 9)
    shares = shares_of(vlad, features, np.array([0.5, 0.25, 0, 2]))
    assert shares.values == pytest.approx(np.array([0.5, 0.5, 6]) / length)


def test_residuals_that_nearly_cancel_still_add_up() -> None:
    vlad = VLAD(num_words=1, residual_normalization=False, power=0.5)
    vlad.codebook_ = np.array([[0.0, 0.0]], np.float32)
    features = plain(np.array([[1, 0.5], [-1 + 1e-6, 0.5]], np.float32))
    shares = shares_of(vlad, features, vlad.aggregate(features))
    assert shares.values.sum() == pytest.approx(1.0, abs=1e-6)


def test_the_maximum_of_a_channel_belongs_to_its_feature() -> None:
    rows = np.array([[1, 0], [0, 1], [0.6, 0.6]], np.float32)
    features = plain(rows)
    mac = MAC().fit([features])
    assert shares_of(mac, features, np.array([1.0, 0.0])).values.tolist() == pytest.approx([2**-0.5, 0, 0])


def test_a_photo_without_features_adds_nothing() -> None:
    many = photos()
    for name in ("vlad", "netvlad", "bow", "gem"):
        aggregator = MAKERS[name]().fit(many)
        shares = shares_of(aggregator, many[0][:0], aggregator.aggregate(many[1]))
        assert shares.total == 0


@pytest.mark.parametrize("aggregator", [RegionalVLAD(num_words=4), RMAC(), Fisher(num_gaussians=2)])
def test_others_are_refused_by_name(aggregator: Aggregator) -> None:
    many = photos()
    aggregator.fit(many)
    with pytest.raises(OptionError, match=type(aggregator).__name__):
        shares_of(aggregator, many[0], aggregator.aggregate(many[1]))


def test_a_vector_of_another_length_is_refused() -> None:
    many = photos()
    with pytest.raises(ShapeError, match=r"shape \(16,\)"):
        shares_of(SPoC().fit(many), many[0], np.zeros(5))
