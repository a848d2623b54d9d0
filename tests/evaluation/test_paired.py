"""Tests between two methods: by hand, by SciPy, and by how often they err."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from placeprint.errors import ShapeError
from placeprint.evaluation.metrics import bootstrap_interval
from placeprint.evaluation.paired import mcnemar, paired_bootstrap, permutation_test


def hits(only_a: int, only_b: int, both: int = 5) -> tuple[list[bool], list[bool]]:
    return [True] * (only_a + both) + [False] * only_b, [False] * only_a + [True] * (both + only_b)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(*hits(0, 0)) == 1
    assert mcnemar(*hits(5, 0)) == 2 / 32
    assert mcnemar(*hits(1, 5)) == 2 * (1 + 6) / 64
    assert mcnemar(*hits(3, 3)) == 1


@pytest.mark.parametrize(("only_a", "only_b"), [(3, 14), (40, 61), (700, 900), (5000, 5300)])
def test_mcnemar_is_the_binomial_test_of_scipy(only_a: int, only_b: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar(*hits(only_a, only_b)) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(*hits(only_b, only_a)) == pytest.approx(expected, rel=1e-9)


def test_queries_both_answer_do_not_matter() -> None:
    assert mcnemar(*hits(2, 9, both=0)) == mcnemar(*hits(2, 9, both=1000))


def test_the_paired_interval_is_narrower_than_the_methods_own() -> None:
    generator = np.random.default_rng(3)
    difficulty = generator.random(200)
    a, b = difficulty, np.clip(difficulty - 0.02 + generator.normal(0, 0.03, 200), 0, 1)
    difference, low, high = paired_bootstrap(a, b)
    assert low < difference < high and low > 0
    assert difference == pytest.approx(a.mean() - b.mean())
    own = bootstrap_interval(a, lambda values: float(values.mean()))
    assert high - low < (own[1] - own[0]) / 3
    swapped = paired_bootstrap(b, a)
    assert swapped == pytest.approx((-difference, -high, -low))


def test_many_queries_are_drawn_in_chunks() -> None:
    values = np.random.default_rng(0).random(3_000_000)
    difference, low, high = paired_bootstrap(values, values - 0.5, samples=4)
    assert (difference, low, high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_permutation_test_is_near_all_signs() -> None:
    a, b = np.array([0.9, 0.4, 0.8, 0.7, 0.3, 0.6, 0.5, 0.9]), np.array([0.5, 0.5, 0.2, 0.4, 0.3, 0.1, 0.6, 0.3])
    observed = abs((a - b).sum())
    signs = itertools.product((-1, 1), repeat=8)
    exact = np.mean([abs(np.dot(each, a - b)) >= observed - 1e-12 for each in signs])
    assert permutation_test(a, b, samples=20_000) == pytest.approx(exact, abs=0.01)


def test_the_permutation_test_errs_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    values = [permutation_test(*generator.random((2, 30)), samples=200, seed=n) for n in range(300)]
    assert 0.02 <= np.mean(np.array(values) <= 0.05) <= 0.09


def test_unequal_queries_are_refused() -> None:
    with pytest.raises(ShapeError, match="the same queries"):
        mcnemar([True], [True, False])
    with pytest.raises(ShapeError, match="the same queries"):
        paired_bootstrap([1.0], [1.0, 2.0])


def test_no_queries_have_no_difference() -> None:
    assert all(np.isnan(paired_bootstrap([], [])))
    assert mcnemar([], []) == 1
