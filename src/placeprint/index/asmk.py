"""The binary aggregated selective match kernel (Tolias, Avrithis and Jegou, ICCV 2013; IJCV 2016): compact votes.

The local features of a photo with the same visual word c become one sign vector, from the sum of their residuals, b_c =
sign(sum over x of (x - c)). Two photos are compared word by word, and only words that agree count::

    S(X, Y) = sum over common words c of idf_c s(1 - 2 h(b_c, b'_c) / D) / sqrt(N(X) N(Y))
    s(u) = u ** alpha if u > threshold, else 0          N(X) = sum over the words of X of idf_c

with h the Hamming distance of the sign vectors of D values. One vector per word removes bursts within a photo. The
query's features are assigned to their ``assignments`` nearest words, those of the database to the nearest one. The
words form an inverted file: for each word the photos that have it, with their sign vectors, D / 8 bytes and 4 for the
photo.

idf_c = (1 + log((1 + n) / (1 + n_c))) ** idf, with n photos and n_c of them that have the word; a word in all photos
counts 1, because with few photos of many features most words are everywhere. The papers have no idf; public code has
one and changed its definition in 2023, so figures before and after differ. ``idf = 0`` disables it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.arrays import ids_of, rows_of
from placeprint.core.options import Count, Range, Seed, checked
from placeprint.errors import NotFittedError, ShapeError
from placeprint.index.votes import LEARNED_FROM, descriptors_of
from placeprint.types import Floats, Ids, LocalFeatures, Ranking

PER_WORD = 4
"""Approximate number of features per word, if the number of words is not given: a photo should have few of one word."""
LEAST_WORDS, MOST_WORDS = 16, 16_384
POINTS = 20
"""Approximate most features per word to learn from."""
ITERATIONS = 10
TOGETHER = 1 << 22
"""Most sign vectors compared at once."""
ARRAYS = ("codebook", "photos", "words", "owners", "signs")
Signs = NDArray[np.uint8]


@checked
@dataclass(kw_only=True, eq=False)
class ASMK:
    """Rank photos by shared visual words and their similarity there; see the module.

    Args:
        num_words: the size of the codebook; 0 chooses a power of two from the number of features.
        assignments: the number of words per query feature.
        alpha: the exponent of the similarity of a word.
        threshold: the similarity in [0, 1) that a word must exceed to count.
        idf: the exponent of the inverse document frequency.
        seed: the seed of k-means.

    Raises:
        OptionError: a parameter is out of its range (when it is fitted).
    """

    num_words: Annotated[int, Range(0, 1_000_000)] = 0
    assignments: Annotated[int, Range(1, 1000)] = 5
    alpha: Annotated[float, Range(0, 100, above=True)] = 3.0
    threshold: Annotated[float, Range(0, 1, below=True)] = 0.0
    idf: Annotated[float, Range(0, 100)] = 1.0
    seed: Seed = 0
    _state: dict[str, NDArray[Any]] = field(default_factory=dict, init=False, repr=False)
    _waiting: list[tuple[NDArray[Any], ...]] = field(default_factory=list, init=False, repr=False)
    _found: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self._state.get("photos", ()))

    def fit(self, features: Sequence[LocalFeatures]) -> ASMK:
        """Learn the words from the features of photos; return self. The index becomes empty.

        Raises:
            OptionError: a parameter is out of its range.
            ShapeError: there is no feature at all, or fewer than words, or descriptors differ in length.
        """
        import faiss

        rows = descriptors_of(features, LEARNED_FROM)
        by_count = 1 << max(0, (len(rows) // PER_WORD).bit_length() - 1)
        count = self.num_words or min(max(by_count, LEAST_WORDS), MOST_WORDS, len(rows))
        if count > len(rows):
            raise ShapeError(f"{count} words need at least as many features, got {len(rows)}")
        # plain means: residuals to means of unit length would all lean to one side
        means = faiss.Kmeans(
            rows.shape[1],
            count,
            niter=ITERATIONS,
            seed=self.seed,
            min_points_per_centroid=1,
            max_points_per_centroid=POINTS,
        )
        means.train(rows)
        self._hold(
            np.asarray(means.centroids, np.float32),
            np.zeros(0, np.int64),
            *self._nothing(rows.shape[1]),
        )
        return self

    def add(self, ids: Ids, features: Sequence[LocalFeatures]) -> None:
        """Add the features of photos under the photos' ids, ``(n,)`` int64; no id may be in the index yet.

        Raises:
            NotFittedError: `fit` has not been called.
            ShapeError: there are not as many photos as ids, or descriptors have another length.
        """
        self._codebook()
        numbers = ids_of(ids, len(features))
        made = [self._aggregated(each, 1) for each in features]  # check all before adding any
        for place, (words, signs) in enumerate(made, start=len(self)):
            self._waiting.append((words, np.full(len(words), place, np.int32), signs))
        self._state["photos"] = np.concatenate([self._state["photos"], numbers])

    def remove(self, ids: Ids) -> None:
        """Remove photos; unknown ids are ignored."""
        if not len(self) or not np.isin(self._state["photos"], ids).any():
            return
        self._settle()
        old = self._state
        stays = ~np.isin(old["photos"], ids)
        kept = stays[old["owners"]]
        places = np.cumsum(stays, dtype=np.int32) - 1
        owners = places[old["owners"][kept]]
        self._hold(old["codebook"], old["photos"][stays], old["words"][kept], owners, old["signs"][kept])

    @checked
    def search(self, features: LocalFeatures, top: Count) -> Ranking:
        """Return the ``top`` most similar photos, equal ones by increasing id, without those of similarity 0.

        Raises:
            NotFittedError: `fit` has not been called.
            ShapeError: descriptors have another length.
        """
        self._codebook()
        if not len(features) or not len(self) or top < 1:
            return Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32))
        self._settle()
        words, signs = self._aggregated(features, self.assignments)
        weights = self._weights()
        sums = self._sums(words, signs, weights)
        norms = np.sqrt(self._norms() * max(float(weights[words].sum()), 1e-12))
        scores = (sums / np.maximum(norms, 1e-12)).astype(np.float32)
        photos = self._state["photos"]
        order = np.lexsort((photos, -scores))[:top]
        order = order[scores[order] > 0]
        return Ranking(photos[order], scores[order])

    def write(self, folder: Path) -> None:
        """Write arrays into an existing folder.

        Raises:
            NotFittedError: `fit` has not been called.
        """
        self._codebook()
        self._settle()
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", self._state[name])

    def read(self, folder: Path) -> ASMK:
        """Load what an equal voter has written, mapped into memory; return self.

        Raises:
            OSError, ValueError: the files are damaged or missing.
        """
        arrays = [np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS]
        if len({len(each) for each in arrays[2:]}) > 1:
            raise ValueError(f"{str(folder)!r} has arrays that do not fit together")
        self._hold(*arrays)
        return self

    def _codebook(self) -> Floats:
        if not self._state:
            raise NotFittedError("ASMK has not learned its words; call fit first")
        return self._state["codebook"]

    def _nothing(self, dim: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Signs]:
        return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, -(-dim // 8)), np.uint8)

    def _hold(self, *arrays: NDArray[Any]) -> None:
        self._state, self._found, self._waiting = dict(zip(ARRAYS, arrays, strict=True)), {}, []

    def _settle(self) -> None:
        """Move added photos into the inverted file."""
        if self._waiting:
            old = self._state
            parts = [(old["words"], old["owners"], old["signs"]), *self._waiting]
            words, owners, signs = (np.concatenate(each) for each in zip(*parts, strict=True))
            order = np.argsort(words, kind="stable")
            self._hold(old["codebook"], old["photos"], words[order], owners[order], signs[order])

    def _aggregated(self, features: LocalFeatures, assignments: int) -> tuple[NDArray[np.int32], Signs]:
        """Return the words of a photo in increasing order, and the sign vector of each, in bits."""
        codebook = self._codebook()
        rows = rows_of(features.descriptors, dim=codebook.shape[1])
        if not len(features):
            words, _, signs = self._nothing(codebook.shape[1])
            return words, signs
        nearest = self._words().search(rows, min(assignments, len(codebook)))[1]
        flat = nearest.ravel()
        order = np.argsort(flat, kind="stable")
        residuals = rows[order // nearest.shape[1]] - codebook[flat[order]]
        words, begins = np.unique(flat[order], return_index=True)
        return words.astype(np.int32), np.packbits(np.add.reduceat(residuals, begins) >= 0, axis=1)

    def _sums(self, words: NDArray[np.int32], signs: Signs, weights: Floats) -> NDArray[np.float64]:
        """Return the numerator of the similarity to each photo."""
        dim = self._state["codebook"].shape[1]
        similarities = 1 - 2 * np.arange(dim + 1) / dim
        selected = np.where(similarities > self.threshold, np.maximum(similarities, 0) ** self.alpha, 0)
        begins = self._begins()
        first, counts = begins[words], begins[words + 1] - begins[words]
        sums = np.zeros(len(self))
        for part in np.array_split(np.arange(len(words)), max(1, int(counts.sum() // TOGETHER))):
            times = counts[part]
            rows = np.arange(times.sum()) + np.repeat(first[part] - (np.cumsum(times) - times), times)
            apart = _hamming(self._state["signs"][rows], np.repeat(signs[part], times, axis=0))
            votes = selected[apart] * np.repeat(weights[words[part]], times)
            sums += np.bincount(self._state["owners"][rows], votes, len(self))
        return sums

    def _words(self) -> Any:
        import faiss

        if "index" not in self._found:
            index = faiss.IndexFlatL2(self._state["codebook"].shape[1])
            index.add(np.ascontiguousarray(self._state["codebook"], np.float32))
            self._found["index"] = index
        return self._found["index"]

    def _begins(self) -> Ids:
        """Return where the list of each word starts, and where the last ends."""
        if "begins" not in self._found:
            count = len(self._state["codebook"])
            self._found["begins"] = np.searchsorted(self._state["words"], np.arange(count + 1))
        begins: Ids = self._found["begins"]
        return begins

    def _weights(self) -> Floats:
        """Return the idf of each word."""
        rarity = np.log((1 + len(self)) / (1 + np.diff(self._begins())))
        return np.asarray((1 + rarity) ** self.idf, np.float32)

    def _norms(self) -> NDArray[np.float64]:
        """Return N of each photo."""
        if "norms" not in self._found:
            given = self._weights()[self._state["words"]]
            self._found["norms"] = np.bincount(self._state["owners"], given, len(self))
        norms: NDArray[np.float64] = self._found["norms"]
        return norms


def _hamming(first: Signs, second: Signs) -> Ids:
    """Return the bits in which rows ``(n, bytes)`` differ."""
    differ = np.ascontiguousarray(first ^ second)
    if differ.shape[1] % 8 == 0:
        differ = differ.view(np.uint64)
    return np.asarray(np.bitwise_count(differ).sum(axis=1), np.int64)
