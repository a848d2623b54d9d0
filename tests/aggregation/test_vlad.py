"""VLAD by hand, against a slow plain loop, and by its properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.aggregation.vlad import VLAD
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.types import Floats, LocalFeatures
from tests.conftest import random_features


def _with_codebook(codebook: Floats, vocabularies: int = 1, **options: object) -> VLAD:
    vlad = VLAD(
        num_words=len(codebook) // vocabularies,
        vocabularies=vocabularies,
        **options,  # type: ignore[arg-type]  # options differ by test
    )
    vlad.codebook_ = codebook.astype(np.float32)
    return vlad


def _features(descriptors: Floats) -> LocalFeatures:
    count = len(descriptors)
    return LocalFeatures(np.zeros((count, 2), np.float32), descriptors, np.ones(count, np.float32), (10, 10))


def _plain_loop(vlad: VLAD, features: LocalFeatures) -> Floats:
    assert vlad.codebook_ is not None
    every = [_plain_vlad(vlad, words, features) for words in np.split(vlad.codebook_, vlad.vocabularies)]
    together = np.concatenate(every)
    return np.asarray(together / max(float(np.linalg.norm(together)), 1e-12), np.float32)


def _plain_vlad(vlad: VLAD, codebook: Floats, features: LocalFeatures) -> Floats:
    total, masses = np.zeros(codebook.shape), np.zeros(len(codebook))
    for descriptor in features.descriptors:
        distances = [float(((descriptor - word) ** 2).sum()) for word in codebook]
        order = np.argsort(distances, kind="stable")[: vlad.assignments]
        weights = [np.exp(-(distances[word] - distances[order[0]]) / vlad.softness) for word in order]
        for word, weight in zip(order, weights, strict=True):
            residual = descriptor - codebook[word]
            if vlad.residual_normalization:
                residual = residual / max(float(np.linalg.norm(residual)), 1e-12)
            total[word] += weight / sum(weights) * residual
            masses[word] += weight / sum(weights)
    if vlad.sum_normalization:
        total /= np.where(masses > 0, masses, 1)[:, None]
    total = np.sign(total) * np.abs(total) ** vlad.power
    if vlad.intra_normalization:
        total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return np.asarray(total.ravel() / max(float(np.linalg.norm(total)), 1e-12), np.float32)


def test_a_case_by_hand() -> None:
    # words (0, 0) and (10, 0); (1, 0) and (0, 2) go to the first, (10, 3) to the second
    vlad = _with_codebook(np.array([[0.0, 0.0], [10.0, 0.0]]), residual_normalization=False, power=1.0)
    found = vlad.aggregate(_features(np.array([[1.0, 0.0], [0.0, 2.0], [10.0, 3.0]], np.float32)))
    np.testing.assert_allclose(found, np.array([1, 2, 0, 3]) / np.sqrt(14), atol=1e-6)


def test_normalisations_by_hand() -> None:
    # residuals (3, 4) and (0, 5) have lengths 5 and 5: normalised (0.6, 0.8) + (0, 1) = (0.6, 1.8)
    vlad = _with_codebook(np.array([[0.0, 0.0], [100.0, 0.0]]), power=0.5, intra_normalization=True)
    found = vlad.aggregate(_features(np.array([[3.0, 4.0], [0.0, 5.0]], np.float32)))
    np.testing.assert_allclose(found, np.sqrt([0.6, 1.8, 0, 0]) / np.sqrt(2.4), atol=1e-6)


def test_sum_normalization_by_hand() -> None:
    # residuals (1, 0) + (3, 4), two to the first word, and (0, 3), one to the second: means (2, 2) and (0, 3)
    vlad = _with_codebook(
        np.array([[0.0, 0.0], [10.0, 0.0]]), residual_normalization=False, sum_normalization=True, power=1.0
    )
    found = vlad.aggregate(_features(np.array([[1.0, 0.0], [3.0, 4.0], [10.0, 3.0]], np.float32)))
    np.testing.assert_allclose(found, np.array([2, 2, 0, 3]) / np.sqrt(17), atol=1e-6)


def test_soft_masses_by_hand() -> None:
    # halfway between the words a descriptor goes half to each: masses 1.5 and 0.5
    vlad = _with_codebook(
        np.array([[0.0, 0.0], [10.0, 0.0]]),
        residual_normalization=False,
        sum_normalization=True,
        power=1.0,
        assignments=2,
        softness=1e-3,
    )
    sums, masses = vlad.residual_sums(_features(np.array([[5.0, 0.0], [2.0, 0.0]], np.float32)))
    np.testing.assert_allclose(masses, [[1.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(sums[0], [[4.5, 0], [-2.5, 0]], atol=1e-6)
    np.testing.assert_allclose(vlad.normalized(sums, masses)[0], np.array([3, 0, -5, 0]) / np.sqrt(34), atol=1e-6)


def test_two_vocabularies_by_hand() -> None:
    # words (0, 0), (10, 0) and words (0, 1), (0, 50): residuals (3, 4) and (3, 3), each VLAD of unit length
    codebook = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 1.0], [0.0, 50.0]])
    vlad = _with_codebook(codebook, vocabularies=2, residual_normalization=False, power=1.0)
    found = vlad.aggregate(_features(np.array([[3.0, 4.0]], np.float32)))
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found, [0.6 * half, 0.8 * half, 0, 0, 0.5, 0.5, 0, 0], atol=1e-6)
    assert vlad.dim == len(found) == 8


def test_vocabularies_are_those_of_the_single_seeds() -> None:
    photos = [random_features(200, 6, seed) for seed in range(3)]
    both = VLAD(num_words=5, vocabularies=2, seed=3).fit(photos)
    single = [VLAD(num_words=5, seed=seed).fit(photos) for seed in (3, 4)]
    assert both.codebook_ is not None and single[0].codebook_ is not None and single[1].codebook_ is not None
    np.testing.assert_array_equal(both.codebook_, np.concatenate([single[0].codebook_, single[1].codebook_]))
    assert np.abs(single[0].codebook_ - single[1].codebook_).max() > 0.1
    parts = [vlad.aggregate(photos[0]) for vlad in single]
    np.testing.assert_allclose(both.aggregate(photos[0]), np.concatenate(parts) / np.sqrt(2), atol=1e-6)
    others = [random_features(40, 6, 9)]
    moved = np.concatenate([np.asarray(vlad.adapt(others).codebook_) for vlad in single])
    np.testing.assert_array_equal(np.asarray(both.adapt(others).codebook_), moved)


def test_sums_of_disjoint_parts_add_up_to_those_of_the_whole() -> None:
    vlad = VLAD(num_words=4, assignments=2).fit([random_features(200, 6, seed) for seed in range(2)])
    photo = random_features(50, 6, 9)
    parts = np.arange(50) % 3
    sums, masses = vlad.residual_sums(photo, parts, 4)
    whole = vlad.residual_sums(photo)
    np.testing.assert_allclose(sums.sum(axis=0), whole[0][0], atol=1e-5)
    np.testing.assert_allclose(masses.sum(axis=0), whole[1][0], atol=1e-5)
    np.testing.assert_allclose(sums[1], vlad.residual_sums(photo[parts == 1])[0][0], atol=1e-5)
    assert not sums[3].any() and masses[0].sum() == pytest.approx(17)


@given(
    seed=st.integers(0, 100),
    count=st.integers(0, 60),
    assignments=st.integers(1, 3),
    vocabularies=st.integers(1, 3),
    residual_normalization=st.booleans(),
    sum_normalization=st.booleans(),
    intra_normalization=st.booleans(),
    power=st.sampled_from([0.5, 1.0]),
)
def test_it_agrees_with_a_plain_loop(seed: int, count: int, vocabularies: int, **options: object) -> None:
    codebook = random_features(4 * vocabularies, 6, seed + 1).descriptors.astype(np.float32)
    vlad = _with_codebook(codebook, vocabularies, softness=1.0, **options)
    features = random_features(count, 6, seed)
    np.testing.assert_allclose(vlad.aggregate(features), _plain_loop(vlad, features), atol=2e-5)


def test_local_pca_with_full_whitening_makes_the_covariance_a_multiple_of_one() -> None:
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(2000, 6)) * [3, 2, 1, 0.5, 0.3, 0.2]).astype(np.float32)
    vlad = VLAD(num_words=4, local_dim=3, local_whitening=0.5).fit([_features(rows)])
    assert vlad.mean_ is not None and vlad.projection_ is not None
    projected = (rows - vlad.mean_) @ vlad.projection_
    np.testing.assert_allclose(np.cov(projected.T, bias=True), np.eye(3), atol=1e-3)


def test_the_metric_shortens_directions_that_change_between_views() -> None:
    generator = np.random.default_rng(0)
    first = generator.normal(size=(4000, 4)).astype(np.float32)
    noise = (generator.normal(size=(4000, 4)) * [2.0, 0.5, 0.5, 0.5]).astype(np.float32)
    vlad = VLAD(num_words=4).fit_metric(first, first + noise, shrinkage=0.0)
    assert vlad.projection_ is not None
    # W = diag(4, .25, .25, .25), so W^-1/2 has the ratio 1 : 4
    ratios = np.diag(vlad.projection_)[1:] / vlad.projection_[0, 0]
    np.testing.assert_allclose(ratios, 4, rtol=0.06)
    with pytest.raises(ShapeError, match="pairs must have shape"):
        vlad.fit_metric(first[:3], first[:3])


def test_adapting_to_nothing_changes_nothing_and_to_much_moves_the_words() -> None:
    vlad = _with_codebook(np.array([[0.0, 0.0], [10.0, 0.0]]), adapt_strength=10.0, adapt_rounds=1)
    assert vlad.codebook_ is not None
    before = vlad.codebook_.copy()
    vlad.adapt([_features(np.zeros((0, 2), np.float32))])
    np.testing.assert_array_equal(vlad.codebook_, before)
    # ten descriptors at (1, 1) count as much as the old position (0, 0): the word moves half way
    vlad.adapt([_features(np.ones((10, 2), np.float32))])
    np.testing.assert_allclose(vlad.codebook_, [[0.5, 0.5], [10.0, 0.0]], atol=1e-6)


def test_refitting_keeps_the_projection() -> None:
    photos = [random_features(200, 8, seed) for seed in range(3)]
    vlad = VLAD(num_words=4, local_dim=5).fit(photos)
    before = vlad.projection_
    vlad.refit([random_features(300, 8, 9)])
    assert vlad.projection_ is before
    assert vlad.dim == 20


def test_learning_is_repeatable() -> None:
    photos = [random_features(200, 8, seed) for seed in range(3)]
    first, second = VLAD(num_words=8).fit(photos), VLAD(num_words=8).fit(photos)
    np.testing.assert_array_equal(first.codebook_, second.codebook_)


def test_misuse_is_refused() -> None:
    with pytest.raises(NotFittedError):
        VLAD().aggregate(random_features(3, 8))
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(any, 8\), got \(3, 9\)"):
        VLAD(num_words=2).fit([random_features(20, 8)]).aggregate(random_features(3, 9))
    with pytest.raises(ShapeError, match="codebook of 64 words needs"):
        VLAD().fit([random_features(20, 8)])
    with pytest.raises(OptionError, match="num_words"):
        VLAD(num_words=0).fit([random_features(20, 8)])
    with pytest.raises(ShapeError, match="2 x 8 words were requested, the codebook has 8; learn it again"):
        unfit = VLAD(num_words=8, vocabularies=2)
        unfit.codebook_ = np.zeros((8, 8), np.float32)
        unfit.aggregate(random_features(3, 8))
