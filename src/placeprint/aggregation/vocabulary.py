"""Visual words, shared by BoW, VLAD and others: learn them by k-means, look them up, sum over them.

K-means is FAISS's, seeded. It needs no more than some hundred descriptors per word, so it learns from a sample of
bounded size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import rows_of
from placeprint.core.options import Range
from placeprint.errors import ShapeError
from placeprint.types import Floats

Words = Annotated[int, Range(1, 1_000_000)]
"""Size of a codebook."""
LocalDim = Annotated[int, Range(0, 65_536)]
"""Number of dimensions of local PCA; 0 for no PCA."""
Exponent = Annotated[float, Range(0, 100, above=True)]
Iterations = Annotated[int, Range(1, 10_000)]
SAMPLE = 256
"""Most descriptors per word to learn from; FAISS's own limit."""
BLOCK = 20_000
"""Most descriptors assigned and summed at once."""
CACHED = 1 << 18
"""Most entries of the table of descriptors and words at once: a megabyte, which fits in a cache."""


def learn_words(
    rows: Floats, num_words: int, *, spherical: bool = False, iterations: int = 20, seed: int = 0
) -> Floats:
    """Return ``(K, d)`` words of ``(n, d)`` descriptors, n at least K.

    Args:
        rows: descriptors.
        num_words: k, the number of words.
        spherical: whether to keep the words on the unit sphere.
        iterations: the iterations of k-means.
        seed: the seed of the sample and the initial words.

    Raises:
        ShapeError: there are fewer descriptors than words, or they have values that `arrays.rows_of` refuses.
    """
    import faiss

    rows = rows_of(rows)
    if len(rows) < num_words:
        raise ShapeError(f"a codebook of {num_words} words needs at least as many descriptors, got {len(rows)}")
    kmeans = faiss.Kmeans(
        rows.shape[1],
        num_words,
        niter=iterations,
        seed=seed,
        spherical=spherical,
        min_points_per_centroid=1,
        max_points_per_centroid=SAMPLE,
    )
    kmeans.train(rows)
    return np.array(kmeans.centroids, np.float32)


def sums_and_counts(blocks: Iterable[Floats], words: Floats) -> tuple[Floats, Floats]:
    """Return ``(K, d)``: the sum of the descriptors nearest to each word, and ``(K,)``: their number."""
    sums, counts = np.zeros_like(words, np.float64), np.zeros(len(words))
    for given in blocks:
        whole = rows_of(given, dim=words.shape[1])
        for block in (whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK)):
            nearest = nearest_words(block, words)[:, 0]
            sums += sum_by_word(block, nearest, len(words))
            counts += np.bincount(nearest, minlength=len(words))
    return sums.astype(np.float32), counts.astype(np.float32)


def nearest_words(rows: Floats, words: Floats, count: int = 1) -> NDArray[np.intp]:
    """Return the ``(n, count)`` nearest words of ``(n, d)`` rows, nearest first, ties by row.

    The nearest word has the largest ``x . c - |c|^2 / 2``: that is one matrix product with one more column.
    """
    n, dim = rows.shape
    extended, columns = np.empty((n, dim + 1), np.float32), np.empty((len(words), dim + 1), np.float32)
    extended[:, :dim], extended[:, dim] = rows, 1
    columns[:, :dim], columns[:, dim] = words, -0.5 * np.einsum("kd,kd->k", words, words)
    found = np.empty((n, count), np.intp)
    step = max(1, CACHED // len(words))
    table = np.empty((min(n, step), len(words)), np.float32)
    for start in range(0, n, step):
        some = slice(start, min(n, start + step))
        scores = np.matmul(extended[some], columns.T, out=table[: some.stop - start])
        for column in range(count):
            if column:
                scores[np.arange(len(scores)), found[some, column - 1]] = -np.inf
            scores.argmax(axis=1, out=found[some, column])
    return found


def sum_by_word(rows: Floats, words: NDArray[np.intp], num_words: int) -> Floats:
    """Return ``(num_words, d)``: the sum of the rows of each word.

    Example:
        >>> sum_by_word(np.array([[1.0], [2.0], [4.0]], np.float32), np.array([1, 0, 1]), 3).tolist()
        [[2.0], [5.0], [0.0]]
    """
    sums = np.zeros((num_words, rows.shape[1]), np.float32)
    # the flat index of every value: NumPy adds at flat indices many times faster than at whole rows
    places = np.arange(sums.size).reshape(sums.shape).take(words, axis=0)
    np.add.at(sums.reshape(-1), places.reshape(-1), rows.reshape(-1))
    return sums
