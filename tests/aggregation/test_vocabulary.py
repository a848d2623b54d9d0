"""Visual words: k-means on a stream, and the sums over words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from placeprint.aggregation import vocabulary
from placeprint.aggregation.vocabulary import learn_words, learn_words_from, nearest_words, sum_by_word, sums_and_counts
from placeprint.errors import ShapeError
from placeprint.types import Floats


def _clusters(count: int = 4000) -> Floats:
    generator = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], float)
    return (centers[generator.integers(0, 4, count)] + generator.normal(size=(count, 2)) * 0.3).astype(np.float32)


def test_words_are_the_centers_of_clusters() -> None:
    words = learn_words(_clusters()[:, :1], 2)
    np.testing.assert_allclose(np.sort(words.ravel()), [0, 10], atol=0.05)


def test_a_stream_gives_the_same_words_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "SAMPLE", 50)
    rows = _clusters()
    given: list[int] = []

    def blocks() -> Iterator[Floats]:
        for start in range(0, len(rows), 300):
            given.append(len(rows[start : start + 300]))
            yield rows[start : start + 300]

    words = learn_words_from(blocks, 4, passes=2)
    # two passes of Lloyd over everything end at the means of everything
    nearest = nearest_words(rows, words)[:, 0]
    means = np.stack([rows[nearest == word].mean(axis=0) for word in range(4)])
    np.testing.assert_allclose(words, means, atol=1e-4)
    assert sum(given) == 3 * len(rows)


def test_the_sample_of_a_stream_is_uniform() -> None:
    numbers = np.arange(100, dtype=np.float32)[:, None]
    kept = np.concatenate(
        [vocabulary._reservoir([numbers[:70], numbers[70:]], 20, seed).ravel() for seed in range(400)]
    )
    counts = np.bincount(kept.astype(int), minlength=100)
    assert len(kept) == 8000 and abs(counts.mean() - 80) < 1e-9
    assert counts.min() > 45 and counts.max() < 120  # 80 +- 4 deviations
    assert len(vocabulary._reservoir([np.ones((3, 2), np.float32)], 20, 0)) == 3


def test_spherical_words_have_unit_length() -> None:
    rows = _clusters() + 1
    words = learn_words_from(lambda: [rows], 4, passes=1, spherical=True)
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
    with pytest.raises(ShapeError, match="codebook of 8 words needs as many descriptors, got 3"):
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
