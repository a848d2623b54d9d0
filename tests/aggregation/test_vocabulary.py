"""Visual words: k-means on a stream, and the sums over words."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.aggregation import vocabulary
from placeprint.aggregation.vocabulary import learn_words, nearest_words, sum_by_word, sums_and_counts
from placeprint.errors import ShapeError
from placeprint.types import Floats


def _clusters(count: int = 4000) -> Floats:
    generator = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], float)
    return (centers[generator.integers(0, 4, count)] + generator.normal(size=(count, 2)) * 0.3).astype(np.float32)


def test_words_are_the_centers_of_clusters() -> None:
    words = learn_words(_clusters()[:, :1], 2)
    np.testing.assert_allclose(np.sort(words.ravel()), [0, 10], atol=0.05)


def test_spherical_words_have_unit_length() -> None:
    words = learn_words(_clusters() + 1, 4, spherical=True)
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, atol=1e-5)


def test_sums_and_counts_are_those_of_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "BLOCK", 7)
    rows, words = _clusters(100), np.array([[1, 1], [9, 1], [50, 50]], np.float32)
    sums, counts = sums_and_counts([rows[:33], rows[33:]], words)
    expected, tally = np.zeros((3, 2)), np.zeros(3)
    for row in rows:
        word = int(np.argmin([float(((row - each) ** 2).sum()) for each in words]))
        expected[word] += row
        tally[word] += 1
    np.testing.assert_allclose(sums, expected, rtol=1e-5)
    assert counts.tolist() == tally.tolist() and counts[2] == 0


def test_nothing_sums_to_nothing() -> None:
    assert sum_by_word(np.zeros((0, 3), np.float32), np.zeros(0, int), 2).tolist() == [[0, 0, 0]] * 2


def test_too_few_descriptors_are_refused() -> None:
    with pytest.raises(ShapeError, match="codebook of 8 words needs at least as many descriptors, got 3"):
        learn_words(np.ones((3, 2), np.float32), 8)


@pytest.mark.parametrize("cached", [10, 1 << 18])
def test_the_nearest_words_are_those_of_a_plain_sort(monkeypatch: pytest.MonkeyPatch, cached: int) -> None:
    monkeypatch.setattr(vocabulary, "CACHED", cached)
    generator = np.random.default_rng(0)
    rows, words = generator.normal(size=(40, 5)).astype(np.float32), generator.normal(size=(7, 5)).astype(np.float32)
    distances = ((rows[:, None].astype(float) - words) ** 2).sum(axis=2)
    np.testing.assert_array_equal(nearest_words(rows, words, 3), np.argsort(distances, axis=1)[:, :3])
    assert nearest_words(rows[:0], words).shape == (0, 1)
    # of two words in the same place the first comes first
    assert nearest_words(rows, words[[0, 0]], 2).tolist() == [[0, 1]] * 40
