"""Fisher vectors by hand, against a plain loop and a numerical gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.aggregation.fisher import Fisher
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.kernels.fisher import posteriors
from placeprint.types import Floats, LocalFeatures
from tests.conftest import random_features


def _features(rows: Floats) -> LocalFeatures:
    return LocalFeatures(np.zeros((len(rows), 2), np.float32), rows, np.ones(len(rows), np.float32), (10, 10))


def _fisher(weights: list[float], means: list[list[float]], variances: list[list[float]], **options: object) -> Fisher:
    fisher = Fisher(num_gaussians=len(weights), **options)  # type: ignore[arg-type]  # options differ by test
    fisher.weights_, fisher.means_, fisher.variances_ = (
        np.array(values, np.float32) for values in (weights, means, variances)
    )
    fisher.mean_, fisher.projection_ = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
    return fisher


def test_one_gaussian_by_hand() -> None:
    # mean 1, deviation 2; descriptors 1 and 5: U = (0 + 2) / 2 = 1, V = ((0 - 1) + (4 - 1)) / (2 sqrt 2) = 1 / sqrt 2
    found = _fisher([1.0], [[1.0]], [[4.0]], power=1.0).aggregate(_features(np.array([[1.0], [5.0]], np.float32)))
    expected = np.array([1.0, 1 / math.sqrt(2)])
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-6)


def test_it_agrees_with_a_plain_loop() -> None:
    fisher = Fisher(num_gaussians=3).fit([random_features(200, 4, seed) for seed in range(2)])
    photo = random_features(30, 4, 9)
    w, m, v = (np.asarray(each, float) for each in (fisher.weights_, fisher.means_, fisher.variances_))
    first, second = np.zeros((3, 4)), np.zeros((3, 4))
    for x in photo.descriptors.astype(float):
        density = [
            w[k] * np.prod(np.exp(-((x - m[k]) ** 2) / (2 * v[k])) / np.sqrt(2 * np.pi * v[k])) for k in range(3)
        ]
        for k in range(3):
            share = density[k] / sum(density)
            first[k] += share * (x - m[k]) / np.sqrt(v[k]) / (30 * np.sqrt(w[k]))
            second[k] += share * ((x - m[k]) ** 2 / v[k] - 1) / (30 * np.sqrt(2 * w[k]))
    values = np.concatenate([first, second]).ravel()
    values = np.sign(values) * np.sqrt(np.abs(values))
    np.testing.assert_allclose(fisher.aggregate(photo), values / np.linalg.norm(values), atol=1e-4)


def test_the_first_half_is_the_gradient_of_the_likelihood() -> None:
    weights, means, variances = [0.3, 0.7], [[0.0, 1.0], [1.0, -1.0]], [[0.5, 1.0], [2.0, 0.4]]
    rows = random_features(20, 2, 3).descriptors

    def likelihood(moved: NDArray[np.float64]) -> float:
        total = 0.0
        for x in rows.astype(float):
            total += math.log(
                sum(
                    w
                    * math.prod(
                        math.exp(-((float(a) - float(b)) ** 2) / (2 * s)) / math.sqrt(2 * math.pi * s)
                        for a, b, s in zip(x, mean, variance, strict=True)
                    )
                    for w, mean, variance in zip(weights, moved, variances, strict=True)
                )
            )
        return total

    gradient = np.zeros((2, 2))
    for k in range(2):
        for d in range(2):
            step = np.zeros((2, 2))
            step[k, d] = 1e-5
            gradient[k, d] = (likelihood(np.array(means) + step) - likelihood(np.array(means) - step)) / 2e-5
    expected = gradient * np.sqrt(variances) / np.sqrt(weights)[:, None]
    found = _fisher(weights, means, variances, power=1.0).aggregate(_features(rows))[:4].reshape(2, 2)
    np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=2e-4)


def test_posteriors_sum_to_one_also_far_away() -> None:
    rows = np.array([[0.0, 0.0], [1e3, -1e3]], np.float32)
    shares = posteriors(rows, np.array([0.5, 0.5]), np.array([[0.0, 0.0], [1.0, 1.0]]), np.full((2, 2), 0.1))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)


def test_local_pca_changes_the_length() -> None:
    photos = [random_features(200, 8, seed) for seed in range(2)]
    fisher = Fisher(num_gaussians=4, local_dim=3).fit(photos)
    assert fisher.dim == 2 * 4 * 3 == len(fisher.aggregate(photos[0]))
    before = fisher.projection_
    assert fisher.refit(photos[:1]).projection_ is before


def test_misuse_is_refused() -> None:
    with pytest.raises(NotFittedError):
        Fisher().aggregate(random_features(3, 8))
    with pytest.raises(ShapeError, match="64 Gaussians need at least as many descriptors, got 20"):
        Fisher().fit([random_features(20, 8)])
    with pytest.raises(OptionError, match="num_gaussians"):
        Fisher(num_gaussians=0).fit([random_features(20, 8)])
    with pytest.raises(ShapeError, match=r"\(any, 8\), got \(3, 9\)"):
        Fisher(num_gaussians=2).fit([random_features(40, 8)]).aggregate(random_features(3, 9))
