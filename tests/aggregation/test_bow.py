"""Bag of words by hand and against a plain loop."""

from __future__ import annotations

import math

import numpy as np
import pytest

from placeprint.aggregation.bow import BoW
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.types import Floats, LocalFeatures
from tests.conftest import random_features


def _photo(*points: float) -> LocalFeatures:
    count = len(points)
    rows = np.array(points, np.float32)[:, None]
    return LocalFeatures(np.zeros((count, 2), np.float32), rows, np.ones(count, np.float32), (10, 10))


def _bow(**options: object) -> BoW:
    bow = BoW(num_words=3, **options)  # type: ignore[arg-type]  # options differ by test
    bow.codebook_ = np.array([[0.0], [1.0], [2.0]], np.float32)
    return bow


def _learned(values: Floats | None) -> Floats:
    assert values is not None
    return values


def test_a_case_by_hand() -> None:
    # of four photos all have word 0, two have word 1, one has word 2: idf log 2, log 3, log 5
    bow = _bow(power=1.0).adapt([_photo(0, 1, 2), _photo(0, 1), _photo(0, 0), _photo(0)])
    np.testing.assert_allclose(_learned(bow.idf_), np.log([2, 3, 5]), rtol=1e-6)
    found = bow.aggregate(_photo(0, 1, 1, 2))
    values = np.log([2, 3, 5]) * [0.25, 0.5, 0.25]
    np.testing.assert_allclose(found, values / np.linalg.norm(values), rtol=1e-6)


def test_the_root_of_counts_and_no_idf() -> None:
    found = _bow(power=0.5, idf=False).adapt([]).aggregate(_photo(0, 1, 1, 1, 1))
    np.testing.assert_allclose(found, np.array([1, 2, 0]) / math.sqrt(5), rtol=1e-6)


def test_a_word_no_photo_has_counts_as_one_that_a_single_photo_has() -> None:
    bow = _bow().adapt([_photo(0), _photo(0)])
    np.testing.assert_allclose(_learned(bow.idf_), np.log([2, 3, 3]), rtol=1e-6)


def test_it_agrees_with_a_plain_loop() -> None:
    photos = [random_features(80, 6, seed) for seed in range(6)]
    bow = BoW(num_words=12, power=1.0).fit(photos)
    words = _learned(bow.codebook_)

    def counts(photo: LocalFeatures) -> list[int]:
        tally = [0] * 12
        for row in photo.descriptors:
            tally[int(np.argmin([float(((row - word) ** 2).sum()) for word in words]))] += 1
        return tally

    having = [sum(counts(photo)[word] > 0 for photo in photos) for word in range(12)]
    values = np.array([n / 80 * math.log(1 + 6 / max(d, 1)) for n, d in zip(counts(photos[2]), having, strict=True)])
    np.testing.assert_allclose(bow.aggregate(photos[2]), values / np.linalg.norm(values), atol=1e-6)


def test_misuse_is_refused() -> None:
    with pytest.raises(NotFittedError):
        BoW().aggregate(random_features(3, 8))
    with pytest.raises(ShapeError, match=r"\(any, 1\), got \(3, 9\)"):
        _bow().adapt([]).aggregate(random_features(3, 9))
    with pytest.raises(OptionError, match="num_words"):
        BoW(num_words=0).fit([random_features(3, 8)])
