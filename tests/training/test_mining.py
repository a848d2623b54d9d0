"""Mining beside a plain loop that looks at all pairs, and the cache of descriptors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError, NotFittedError, OptionError, ShapeError
from placeprint.training.data import descriptor_cache, mining
from placeprint.training.data.descriptor_cache import DescriptorCache
from placeprint.training.data.mining import MiningOptions, TupleMiner
from placeprint.types import Floats, Ids

COUNT, DIM = 120, 16


def _photos(seed: int = 0, *, areas: bool = False, times: bool = False) -> PlacedPhotos:
    generator = np.random.default_rng(seed)
    positions = np.round(generator.uniform(0, 120, (COUNT, 2)))
    return PlacedPhotos(
        Path(),
        tuple(f"{number}.jpg" for number in range(COUNT)),
        positions,
        generator.integers(0, 6, COUNT),
        generator.integers(0, 3, COUNT) if areas else None,
        np.asarray(generator.integers(0, 3, COUNT) * 100, np.float64) if times else None,
    )


def _cache(folder: Path, seed: int = 0, count: int = COUNT) -> tuple[DescriptorCache, Floats]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, DIM)) + 1.0
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    cache = DescriptorCache.create(folder / "cache.npy", count, DIM, "float32")
    cache.write(0, rows)
    return cache, rows


def _is_positive(photos: PlacedPhotos, query: int, other: int, apart: float = 0.0) -> bool:
    away = float(np.linalg.norm(photos.positions[query] - photos.positions[other]))
    area = photos.areas is None or photos.areas[query] == photos.areas[other]
    time = photos.times is None or abs(photos.times[query] - photos.times[other]) > apart
    return query != other and 1 < away <= 10 and bool(area and time)


def _is_negative(photos: PlacedPhotos, query: int, other: int) -> bool:
    away = float(np.linalg.norm(photos.positions[query] - photos.positions[other]))
    unknown = (
        photos.areas is not None
        and photos.areas[query] == photos.areas[other]
        and photos.sequences[query] != photos.sequences[other]
    )
    return away > 25 and not unknown


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("areas", "times"), [(False, False), (True, False), (False, True), (True, True)])
def test_tuples_are_those_of_a_plain_loop_over_all_pairs(tmp_path: Path, seed: int, areas: bool, times: bool) -> None:
    photos = _photos(seed, areas=areas, times=times)
    cache, rows = _cache(tmp_path, seed)
    miner = TupleMiner(photos, MiningOptions(block=7))
    tuples = miner.mine(cache, 0)
    squares = ((rows[:, None].astype(float) - rows) ** 2).sum(axis=2)
    expected, without = {}, []
    for query in range(COUNT):
        positives = [other for other in range(COUNT) if _is_positive(photos, query, other)]
        if not positives:
            without.append(query)
            continue
        best = min(positives, key=lambda other: squares[query, other])
        negatives = sorted(
            (other for other in range(COUNT) if _is_negative(photos, query, other)),
            key=lambda other: squares[query, other],
        )
        violating = [each for each in negatives[:10] if squares[query, each] < squares[query, best] + 0.1]
        if violating:
            expected[query] = (best, violating)
    assert miner.without_positive.tolist() == without
    found = {
        int(query): (int(positive), negative.tolist())
        for query, positive, negative in zip(tuples.queries, tuples.positives, tuples.negatives, strict=True)
    }
    assert found == expected
    assert len(tuples) + tuples.easy == len(miner.queries)


def test_distances_are_told_of_every_query_that_was_asked_for(tmp_path: Path) -> None:
    photos = _photos()
    cache, rows = _cache(tmp_path)
    miner = TupleMiner(photos)
    asked = miner.queries[[5, 0, 3]]
    tuples = miner.mine(cache, 0, asked)
    for query, (near, far) in zip(asked, tuples.distances, strict=True):
        positives = miner.potential_positives(int(query))
        negatives = [other for other in range(COUNT) if _is_negative(photos, int(query), other)]
        for others, distance in ((positives, near), (negatives, far)):
            assert distance == pytest.approx(((rows[others] - rows[query]) ** 2).sum(axis=1).min(), abs=1e-5)
    assert tuples.queries.tolist() == [each for each in asked if each in tuples.queries]


def test_the_hardest_of_a_round_come_back_in_the_next(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path)
    miner = TupleMiner(_photos(), MiningOptions(sampled=12, remembered=3, used=12, margin=10, block=5))
    first = miner.mine(cache, 0)
    for query, negatives in zip(first.queries, first.negatives, strict=True):
        assert len(negatives) == 12
        assert miner.hardest_[query].tolist() == negatives[:3].tolist()
    second = miner.mine(cache, 1)
    seen = []
    for query, before, now in zip(second.queries, first.negatives, second.negatives, strict=True):
        assert query in first.queries
        assert set(now[:3]) <= {*now.tolist(), *before[:3].tolist()}
        assert set(before[:3].tolist()) & set(now.tolist()) == set(before[:3].tolist())
        seen.append(len(set(now.tolist()) - set(before.tolist())))
    assert max(seen) > 0
    assert (second.distances[:, 1] <= first.distances[:, 1] + 1e-6).all()  # harder from round to round


def test_each_query_gets_as_many_negatives_as_are_to_be_sampled(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path)
    photos = _photos()
    miner = TupleMiner(photos, MiningOptions(sampled=20, remembered=0, used=50, margin=10))
    tuples = miner.mine(cache, 0)
    assert [len(each) for each in tuples.negatives] == [20] * len(miner.queries)
    for query, negatives in zip(tuples.queries, tuples.negatives, strict=True):
        assert len(set(negatives.tolist())) == 20
        assert all(_is_negative(photos, int(query), int(each)) for each in negatives)


def test_a_query_to_which_nearly_all_are_near_gets_fewer_negatives(tmp_path: Path) -> None:
    positions = np.zeros((COUNT, 2))
    positions[:, 0] = np.arange(COUNT) / COUNT * 5
    positions[-1] = 100
    paths = tuple(f"{number}.jpg" for number in range(COUNT))
    photos = PlacedPhotos(Path(), paths, positions, np.zeros(COUNT, np.int64))
    cache, _ = _cache(tmp_path)
    found = [
        TupleMiner(photos, MiningOptions(sampled=sampled, margin=10, remembered=0), seed=seed).mine(cache, 0)
        for sampled in (2, 8)
        for seed in range(8)
    ]
    assert {len(tuples) > 0 for tuples in found[:8]} == {True, False}  # 32 of 120 are drawn
    assert all(each.tolist() == [COUNT - 1] for tuples in found for each in tuples.negatives)
    assert all(len(tuples) for tuples in found[8:])  # all are drawn


def test_the_same_seed_round_and_memory_give_the_same_tuples(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path)
    options = MiningOptions(sampled=15, block=10)
    miners = [TupleMiner(_photos(), options, seed=3) for _ in range(2)]
    miners[0].mine(cache, 0)
    miners[1].hardest_ = miners[0].hardest_.copy()  # as from a checkpoint
    rounds = [[each.tolist() for each in miner.mine(cache, 1).negatives] for miner in miners]
    assert rounds[0] == rounds[1]
    others = (
        TupleMiner(_photos(), options, seed=4).mine(cache, 1),
        TupleMiner(_photos(), options, seed=3).mine(cache, 2),
    )
    assert all([each.tolist() for each in other.negatives] != rounds[0] for other in others)


def test_queries_and_database_may_be_parts_of_the_set(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path)
    half = np.arange(0, COUNT, 2)
    miner = TupleMiner(_photos(), MiningOptions(margin=10), queries=half, database=half + 1)
    assert set(miner.queries) | set(miner.without_positive) == set(half.tolist())
    tuples = miner.mine(cache, 0)
    assert (tuples.positives % 2 == 1).all()
    assert all((each % 2 == 1).all() for each in tuples.negatives)


def test_many_positives_are_compared_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, _ = _cache(tmp_path)
    whole = TupleMiner(_photos()).mine(cache, 0)
    monkeypatch.setattr(mining, "POSITIVES_AT_ONCE", 1)
    assert TupleMiner(_photos()).mine(cache, 0).positives.tolist() == whole.positives.tolist()


def test_progress_is_told(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path)
    miner, calls = TupleMiner(_photos(), MiningOptions(block=50)), []
    miner.mine(cache, 0, miner.queries[:70], lambda done, total: calls.append((done, total)))
    assert calls == [(50, 70), (70, 70)]


def test_easy_queries_are_counted_and_left_out(tmp_path: Path) -> None:
    photos = PlacedPhotos(
        Path(),
        ("a", "b", "c"),
        np.array([[0.0, 0], [5, 0], [100, 0]]),
        np.zeros(3, np.int64),
    )
    cache = DescriptorCache.create(tmp_path / "cache.npy", 3, 2)
    cache.write(0, np.array([[1.0, 0], [1, 0], [-1, 0]]))
    miner = TupleMiner(photos)
    tuples = miner.mine(cache, 0)
    assert (len(tuples), tuples.easy, miner.without_positive.tolist()) == (0, 2, [2])
    assert tuples.distances.tolist() == [[0, 4], [0, 4]]
    cache.write(2, np.array([[0.98, 0.2]]))
    assert [each.tolist() for each in miner.mine(cache, 1).negatives] == [[2], [2]]


def test_a_set_without_positives_or_negatives(tmp_path: Path) -> None:
    far = PlacedPhotos(Path(), ("a", "b"), np.array([[0.0, 0], [99, 0]]), np.zeros(2, np.int64))
    with pytest.raises(DatasetError, match=r"none of 2 queries has a photo from 1.0 to 10.0 m away to learn from"):
        TupleMiner(far)
    near = PlacedPhotos(Path(), ("a", "b"), np.array([[0.0, 0], [5, 0]]), np.zeros(2, np.int64))
    cache, _ = _cache(tmp_path, count=2)
    tuples = TupleMiner(near).mine(cache, 0)
    assert (len(tuples), tuples.easy) == (0, 2)
    assert np.isinf(tuples.distances[:, 1]).all()


def test_what_does_not_fit_the_miner_is_refused(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path, count=COUNT - 1)
    miner = TupleMiner(_photos())
    with pytest.raises(ShapeError, match="the cache must have 120 rows, one per photo, it has 119"):
        miner.mine(cache, 0)
    cache, _ = _cache(tmp_path)
    outside: Ids = np.array([COUNT])
    with pytest.raises(ShapeError, match="a query must be one of the miner's queries"):
        miner.mine(cache, 0, outside)
    with pytest.raises(ShapeError, match="indices must be from 0 to 119, got 120 to 120"):
        TupleMiner(_photos(), queries=outside)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nearest": 12.0}, "distances must be nearest < positive <= negative, got 12.0, 10.0 and 25.0 m"),
        ({"positive": 30.0}, "distances must be"),
        ({"sampled": 0}, "sampled must be a whole number from 1"),
        ({"remembered": -1}, "remembered must be a whole number from 0"),
        ({"margin": -0.1}, "margin must be a number from 0"),
    ],
)
def test_options_out_of_their_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        MiningOptions(**options)  # type: ignore[arg-type]  # counts and distances by their names


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_cache_is_a_file_that_numpy_reads(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "cache.npy"
    cache = DescriptorCache.create(path, 10, 4, dtype)
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    cache.write(0, rows[:6])
    cache.write(6, rows[6:])
    cache.write(3, rows[:0])
    for again in (cache, DescriptorCache.open(path)):
        assert np.array_equal(again.rows(np.array([7, 2, 2])), rows.astype(dtype)[[7, 2, 2]].astype(np.float32))
        assert again.rows(slice(0, 2)).dtype == np.float32
    assert np.array_equal(np.load(path), rows.astype(dtype))
    assert (len(cache), cache.dim) == (10, 4)


def test_rows_come_in_the_order_they_are_asked_for(tmp_path: Path) -> None:
    cache, rows = _cache(tmp_path, count=20)
    for wanted in ([3], [4, 5, 6], [6, 5, 4], [0, 1, 19, 18, 2, 3, 3, 4], list(range(20)), []):
        assert np.array_equal(cache.rows(np.array(wanted, np.int64)), rows[wanted])
    assert np.array_equal(cache.rows(slice(2, 18, 3)), rows[2:18:3])
    with pytest.raises(ShapeError, match="rows must be from 0 to 19, got -1 to 20"):
        cache.rows(np.array([20, -1]))


def test_chunks_give_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptor_cache, "CHUNK", 4)
    cache, rows = _cache(tmp_path, count=10)
    parts = list(cache.chunks())
    assert [start for start, _ in parts] == [0, 4, 8]
    assert np.array_equal(np.concatenate([part for _, part in parts]), rows)


def test_a_file_that_became_shorter_is_told(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path, count=10)
    with cache.path.open("r+b") as file:
        file.truncate(300)
    with pytest.raises(DatasetError, match="has become shorter; make it again"):
        cache.rows(np.arange(10))
    cache.close()


def test_rows_that_were_never_written_are_refused(tmp_path: Path) -> None:
    cache = DescriptorCache.create(tmp_path / "cache.npy", 3, 4)
    cache.write(1, np.ones((1, 4)))
    assert cache.rows(np.array([1])).tolist() == [[1, 1, 1, 1]]
    with pytest.raises(NotFittedError, match=r"2 of 3 rows of .* were never written"):
        cache.rows(np.arange(3))


def test_descriptors_that_do_not_fit_a_cache_are_refused(tmp_path: Path) -> None:
    cache = DescriptorCache.create(tmp_path / "cache.npy", 3, 4)
    with pytest.raises(ShapeError, match=r"rows must have shape \(m, 4\) and fit into 3, got \(2, 4\) from 2 on"):
        cache.write(2, np.ones((2, 4)))
    with pytest.raises(ShapeError, match=r"rows must have shape \(m, 4\)"):
        cache.write(0, np.ones((2, 5)))
    with pytest.raises(ShapeError, match="must be finite; has the training diverged"):
        cache.write(0, np.full((1, 4), np.nan))
    with pytest.raises(OptionError, match="type float16 or float32, got 3, 4, int8"):
        DescriptorCache.create(tmp_path / "other.npy", 3, 4, "int8")


def test_files_that_are_no_cache_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.npy"
    with pytest.raises(DatasetError, match="is not a cache of descriptors"):
        DescriptorCache.open(path)
    path.write_bytes(b"something else")
    with pytest.raises(DatasetError, match="is not a cache of descriptors"):
        DescriptorCache.open(path)
    np.save(path, np.zeros((3, 4)))
    with pytest.raises(DatasetError, match=r"must have .* float16 or float32, it has .* float64"):
        DescriptorCache.open(path)
    DescriptorCache.create(path, 100, 64)
    with path.open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(DatasetError, match="must have 12928 bytes, it has 1000; make it again"):
        DescriptorCache.open(path)


def test_area_positives_are_photos_of_other_sequences_in_the_area(tmp_path: Path) -> None:
    photos = _photos(areas=True)
    assert photos.areas is not None
    cache, rows = _cache(tmp_path)
    miner = TupleMiner(photos, MiningOptions(area_positives=True))
    tuples = miner.mine(cache, 0)
    squares = ((rows[:, None].astype(float) - rows) ** 2).sum(axis=2)
    for query, positive in zip(tuples.queries, tuples.positives, strict=True):
        others = [
            other
            for other in range(COUNT)
            if photos.areas[other] == photos.areas[query] and photos.sequences[other] != photos.sequences[query]
        ]
        assert miner.potential_positives(int(query)).tolist() == others
        assert positive == min(others, key=lambda other: squares[query, other])
    with pytest.raises(DatasetError, match="have no areas"):
        TupleMiner(_photos(), MiningOptions(area_positives=True))
    alone = photos[photos.sequences == 0]
    with pytest.raises(DatasetError, match="seen by two sequences"):
        TupleMiner(alone, MiningOptions(area_positives=True))
