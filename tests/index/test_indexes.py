"""The indexes that learn a code: against plain loops over what they learned, and against exact search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.core import registry
from placeprint.errors import OptionError, ShapeError
from placeprint.index.coded import CodedIndex, padded
from placeprint.index.flat import FlatIndex
from placeprint.index.inverted import InvertedIndex
from placeprint.index.product import ProductQuantizedIndex, padded_length
from placeprint.index.scalar import ScalarQuantizedIndex
from placeprint.types import Floats

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("sq", {"bits": 8}),
    ("sq", {"bits": 6}),
    ("sq", {"bits": 4}),
    ("pq", {"code_bytes": 8, "bits": 4}),
    ("pq", {"code_bytes": 3, "bits": 4, "refine": 10}),
    ("ivf", {"codes": "fp16"}),
    ("ivf", {"codes": "sq8", "probes": 3}),
    ("ivf", {"codes": "fp16", "num_lists": 20, "refine": 2}),
]


def places(count: int = 1200, dim: int = 21, seed: int = 0) -> Floats:
    """Return unit rows, three views of each of a third as many places."""
    generator = np.random.default_rng(seed)
    rows = np.repeat(generator.normal(size=(count // 3, dim)), 3, axis=0) + 0.2 * generator.normal(size=(count, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture(params=KINDS, ids=lambda kind: " ".join(map(str, [kind[0], *kind[1].values()])))
def index(request: pytest.FixtureRequest) -> Any:
    return registry.create("indexes", *request.param)


def learned(index: CodedIndex) -> bool:
    return index._state.codes is not None


def test_few_rows_are_searched_exactly(index: Any) -> None:
    rows, flat = places(300), FlatIndex()
    for each in (index, flat):
        each.add(np.arange(300), rows)
    for found, expected in zip(index.search(rows[:20], 15), flat.search(rows[:20], 15), strict=True):
        np.testing.assert_array_equal(found.ids, expected.ids)
        np.testing.assert_array_equal(found.scores, expected.scores)
    assert not learned(index)


def test_the_views_of_a_place_are_found_by_their_codes(index: Any) -> None:
    rows = places()
    index.add(np.arange(1200) * 10, rows)
    found = index.search(rows[::3], 3)
    assert learned(index)
    same = [np.isin(ranking.ids, [30 * place, 30 * place + 10, 30 * place + 20]) for place, ranking in enumerate(found)]
    assert np.mean(same) > 0.85
    scores = [rows[ranking.ids // 10] @ row for row, ranking in zip(rows[::3], found, strict=True)]
    np.testing.assert_allclose([ranking.scores for ranking in found], scores, atol=0.4)


def test_rows_added_later_are_found_and_removed_ones_are_not(index: Any) -> None:
    rows = places()
    index.add(np.arange(1100), rows[:1100])
    index.search(rows[:1], 1)
    index.add(np.arange(1100, 1200), rows[1100:])
    assert len(index) == 1200
    assert np.mean([1100 + i in ranking.ids for i, ranking in enumerate(index.search(rows[1100:], 5))]) > 0.95
    index.remove(np.array([3, 1150, 99_999]))
    index.remove(np.array([3]))
    index.remove(np.zeros(0, np.int64))
    found = index.search(rows[[3, 1150]], 1198)
    assert len(index) == 1198
    for ranking in found:
        np.testing.assert_array_equal(np.sort(ranking.ids), np.setdiff1d(np.arange(1200), [3, 1150]))
    # a removed id may come back with another row
    index.add(np.array([3]), rows[[600]])
    assert 3 in index.search(rows[[600]], 5)[0].ids


def test_equal_scores_come_by_rising_id_also_where_the_list_is_cut(index: Any) -> None:
    rows = places()
    rows[200:240] = rows[100]
    ids = np.random.default_rng(1).permutation(1200) - 600
    ids[:3] = np.iinfo(np.int64).min, np.iinfo(np.int64).max, 10_000
    index.add(ids, rows)
    same = np.sort(ids[[100, *range(200, 240)]])
    found = index.search(rows[[100, 0, 1]], 7)
    assert learned(index)
    np.testing.assert_array_equal(found[0].ids, same[:7])
    assert ids[0] in found[1].ids and ids[1] in found[2].ids


def test_minus_one_is_an_id_like_any_other(index: Any) -> None:
    rows = places()
    index.add(np.arange(-1, 1199), rows)
    assert -1 in index.search(rows[:1], 5)[0].ids


def test_it_learns_while_rows_are_added_when_there_are_enough(index: Any) -> None:
    rows = places()
    index.train_rows = 1100
    index.add(np.arange(900), rows[:900])
    assert not learned(index)
    index.add(np.arange(900, 1200), rows[900:])
    assert learned(index) and len(index) == 1200


def test_the_same_calls_give_the_same_index(index: Any) -> None:
    rows = places()
    other = type(index)(**registry.params_of(index))
    for each in (index, other):
        each.add(np.arange(1200), rows)
    for found, again in zip(index.search(rows[:50], 10), other.search(rows[:50], 10), strict=True):
        np.testing.assert_array_equal(found.ids, again.ids)
        np.testing.assert_array_equal(found.scores, again.scores)


def test_rows_and_queries_of_another_length_are_refused(index: Any) -> None:
    index.add(np.arange(2), np.eye(2, 4, dtype=np.float32))
    with pytest.raises(ShapeError, match=r"descriptors must have shape \(any, 4\), got \(2, 5\)"):
        index.add(np.arange(2), np.eye(2, 5, dtype=np.float32))
    with pytest.raises(ShapeError, match=r"ids must have shape \(2,\).*got \(3,\)"):
        index.add(np.arange(3), np.eye(2, 4, dtype=np.float32))
    with pytest.raises(ShapeError, match=r"queries must have shape \(any, 4\), got \(1, 5\)"):
        index.search(np.eye(1, 5, dtype=np.float32), 1)
    with pytest.raises(ShapeError, match=r"queries must have shape \(any, 4\), got \(4,\)"):
        index.search(np.ones(4, np.float32), 1)
    assert index.search(np.zeros((0, 4), np.float32), 1) == []
    with pytest.raises(OptionError, match="top must be a whole number from 1"):
        index.search(np.eye(1, 4, dtype=np.float32), 0)


def test_a_photo_without_features_is_held_and_scores_about_nothing(index: Any) -> None:
    rows = places()
    rows[5] = 0
    index.add(np.arange(1200), rows)
    ranking = index.search(rows[:1], 1200)[0]
    assert abs(ranking.scores[ranking.ids == 5][0]) < 0.35
    assert len(index.search(np.zeros((1, 21), np.float32), 10)[0]) == 10


@pytest.mark.parametrize("bits", [8, 6])
def test_a_scalar_code_is_the_step_of_its_range(bits: int) -> None:
    rows = places()
    index = ScalarQuantizedIndex(bits=bits)
    index.add(np.arange(1200), rows)
    found = index.search(rows[:3], 1200)
    halves = rows.astype(np.float16).astype(np.float32)
    low, high = halves.min(axis=0), halves.max(axis=0)
    step = (high - low) / (2**bits - 1)
    decoded = low + (np.floor((halves - low) / step) + 0.5) * step
    for query, ranking in zip(rows, found, strict=False):
        np.testing.assert_allclose(ranking.scores, decoded[ranking.ids] @ query, atol=0.6 * float(step.max()))
        error = ranking.scores - decoded[ranking.ids] @ query
        assert np.mean(np.abs(error) < 1e-5) > 0.95  # the rest is rounded to the other side of a step


def test_ranges_of_4_bits_leave_out_the_outermost_values() -> None:
    rows = places()
    rows[0] = 0
    rows[0, 0] = 1  # far beyond the others
    index = ScalarQuantizedIndex(bits=4)
    index.add(np.arange(1200), rows)
    query = np.eye(1, 21, dtype=np.float32)
    highest = index.search(query, 1)[0].scores[0]
    assert highest == pytest.approx(np.quantile(rows[:, 0], 0.99), abs=0.05)


def test_a_product_code_is_the_nearest_center_of_each_part() -> None:
    import faiss

    rows = places(900, 10)
    index = ProductQuantizedIndex(code_bytes=2, bits=4)  # 4 parts of 3 values: 10 values and 2 zeros
    index.add(np.arange(900), rows)
    found = index.search(rows[:3], 900)
    codes: Any = faiss.downcast_index(index._state.codes.index)
    centers = faiss.vector_to_array(codes.pq.centroids).reshape(4, 16, 3)
    places_of_values = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]  # floor(12 i / 10)
    wide = np.zeros((900, 12), np.float32)
    wide[:, places_of_values] = rows.astype(np.float16)
    decoded = np.zeros((900, 12), np.float32)
    for number, row in enumerate(wide):
        for part in range(4):
            piece = slice(3 * part, 3 * part + 3)
            nearest = min(range(16), key=lambda k: float(((row[piece] - centers[part, k]) ** 2).sum()))
            decoded[number, piece] = centers[part, nearest]
    for query, ranking in zip(rows, found, strict=False):
        expected = decoded[ranking.ids][:, places_of_values] @ query
        np.testing.assert_allclose(ranking.scores, expected, atol=1e-4)


def test_a_product_code_has_no_more_parts_than_the_row_has_values() -> None:
    import faiss

    index = ProductQuantizedIndex(code_bytes=64, bits=4)
    index.add(np.arange(900), places(900, 6))
    assert index.search(places(900, 6)[:1], 1)[0].scores[0] == pytest.approx(1, abs=0.15)
    codes: Any = faiss.downcast_index(index._state.codes.index)
    assert codes.pq.M == 6


def test_all_lists_of_half_floats_give_what_exact_search_gives() -> None:
    rows, flat = places(), FlatIndex(bits=32)
    index = InvertedIndex(codes="fp16", num_lists=20, probes=20)
    for each in (index, flat):
        each.add(np.arange(1200), rows)
    for found, expected in zip(index.search(rows[:30], 10), flat.search(rows[:30], 10), strict=True):
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
        assert len(np.intersect1d(found.ids, expected.ids)) >= 9


def test_rows_are_looked_for_in_the_lists_of_the_nearest_centers() -> None:
    rows = places()
    index = InvertedIndex(codes="fp16", num_lists=25, probes=2)
    index.add(np.arange(1200), rows)
    found = index.search(rows[:40], 5)
    centers = index._state.codes.quantizer.reconstruct_n(0, 25)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 1, atol=1e-5)
    own = (rows @ centers.T).argmax(axis=1)
    for query, ranking in zip(rows, found, strict=False):
        lists = np.argsort(-(centers @ query))[:2]
        candidates = np.flatnonzero(np.isin(own, lists))
        expected = candidates[np.argsort(-(rows[candidates] @ query))[:5]]
        np.testing.assert_allclose(ranking.scores, rows[expected] @ query, atol=2e-3)


@pytest.mark.parametrize(("rows", "train_rows", "lists"), [(1600, 20_000, 41), (1600, 1200, 30), (2400, 1000, 25)])
def test_lists_are_four_times_the_root_but_have_rows_to_learn_from(rows: int, train_rows: int, lists: int) -> None:
    index = InvertedIndex(codes="fp16", train_rows=train_rows)
    index.add(np.arange(rows), places(2400, 6)[:rows])
    index.search(places(3, 6), 1)
    assert index._state.codes.nlist == lists


@given(dim=st.integers(1, 70), parts=st.integers(1, 70), seed=st.integers(0, 9))
def test_padding_keeps_inner_products_and_spreads_the_zeros(dim: int, parts: int, seed: int) -> None:
    parts = min(parts, dim)
    width = padded_length(dim, parts)
    assert width % parts == 0 and dim <= width < dim + parts
    first, second = np.random.default_rng(seed).uniform(0.5, 1, (2, 1, dim)).astype(np.float32)
    wide = padded(first, width)
    np.testing.assert_allclose(wide @ padded(second, width).T, first @ second.T, rtol=1e-5)
    np.testing.assert_array_equal(wide[wide > 0], first[0])
    values = (wide[0].reshape(parts, -1) > 0).sum(axis=1)
    assert values.max() - values.min() <= 1


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("sq", {"bits": 5}, "bits must be one of 4, 6, 8, got 5"),
        ("sq", {"train_rows": 0}, "train_rows must be a whole number from 1 to 1000000000, got 0"),
        ("pq", {"bits": 6}, "bits must be one of 4, 8, got 6"),
        ("pq", {"code_bytes": 0}, "code_bytes must be a whole number from 1"),
        ("pq", {"refine": -1}, "refine must be a whole number from 0"),
        ("ivf", {"codes": "pq0"}, "codes must be 'fp16', 'sq8' or 'pq' and a number, got 'pq0'"),
        ("ivf", {"probes": 0}, "probes must be a whole number from 1"),
        ("ivf", {"num_lists": -1}, "num_lists must be a whole number from 0"),
    ],
)
def test_wrong_parameters_are_refused(kind: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        registry.create("indexes", kind, parameters)
