"""Search by local votes: what every voter promises, and what each counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from placeprint.core import registry
from placeprint.errors import NotFittedError, OptionError, ShapeError
from placeprint.index.asmk import ASMK
from placeprint.index.votes import SHIFT, Votes, _counted
from placeprint.types import LocalFeatures
from tests.conftest import random_features

SMALL: dict[str, dict[str, Any]] = {
    "asmk": {"num_words": 64, "assignments": 1},
    "votes": {"neighbors": 10, "lists": 4, "probes": 4},
}


def photo(seed: int, count: int = 60, noise: float = 0.0, dim: int = 16) -> LocalFeatures:
    """Return features that are drawn by a seed, and, with noise, another view of them."""
    features = random_features(count, dim, seed)
    moved = features.descriptors + noise * np.random.default_rng(seed + 1000).normal(size=features.descriptors.shape)
    rows = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return LocalFeatures(features.keypoints, rows, features.scores, features.image_size)


PHOTOS = [photo(seed) for seed in range(20)]
IDS = np.arange(20) * 3 + 5


@pytest.fixture(params=registry.names("voters"))
def voter(request: pytest.FixtureRequest) -> Any:
    made = registry.create("voters", request.param, SMALL.get(request.param))
    made.fit(PHOTOS).add(IDS, PHOTOS)
    return made


def again(voter: Any) -> Any:
    return type(voter)(**registry.params_of(voter))


def test_a_photo_finds_another_view_of_itself_first(voter: Any) -> None:
    assert len(voter) == 20
    for seed, wanted in enumerate(IDS.tolist()):
        ranking = voter.search(photo(seed, noise=0.1), 20)
        assert ranking.ids[0] == wanted
        assert ranking.scores[0] > 2 * ranking.scores[1] and 0 < ranking.scores[0] <= 1 + 1e-4
        assert len(set(ranking.ids.tolist())) == len(ranking) and (ranking.scores > 0).all()


def test_the_order_of_features_does_not_matter(voter: Any) -> None:
    features = photo(3, noise=0.3)
    turned = voter.search(features[np.random.default_rng(0).permutation(len(features))], 20)
    ranking = voter.search(features, 20)
    np.testing.assert_array_equal(ranking.ids, turned.ids)
    np.testing.assert_allclose(ranking.scores, turned.scores, rtol=1e-4)


def test_photos_come_and_go(voter: Any) -> None:
    voter.remove(np.array([IDS[2], 999]))
    assert len(voter) == 19 and IDS[2] not in voter.search(PHOTOS[2], 20).ids
    voter.add(np.array([1000, 1001]), [photo(77), photo(78, count=0)])
    assert voter.search(photo(77, noise=0.1), 1).ids.tolist() == [1000]
    voter.add(np.array([IDS[2]]), [PHOTOS[2]])
    assert voter.search(PHOTOS[2], 1).ids.tolist() == [IDS[2]] and len(voter) == 22
    voter.remove(np.concatenate([IDS, [1000, 1001]]))
    assert len(voter) == 0 and len(voter.search(PHOTOS[0], 5)) == 0


def test_adding_in_parts_is_adding_at_once(voter: Any) -> None:
    other = again(voter).fit(PHOTOS)
    for start in range(0, 20, 6):
        other.add(IDS[start : start + 6], PHOTOS[start : start + 6])
    query = photo(4, noise=0.2)
    np.testing.assert_array_equal(other.search(query, 20).ids, voter.search(query, 20).ids)
    np.testing.assert_allclose(other.search(query, 20).scores, voter.search(query, 20).scores, rtol=1e-5)


def test_what_is_written_is_read_and_can_be_changed(voter: Any, tmp_path: Path) -> None:
    voter.write(tmp_path)
    read = again(voter).read(tmp_path)
    query = photo(4, noise=0.2)
    np.testing.assert_array_equal(read.search(query, 20).ids, voter.search(query, 20).ids)
    np.testing.assert_array_equal(read.search(query, 20).scores, voter.search(query, 20).scores)
    read.remove(IDS[:1])
    read.add(np.array([2000]), [photo(90)])
    assert read.search(photo(90, noise=0.1), 1).ids.tolist() == [2000]
    assert len(again(voter).read(tmp_path)) == 20  # what was written stays as it was


def test_damaged_files_are_told(voter: Any, tmp_path: Path) -> None:
    voter.write(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises((OSError, ValueError, KeyError, RuntimeError)):
        again(voter).read(tmp_path).search(PHOTOS[0], 3)


def test_poor_input(voter: Any) -> None:
    assert len(voter.search(photo(1, count=0), 5)) == 0
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(any, 16\)"):
        voter.search(photo(1, dim=8), 5)
    with pytest.raises(ShapeError, match=r"ids must have shape \(1,\)"):
        voter.add(np.array([500, 501]), [PHOTOS[0]])
    with pytest.raises(NotFittedError):
        again(voter).search(PHOTOS[0], 5)
    with pytest.raises(ShapeError, match="no local features to learn from"):
        again(voter).fit([photo(1, count=0)])


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("votes", {"code": "sq4"}, "code must be one of pq, sq8"),
        ("votes", {"neighbors": 1}, "neighbors must be a whole number from 2"),
        ("asmk", {"threshold": 1.0}, "threshold must be a number of at least 0 and below 1"),
        ("asmk", {"assignments": 0}, "assignments must be a whole number from 1"),
    ],
)
def test_options_out_of_range_are_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        registry.create("voters", name, params).fit(PHOTOS)


def test_votes_are_those_of_a_plain_loop() -> None:
    votes = Votes(neighbors=12, power=2.0, code="sq8", lists=1, probes=1)
    votes.fit(PHOTOS).add(IDS, PHOTOS)
    query = photo(6, noise=0.4)
    numbers = [(int(i), place) for i, each in zip(IDS, PHOTOS, strict=True) for place in range(len(each))]
    votes._index.set_direct_map_type(2)  # a table of hashes, as numbers have gaps
    held = [votes._index.reconstruct((i << SHIFT) + place) for i, place in numbers]
    np.testing.assert_allclose(held, np.concatenate([each.descriptors for each in PHOTOS]), atol=0.005)  # in 8 bits
    rows = [(*number, row.astype(np.float64)) for number, row in zip(numbers, held, strict=True)]
    given: dict[tuple[int, int], list[float]] = {}
    most = 0.0
    for descriptor in query.descriptors.astype(np.float64):
        near = sorted((1 - float(((row - descriptor) ** 2).sum()) / 2, i, place) for i, place, row in rows)[:-13:-1]
        background = near[-1][0]
        most += (1 - background) ** 2
        seen: set[int] = set()
        for cosine, i, place in near:
            if i not in seen and cosine > background:
                seen.add(i)
                given.setdefault((i, place), []).append((cosine - background) ** 2)
    sums = dict.fromkeys(IDS.tolist(), 0.0)
    for (i, _), weights in given.items():
        sums[i] += sum(weights) / len(weights) ** 0.5
    ranking = votes.search(query, 20)
    expected = sorted(sums, key=lambda i: -sums[i])[:3]
    assert ranking.ids[:3].tolist() == expected
    np.testing.assert_allclose(ranking.scores[:3], [sums[i] / most for i in expected], rtol=1e-4)


def test_asmk_is_that_of_a_plain_loop() -> None:
    kernel = ASMK(num_words=16, assignments=2, alpha=2.0, threshold=0.1)
    kernel.fit(PHOTOS).add(IDS, PHOTOS)
    codebook = np.asarray(kernel._state["codebook"], np.float64)

    def signs(features: LocalFeatures, assignments: int) -> dict[int, Any]:
        sums: dict[int, Any] = {}
        for row in features.descriptors.astype(np.float64):
            for word in np.argsort(np.linalg.norm(codebook - row, axis=1))[:assignments].tolist():
                sums[word] = sums.get(word, 0) + row - codebook[word]
        return {word: np.where(each >= 0, 1, -1) for word, each in sums.items()}

    photos = [signs(each, 1) for each in PHOTOS]
    idf = [1 + np.log(21 / (1 + sum(word in each for each in photos))) for word in range(16)]
    query = signs(photo(6, noise=0.4), 2)
    expected = []
    for each in photos:
        total = 0.0
        for word in query.keys() & each.keys():
            similarity = float(query[word] @ each[word]) / 16
            total += idf[word] * similarity**2 if similarity > 0.1 else 0.0
        expected.append(total / np.sqrt(sum(idf[w] for w in query) * sum(idf[w] for w in each)))
    ranking = kernel.search(photo(6, noise=0.4), 20)
    found = dict(zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True))
    np.testing.assert_allclose([found.get(i, 0.0) for i in IDS.tolist()], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_product_codes_take_so_many_bytes(tmp_path: Path) -> None:
    photos = [photo(seed, count=600) for seed in range(20)]
    votes = Votes(code_bytes=8, lists=8)
    votes.fit(photos).add(IDS, photos)
    votes.write(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 12_000 * (8 + 8) + 40_000
    assert votes.search(photo(3, count=600, noise=0.1), 1).ids.tolist() == [IDS[3]]
    assert Votes(code_bytes=5).fit(photos).search(photos[0], 1).ids.size == 0  # 15 of 16 values
    with pytest.raises(OptionError, match="code_bytes must be from 1 to the 16 values of a descriptor, got 17"):
        Votes(code_bytes=17).fit(photos)


def test_a_photo_may_have_as_many_features_as_its_numbers_have_room_for() -> None:
    votes = Votes(lists=1).fit(PHOTOS)
    with pytest.raises(ShapeError, match="may have 65536 features"):
        votes.add(np.array([1]), [photo(1, count=(1 << SHIFT) + 1)])


def test_votes_of_more_query_features_than_fit_16_bits_are_told_apart() -> None:
    # query features 0 and 2^17 vote for the same photo; 2^17 << 47 leaves 64 bits
    weights = np.zeros(((1 << 17) + 1, 1), np.float32)
    weights[[0, 1 << 17], 0] = 1, 4
    numbers = np.full(weights.shape, (5 << SHIFT) + 3, np.int64)
    numbers[-1] += 1
    photos, sums = _counted(weights, numbers)
    assert photos.tolist() == [5] and sums.tolist() == [5.0]


def test_ids_that_do_not_fit_beside_a_features_place_are_refused() -> None:
    voter = Votes().fit(PHOTOS)
    for wrong in (-1, 1 << 47):
        with pytest.raises(ShapeError, match="ids must be from 0 to 140737488355327"):
            voter.add(np.array([wrong]), PHOTOS[:1])
    voter.add(np.array([(1 << 47) - 1]), PHOTOS[:1])
    assert voter.search(PHOTOS[0], 1).ids.tolist() == [(1 << 47) - 1]
