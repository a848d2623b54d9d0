"""Thresholds with a promised precision."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from placeprint.errors import OptionError
from placeprint.evidence.guarantee import RISK, at_most, fewest_accepted, promised_threshold


@pytest.mark.parametrize(("most", "count", "probability"), [(0, 10, 0.1), (3, 200, 0.02), (7, 50, 0.3), (50, 50, 0.9)])
def test_the_binomial_tail_is_that_of_scipy(most: int, count: int, probability: float) -> None:
    assert at_most(most, count, probability) == pytest.approx(binom.cdf(most, count, probability), rel=1e-9)


@pytest.mark.parametrize("precision", [0.6, 0.9, 0.99])
def test_so_many_accepted_ones_are_needed_and_enough(precision: float) -> None:
    least = fewest_accepted(precision)
    scores = np.arange(4.0 * least)
    right = np.ones(len(scores), bool)
    assert promised_threshold(scores, right, precision) is not None
    assert promised_threshold(scores[: least - 1], right[: least - 1], precision) is None


def test_the_threshold_goes_down_to_where_wrong_ones_are_many() -> None:
    scores = np.arange(400.0)
    right = scores >= 150
    found = promised_threshold(scores, right, 0.95)
    assert found is not None
    assert 130 < found <= 150


def test_wrong_answers_with_the_highest_scores_promise_nothing() -> None:
    scores = np.arange(100.0)
    assert promised_threshold(scores, scores < 80, 0.9) is None


def draw(random: np.random.Generator, count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return trials whose answers are right with the probability of their score."""
    scores = random.uniform(0.5, 1, count)
    return scores, random.uniform(0, 1, count) < scores


def test_the_promise_holds_in_nine_of_ten_samples() -> None:
    random, precision, broken, samples = np.random.default_rng(0), 0.9, 0, 400
    for _ in range(samples):
        found = promised_threshold(*draw(random, 300), precision)
        # above t the mean probability of a right answer is (t + 1) / 2
        broken += found is not None and (found + 1) / 2 < precision
    assert broken / samples <= RISK + 0.03


@pytest.mark.parametrize("precision", [0, 1, -1, 2])
def test_a_precision_is_a_share(precision: float) -> None:
    with pytest.raises(OptionError, match="precision"):
        promised_threshold(np.ones(3), np.ones(3, bool), precision)
