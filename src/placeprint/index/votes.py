"""Search by votes: one index has the local features of all photos, and every query feature votes for similar photos.

Each query feature finds its ``k`` nearest among all features of all photos and votes for their photos. The k-th
neighbor is a background that any feature would find, so a vote is worth how much its neighbor exceeds it::

    w = max(0, cosine - cosine of the k-th) ** power
    score of a photo = sum of the votes for it / sum over the query's features of (1 - cosine of the k-th) ** power

Scores are in [0, 1], 1 for the photo itself among photos that share nothing. Votes are as in DELF (Noh et al.,
ICCV 2017, section 5: 60 neighbors) and before it in Lowe (IJCV 2004); the distance to the background is the weight of
local naive Bayes nearest neighbors (McCann and Lowe, CVPR 2012), here with an exponent.

Burstiness (Jegou, Douze and Schmid, CVPR 2009): a query feature votes once per photo, for its best neighbor there, and
the votes that one feature of a photo receives are divided by the square root of their number. So neither a fence in the
query nor a window that looks like every window decides.

The index is FAISS's: inverted lists, the features by optimized product quantization (``"pq"``; Ge et al., CVPR 2013) in
``code_bytes``, or in 8 bits per value (``"sq8"``), plus 8 bytes for its number. It learns from the features given to
`fit`. On disk, it is mapped into memory until it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from placeprint.arrays import ids_of, rows_of
from placeprint.core.numerics import spread_features, stacked
from placeprint.core.options import Count, OneOf, Range, Seed, checked
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.types import Floats, Ids, LocalFeatures, Ranking

CODES = ("pq", "sq8")
SHIFT = 16
"""A feature's number is its photo's id times 2^16 plus its position in the photo."""
PER_LIST = 64
"""Approximate number of features to learn an inverted list from."""
MOST_LISTS = 8192
PQ_ROWS = 10_000
"""Fewest features for product quantization; with fewer, 8 bits per value are used."""
ITERATIONS = 10
LEARNED_FROM = 500_000
"""Most features to learn lists and codes from."""
FILE, PHOTOS = "votes.faiss", "photos.npy"


@checked
@dataclass(kw_only=True, eq=False)
class Votes:
    """Rank photos by the votes of local features; see the module.

    Args:
        neighbors: k, above 1.
        power: the exponent of a vote.
        code: ``"pq"`` or ``"sq8"``.
        code_bytes: bytes per feature with product quantization; descriptors are rotated and shortened to a multiple of
            it.
        lists: the number of inverted lists; 0 for one per 64 features to learn from, at most 8192.
        probes: the number of lists to search.
        seed: the seed of learning.

    Raises:
        OptionError: a parameter is out of its range (when it is fitted).
    """

    neighbors: Annotated[int, Range(2, 100_000)] = 60
    power: Annotated[float, Range(0, 100, above=True)] = 2.0
    code: Annotated[str, OneOf(*CODES)] = "pq"
    code_bytes: Annotated[int, Range(1, 4096)] = 15
    lists: Annotated[int, Range(0, 1_000_000)] = 0
    probes: Annotated[int, Range(1, 1_000_000)] = 16
    seed: Seed = 0
    _index: Any = field(default=None, init=False, repr=False)
    _mapped: bool = field(default=False, init=False, repr=False)
    _photos: Ids = field(default_factory=lambda: np.zeros(0, np.int64), init=False, repr=False)
    _counts: Ids = field(default_factory=lambda: np.zeros(0, np.int64), init=False, repr=False)

    def __len__(self) -> int:
        return len(self._photos)

    def fit(self, features: Sequence[LocalFeatures]) -> Votes:
        """Learn lists and codes from the features of photos; return self. The index becomes empty.

        Raises:
            OptionError: a parameter is out of its range, or does not fit the length of the descriptors.
            ShapeError: there is no feature at all, or descriptors differ in length.
        """
        rows = descriptors_of(features, LEARNED_FROM)
        self._index = self._empty(rows)
        self._index.train(rows)
        self._mapped, self._photos, self._counts = False, np.zeros(0, np.int64), np.zeros(0, np.int64)
        return self

    def add(self, ids: Ids, features: Sequence[LocalFeatures]) -> None:
        """Add the features of photos under new ids, ``(n,)`` int64, from 0 to 2^47 - 1.

        Raises:
            NotFittedError: `fit` has not been called.
            ShapeError: there are not as many photos as ids, an id is out of range, descriptors have another length or
                are not finite, or a photo has more than 65,536 features.
        """
        index = self._changeable()
        numbers = ids_of(ids, len(features), most=(1 << (63 - SHIFT)) - 1)
        counts = np.array([len(each) for each in features], np.int64)
        if counts.max(initial=0) > 1 << SHIFT:
            raise ShapeError(f"a photo may have {1 << SHIFT} features, got {counts.max()}; set max_keypoints")
        rows = stacked(features, index.d)
        self._photos, self._counts = np.concatenate([self._photos, numbers]), np.concatenate([self._counts, counts])
        if len(rows):
            index.add_with_ids(rows, _numbers(numbers, counts))

    def remove(self, ids: Ids) -> None:
        """Remove photos; unknown ids are ignored."""
        gone = np.isin(self._photos, ids)
        if not gone.any():
            return
        self._changeable().remove_ids(_numbers(self._photos[gone], self._counts[gone]))
        self._photos, self._counts = self._photos[~gone], self._counts[~gone]

    @checked
    def search(self, features: LocalFeatures, top: Count) -> Ranking:
        """Return the ``top`` photos with the most votes, equal ones by increasing id, without photos that have no vote.

        Raises:
            NotFittedError: `fit` has not been called.
            ShapeError: descriptors have another length.
        """
        import faiss

        index = self._filled_index()
        rows = rows_of(features.descriptors, dim=index.d if len(features) else None)
        if not len(features) or not index.ntotal or top < 1:
            return Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32))
        faiss.extract_index_ivf(index).nprobe = self.probes
        apart, numbers = index.search(rows, min(self.neighbors, index.ntotal))
        weights, most = self._weights(1 - apart / 2, numbers >= 0)
        photos, votes = _counted(weights, numbers)
        scores = (votes / max(most, 1e-12)).astype(np.float32)
        order = np.lexsort((photos, -scores))[:top]
        return Ranking(photos[order], scores[order])

    def write(self, folder: Path) -> None:
        """Write two files into an existing folder.

        Raises:
            NotFittedError: `fit` has not been called.
        """
        import faiss

        faiss.write_index(self._filled_index(), str(folder / FILE))
        np.save(folder / PHOTOS, np.stack([self._photos, self._counts]))

    def read(self, folder: Path) -> Votes:
        """Load what an equal voter has written, mapped into memory; return self.

        Raises:
            OSError, ValueError, RuntimeError: the files are damaged or missing.
        """
        import faiss

        self._photos, self._counts = np.load(folder / PHOTOS, allow_pickle=False)
        self._index = faiss.read_index(str(folder / FILE), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        lists: Any = faiss.extract_index_ivf(self._index).invlists
        lists = faiss.downcast_InvertedLists(lists)
        if isinstance(lists, faiss.OnDiskInvertedLists):
            lists.prefetch_nthread = 0  # its threads do not exist in a forked process, which would crash
        self._mapped = True
        if self._index.ntotal != self._counts.sum():
            raise ValueError(f"{str(folder)!r} has {self._index.ntotal} features, not {self._counts.sum()}")
        return self

    def _empty(self, rows: Floats) -> Any:
        import faiss

        count, dim = rows.shape
        lists = min(self.lists or max(1, min(count // PER_LIST, MOST_LISTS)), count)
        if self.code == "pq" and count >= PQ_ROWS:
            if self.code_bytes > dim:
                told = f"code_bytes must be from 1 to the {dim} values of a descriptor, got {self.code_bytes}"
                raise OptionError(told)
            kept = dim - dim % self.code_bytes
            turn = faiss.OPQMatrix(dim, self.code_bytes, kept)
            turn.niter = ITERATIONS
            inner: Any = faiss.IndexIVFPQ(faiss.IndexFlatL2(kept), kept, lists, self.code_bytes, 8)
            inner.pq.cp.seed, inner.pq.cp.niter = self.seed, ITERATIONS
            index: Any = faiss.IndexPreTransform(turn, inner)
        else:
            kind = faiss.ScalarQuantizer.QT_8bit
            index = inner = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(dim), dim, lists, kind)
        inner.cp.seed, inner.cp.niter, inner.cp.min_points_per_centroid = self.seed, ITERATIONS, 1
        return index

    def _filled_index(self) -> Any:
        if self._index is None:
            raise NotFittedError("Votes has not learned its lists; call fit first")
        return self._index

    def _changeable(self) -> Any:
        """Return the index, copied into memory if it was only mapped, because its file may be gone."""
        import faiss

        if self._mapped:
            lists: Any = faiss.extract_index_ivf(self._index)
            lists_in_memory: Any = faiss.ArrayInvertedLists(lists.nlist, lists.code_size)
            mapped = lists.invlists
            for number in range(lists.nlist):
                size = mapped.list_size(number)
                lists_in_memory.add_entries(number, size, mapped.get_ids(number), mapped.get_codes(number))
            lists.replace_invlists(lists_in_memory, True)
            lists_in_memory.this.disown()  # the index owns it now
            self._mapped = False
        return self._filled_index()

    def _weights(self, found: Floats, there: Any) -> tuple[Floats, float]:
        """Return the weight of each neighbor ``(q, k)``, 0 if there is none, and the largest possible sum."""
        cosines = np.where(there, np.minimum(found, 1), np.inf)
        background = np.where(there.any(axis=1), cosines.min(axis=1), 1.0)[:, None].astype(np.float32)
        above = np.where(there, np.maximum(np.where(there, found, 0) - background, 0), 0)
        return (above**self.power).astype(np.float32), float((np.maximum(1 - background, 0) ** self.power).sum())


def descriptors_of(features: Sequence[LocalFeatures], most: int) -> Floats:
    """Return up to ``most`` descriptors of photos, ``(n, d)`` float32, spread evenly over each photo.

    Raises:
        ShapeError: there is none, or they differ in length.
    """
    filled = [each for each in features if len(each)]
    if not filled:
        raise ShapeError("there are no local features to learn from")
    share = max(1, most // len(filled))
    return stacked([spread_features(each, share) for each in filled])


def _numbers(photos: Ids, counts: Ids) -> Ids:
    """Return the numbers of all features of photos ``(n,)``, photo by photo."""
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray((np.repeat(photos, counts) << SHIFT) + places, np.int64)


def _counted(weights: Floats, numbers: Ids) -> tuple[Ids, Floats]:
    """Return the photos with votes, in increasing order, and their sums; neighbors must be sorted nearest first."""
    queries, _ = np.nonzero(weights)
    given, features = weights[weights > 0], numbers[weights > 0]
    photos, owners = np.unique(features >> SHIFT, return_inverse=True)
    pairs = queries * len(photos) + owners
    first = np.unique(pairs, return_index=True)[1]  # the nearest feature in each photo
    features, given, owners = features[first], given[first], owners[first]
    _, places, times = np.unique(features, return_inverse=True, return_counts=True)
    sums = np.bincount(owners, given / np.sqrt(times[places]), len(photos))
    return np.asarray(photos, np.int64), sums.astype(np.float32)
