"""Mine training tuples from positions: query, best positive, hardest negatives (Arandjelovic et al., arXiv 1511.07247).

- *Potential positives* of a query are photos from 1 m (closer ones are nearly the same picture) to 10 m away, in its
  area, and taken at another time if times are known (the paper's Tokyo Time Machine). The one nearest by descriptor is
  used. With ``area_positives`` they are instead all photos of other sequences in the query's area, whatever their
  positions: some of them may show what the query shows, and the network learns to find the area.
- *Definite negatives* are farther than 25 m away. Photos of another sequence in the query's area are not negatives,
  because their distance is unknown.
- From 1000 random negatives and the 10 hardest of the query's last round, the 10 nearest by descriptor are selected and
  remembered; those that violate the margin, ``d^2(q, n) < d^2(q, p) + 0.1``, are used in training.

Queries without a potential positive are known in advance; those without a violating negative are skipped in a round,
because they have no loss.

Memory does not grow with the square of the number of photos: positives are found with a grid, descriptors stay on disk,
and queries are processed in blocks. Besides the cache, a photo takes about 100 bytes.

Departures: the queries of a block share one sample of negatives, which is read once. The 1 m comes from the authors'
    code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Count, CountOrNone, NotNegative, Positive, Range, checked
from placeprint.core.position_grid import PositionGrid
from placeprint.core.table_reading import check_values
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError, OptionError, ShapeError
from placeprint.training.data.descriptor_cache import DescriptorCache
from placeprint.types import Floats, Ids, Mask, Progress

POSITIVES_AT_ONCE = 1024
"""Most rows of potential positives compared at once."""
MOST_DRAWN = 16
"""Most photos drawn per wanted negative: a query close to nearly all photos gets fewer negatives."""


@dataclass(frozen=True, eq=False)
class Tuples:
    """The result of a round of mining.

    Args:
        queries: ``(t,)`` int64, the queries with violating negatives, in the order given.
        positives: ``(t,)`` int64, the best potential positive of each.
        negatives: the violating negatives of each, int64, hardest first.
        easy: the number of queries without a violating negative.
        distances: ``(asked, 2)`` float32 squared distances of each given query to its best positive and its hardest
            negative, for monitoring.
    """

    queries: Ids
    positives: Ids
    negatives: tuple[Ids, ...]
    easy: int
    distances: Floats

    def __len__(self) -> int:
        return len(self.queries)


@checked
@dataclass(frozen=True, kw_only=True)
class MiningOptions:
    """Distances and counts of mining, with the paper's values.

    Args:
        nearest: the distance in meters beyond which potential positives are.
        positive: the largest distance of potential positives in meters.
        negative: the distance in meters beyond which negatives are definite.
        sampled: the number of negatives drawn per query.
        remembered: the number of hardest negatives kept for a query's next round.
        used: the most violating negatives per tuple.
        margin: the margin in squared L2 distance.
        seconds_apart: if times are known, query and positive differ by more than this.
        area_positives: see the module; `nearest` and `positive` have no part in it.
        block: the number of queries processed at once.

    Raises:
        OptionError: a value is out of its range.
    """

    nearest: NotNegative = 1.0
    positive: Positive = 10.0
    negative: Positive = 25.0
    sampled: Count = 1000
    remembered: CountOrNone = 10
    used: Count = 10
    margin: Annotated[float, Range(0, 100)] = 0.1
    seconds_apart: NotNegative = 0.0
    area_positives: bool = False
    block: Annotated[int, Range(1, 100_000)] = 64

    def __post_init__(self) -> None:
        if not self.nearest < self.positive <= self.negative:
            raise OptionError(
                "distances must be nearest < positive <= negative, got "
                f"{self.nearest}, {self.positive} and {self.negative} m"
            )

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> tuple[Self, int]:
        """Read the table of a recipe, and its ``queries``: the number per round, 0 for all.

        Raises:
            OptionError: a key is unknown, or a value has the wrong type or is out of its range.
        """
        what = "[mining] of a recipe"
        values = check_values(cls, table, what=what, prefix="mining.", beside={"queries": CountOrNone})
        queries: int = values.pop("queries", 0)
        return cls(**values), queries


class TupleMiner:
    """Find training tuples, round after round.

    Args:
        photos: the training set.
        options: the distances and counts.
        seed: the seed of the random negatives.
        queries: ``(q,)`` indices of photos that may be queries; None for all.
        database: ``(d,)`` indices of photos that may be positives and negatives; None for all.

    Attributes:
        queries: the queries with a potential positive, in increasing order.
        without_positive: the queries without one, in increasing order; they cannot be used in training.
        hardest_: ``(n, remembered)`` int32, the hardest negatives of each photo's last round, -1 for none. It is the
            only memory of mining, so it belongs in a checkpoint.

    Raises:
        DatasetError: no query has a potential positive, or areas are required and unknown.
        ShapeError: an index is out of range.
    """

    def __init__(
        self,
        photos: PlacedPhotos,
        options: MiningOptions | None = None,
        *,
        seed: int = 0,
        queries: Ids | None = None,
        database: Ids | None = None,
    ) -> None:
        self.photos, self.options, self.seed = photos, options or MiningOptions(), seed
        self._database = _chosen(database, len(photos))
        self._areas: dict[int, Ids] = {}
        if self.options.area_positives:
            self._areas = _rows_by_area(photos, self._database)
        self._grid = PositionGrid(photos.positions[self._database], self.options.positive)
        wanted = _chosen(queries, len(photos))
        has = np.array([len(self.potential_positives(int(query))) > 0 for query in wanted], np.bool_)
        self.queries, self.without_positive = wanted[has], wanted[~has]
        if not len(self.queries):
            if self.options.area_positives:
                raise DatasetError("no area is seen by two sequences, so there are no positives to learn from")
            raise DatasetError(
                f"none of {len(wanted)} queries has a photo from {self.options.nearest} to {self.options.positive} m "
                "away to learn from; are positions in meters, and do the distances fit them?"
            )
        self.hardest_: NDArray[np.int32] = np.full((len(photos), self.options.remembered), -1, np.int32)

    def potential_positives(self, query: int) -> Ids:
        """Return the increasing indices of the photos that may show the same as a photo."""
        photos, options = self.photos, self.options
        if photos.areas is not None and options.area_positives:
            near = self._areas.get(int(photos.areas[query]), np.zeros(0, np.int64))
            good = photos.sequences[near] != photos.sequences[query]
        else:
            near = self._database[self._grid.near(photos.positions[query])]
            away = np.hypot(*(photos.positions[near] - photos.positions[query]).T)
            good = (away > options.nearest) & (near != query)
            if photos.areas is not None:
                good &= photos.areas[near] == photos.areas[query]
        if photos.times is not None:
            good &= np.abs(photos.times[near] - photos.times[query]) > options.seconds_apart
        return np.asarray(near[good], np.int64)

    def definite_negatives(self, queries: Ids, candidates: Ids) -> Mask:
        """Return ``(q, c)``: whether each candidate surely shows another place than each query."""
        photos = self.photos
        offset = photos.positions[queries][:, None] - photos.positions[candidates]
        far = np.hypot(offset[..., 0], offset[..., 1]) > self.options.negative
        if photos.areas is not None:
            area = photos.areas[queries][:, None] == photos.areas[candidates]
            sequence = photos.sequences[queries][:, None] == photos.sequences[candidates]
            far &= ~(area & ~sequence)
        return np.asarray(far, np.bool_)

    def mine(
        self,
        cache: DescriptorCache,
        round_number: int,
        queries: Ids | None = None,
        progress: Progress | None = None,
    ) -> Tuples:
        """Return the tuples of some queries and remember their hardest negatives.

        The same queries, seed, round and memory give the same tuples.

        Args:
            cache: the unit descriptors of all photos by the current network.
            round_number: the number of the cache refresh, for drawing negatives.
            queries: ``(q,)`` indices among `queries`, in any order; None for all.
            progress: called with the number of queries done and the total.

        Raises:
            ShapeError: the cache belongs to another set, or a query has no potential positive.
            NotFittedError: the cache lacks a needed descriptor.
        """
        if len(cache) != len(self.photos):
            raise ShapeError(f"the cache must have {len(self.photos)} rows, one per photo, it has {len(cache)}")
        asked = self.queries if queries is None else np.asarray(queries, np.int64)
        if not np.isin(asked, self.queries).all():
            raise ShapeError("a query must be one of the miner's queries, which have a potential positive")
        best, hardest = np.empty(len(asked), np.int64), []
        distances = np.empty((len(asked), 2), np.float32)
        for start in range(0, len(asked), self.options.block):
            rows = slice(start, start + self.options.block)
            generator = np.random.default_rng([self.seed, round_number, start])
            described = cache.rows(asked[rows])
            best[rows], distances[rows, 0] = self._best_positives(cache, asked[rows], described)
            found, distances[rows, 1] = self._violating(cache, asked[rows], described, distances[rows, 0], generator)
            hardest += found
            if progress is not None:
                progress(min(start + self.options.block, len(asked)), len(asked))
        useful = np.array([len(each) > 0 for each in hardest], np.bool_)
        return Tuples(
            asked[useful],
            best[useful],
            tuple(each for each in hardest if len(each)),
            int((~useful).sum()),
            distances,
        )

    def _best_positives(self, cache: DescriptorCache, queries: Ids, described: Floats) -> tuple[Ids, Floats]:
        """Return for each query the nearest potential positive by descriptor (the first if equal), and d^2 to it."""
        best, distances = np.empty(len(queries), np.int64), np.empty(len(queries), np.float32)
        for place, query in enumerate(queries):
            candidates = self.potential_positives(int(query))
            parts = range(0, len(candidates), POSITIVES_AT_ONCE)
            found = np.concatenate(
                [
                    _squares(described[place : place + 1], cache.rows(candidates[part : part + POSITIVES_AT_ONCE]))[0]
                    for part in parts
                ]
            )
            best[place], distances[place] = candidates[found.argmin()], found.min()
        return best, distances

    def _violating(
        self, cache: DescriptorCache, queries: Ids, described: Floats, limits: Floats, generator: np.random.Generator
    ) -> tuple[list[Ids], Floats]:
        """Return for each query its violating negatives and d^2 to the hardest; remember the hardest."""
        options = self.options
        before = self.hardest_[queries].astype(np.int64)
        sample, allowed = self._sample(queries, generator)
        pool = np.union1d(sample, before[before >= 0])
        mask = np.zeros((len(queries), len(pool)), np.bool_)
        mask[:, np.searchsorted(pool, sample)] = allowed
        places, columns = np.nonzero(before >= 0)
        mask[places, np.searchsorted(pool, before[places, columns])] = True
        if not len(pool):
            return [np.zeros(0, np.int64) for _ in queries], np.full(len(queries), np.inf, np.float32)
        squares = np.where(mask, _squares(described, cache.rows(pool)), np.float32(np.inf))
        found = []
        for query, limit, row in zip(queries, limits, squares, strict=True):
            order = np.argsort(row, kind="stable")[: max(options.remembered, options.used)]
            order = order[np.isfinite(row[order])]
            kept = order[: options.remembered]
            self.hardest_[query] = -1
            self.hardest_[query, : len(kept)] = pool[kept]
            found.append(pool[order[row[order] < limit + options.margin][: options.used]])
        return found, np.asarray(squares.min(axis=1), np.float32)

    def _sample(self, queries: Ids, generator: np.random.Generator) -> tuple[Ids, Mask]:
        """Return the photos drawn for a block, and ``(q, photos)``: whether each is a sampled negative of a query."""
        wanted = self.options.sampled
        most = min(len(self._database), MOST_DRAWN * wanted)
        size = min(most, wanted + wanted // 4)  # some drawn photos are close to a query
        while True:
            drawn = self._database[generator.choice(len(self._database), size, replace=False)]
            allowed = self.definite_negatives(queries, drawn)
            if size == most or int(allowed.sum(axis=1).min()) >= wanted:
                break
            size = min(most, 2 * size)
        allowed &= np.cumsum(allowed, axis=1) <= wanted
        used = allowed.any(axis=0)
        return drawn[used], allowed[:, used]


def _squares(first: Floats, second: Floats) -> Floats:
    """Return ``(m, n)`` squared L2 distances of rows."""
    import faiss

    return np.asarray(faiss.pairwise_distances(first, second), np.float32)


def _rows_by_area(photos: PlacedPhotos, rows: Ids) -> dict[int, Ids]:
    if photos.areas is None:
        raise DatasetError("these photos have no areas; set mining.area_positives = false")
    areas = photos.areas[rows]
    return {int(area): rows[areas == area] for area in np.unique(areas)}


def _chosen(indices: Ids | None, count: int) -> Ids:
    if indices is None:
        return np.arange(count, dtype=np.int64)
    chosen = np.unique(np.asarray(indices, np.int64))
    if len(chosen) and (chosen[0] < 0 or chosen[-1] >= count):
        raise ShapeError(f"indices must be from 0 to {count - 1}, got {chosen[0]} to {chosen[-1]}")
    return chosen
