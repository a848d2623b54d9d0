"""Search by compact codes, against exact search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placeprint.core.numerics import normalize
from placeprint.errors import ShapeError
from placeprint.index import compact
from placeprint.index.compact import CompactIndex
from placeprint.index.compact_code import CompactCode
from placeprint.index.compact_lists import (
    RowFilter,
    add_codes,
    best_codes,
    flat_lists,
    learned_lists,
    read_lists,
    write_lists,
)
from placeprint.index.compact_rows import CompactRows, append_rows, map_rows, path_of
from placeprint.index.sketch import Sketch, cosines, mixed, signs_of
from placeprint.types import Floats

LONG, SHORT = 3000, 200


def _rows(count: int, dim: int, seed: int = 0) -> Floats:
    """Return unit rows; every second one is a noisy copy of the one before."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, dim)).astype(np.float32)
    rows[1::2] = rows[::2][: len(rows[1::2])] + 0.8 * rows[1::2]
    return normalize(rows)


def _index(rows: Floats, **options: object) -> CompactIndex:
    code = CompactCode(rows.shape[1])
    ids = np.arange(len(rows)) * 3 + 7
    return CompactIndex(code, CompactRows(ids, code.encode(rows)), **options)  # type: ignore[arg-type]


def test_the_transform_is_that_of_hadamard_matrices() -> None:
    matrix = np.ones((1, 1))
    for _ in range(7):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    rows = np.random.default_rng(0).normal(size=(3, 128)).astype(np.float32)
    np.testing.assert_allclose(mixed(rows), rows @ matrix.T / 128**0.5, atol=1e-5)


def test_signs_keep_cosines_within_their_deviation() -> None:
    rows = _rows(100, 70_000)
    for each in (rows, rows[:, :5000]):  # folded, and mixed several times
        unit = normalize(each)
        signs = signs_of(Sketch(unit.shape[1]).project(unit))
        apart = cosines(signs[0], signs) - unit @ unit[0]
        assert np.std(apart) < 0.012 and np.abs(apart.mean()) < 0.004


def test_codes_in_bytes_keep_cosines() -> None:
    rows, code = _rows(50, SHORT), CompactCode(SHORT)
    short = code.encode(rows)["short"].astype(np.int32)
    np.testing.assert_allclose(code.cosines(short @ short.T), rows @ rows.T, atol=0.01)


@pytest.mark.parametrize("dim", [LONG, SHORT])
def test_the_nearest_rows_are_found(dim: int) -> None:
    rows = _rows(300, dim)
    index = _index(rows)
    for place in (0, 51, 298):
        (found,) = index.search(rows[place : place + 1], 5)
        expected = np.argsort(-(rows @ rows[place]))[:2] * 3 + 7
        assert found.ids[:2].tolist() == expected.tolist() and len(found) == 5
        assert (np.diff(found.scores) <= 0).all() and abs(found.scores[0] - 1) < 0.01
    assert [len(each) for each in index.search(rows[:2], 1000)] == [300, 300]


def test_heads_select_what_sketches_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _rows(400, LONG)
    index = _index(rows)
    whole = index.search(rows[:20], 3)
    monkeypatch.setattr(compact, "HEADS_FROM", 10)
    monkeypatch.setattr(compact, "LEAST_SELECTED", 40)
    selected = index.search(rows[:20], 3)
    assert [a.ids[:2].tolist() for a in whole] == [b.ids[:2].tolist() for b in selected]
    some = np.arange(0, 300, 3) + 7
    (found,) = index.search(rows[:1], 50, some)
    assert set(found.ids.tolist()) <= set(some.tolist()) and found.ids[0] == 7


@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.9])
def test_filtered_search_finds_the_best_of_the_allowed(share: float) -> None:
    rows = _rows(1000, LONG)
    index = _index(rows)
    some = np.sort(np.random.default_rng(1).choice(1000, max(1, int(share * 1000)), replace=False))
    for query in rows[:20]:
        (found,) = index.search(query[None], 5, some * 3 + 7)
        everything = index.search(query[None], 1000)[0].ids
        assert found.ids.tolist() == [i for i in everything.tolist() if (i - 7) // 3 in some][:5]


@pytest.mark.parametrize("dim", [LONG, SHORT])
def test_only_the_given_rows_are_found_and_no_dead_ones(dim: int) -> None:
    rows = _rows(300, dim)
    dead = np.zeros(300, bool)
    dead[[0, 4, 5]] = True
    index = _index(rows, dead=dead)
    assert len(index) == 297
    for count in (1, 7, 200):
        among = np.random.default_rng(count).choice(300, count, replace=False) * 3 + 7
        allowed = np.setdiff1d(among, np.array([0, 4, 5]) * 3 + 7)
        (found,) = index.search(rows[2:3], 1000, np.append(among, 1_000_000))
        assert sorted(found.ids.tolist()) == sorted(allowed.tolist())
    (found,) = index.search(rows[:1], 3)
    assert found.ids[0] == 10 and not {7, 19, 22} & set(found.ids.tolist())
    assert len(index.search(rows[:1], 3, np.zeros(0, np.int64))[0]) == 0


def test_lists_find_what_flat_search_finds_and_rows_after_them(tmp_path: Path) -> None:
    rows = _rows(3000, SHORT)
    flat = _index(rows)
    codes = flat.rows.arrays["short"]
    lists = learned_lists(codes[:2000])
    add_codes(lists, codes[:2000])
    write_lists(lists, tmp_path / "lists.faiss")
    index = _index(rows, lists=read_lists(tmp_path / "lists.faiss"))
    queries = normalize(rows + 0.02 * _rows(3000, SHORT, 1))[::30]
    expected, found = flat.search(queries, 2), index.search(queries, 2)
    same = [a.ids[0] == b.ids[0] for a, b in zip(expected, found, strict=True)]
    assert np.mean(same) > 0.97 and np.mean(same[-33:]) == 1.0  # the last third are not in the lists
    (among,) = index.search(queries[:1], 20, np.arange(0, 600, 3) + 7)
    assert among.ids.tolist() == flat.search(queries[:1], 20, np.arange(0, 600, 3) + 7)[0].ids.tolist()


def test_rows_of_files_are_those_that_were_appended(tmp_path: Path) -> None:
    code = CompactCode(LONG)
    encoded = code.encode(_rows(60, LONG))
    rows = CompactRows(np.arange(60), encoded)
    append_rows(tmp_path, 1, 0, rows.some(slice(0, 50)))
    append_rows(tmp_path, 1, 40, rows.some(slice(40, 60)))  # as after a crash: what nobody counted is written again
    mapped = map_rows(tmp_path, 1, 60, code)
    assert mapped.ids.tolist() == list(range(60)) and mapped.digest() == rows.digest()
    np.testing.assert_array_equal(mapped.arrays["signs"], encoded["signs"])
    assert map_rows(tmp_path, 1, 50, code).digest() != rows.digest()
    with pytest.raises(ValueError, match=r"mmap|size"):
        map_rows(tmp_path, 1, 61, code)
    path_of(tmp_path, "ids", 1).write_bytes(np.arange(60)[::-1].copy().tobytes())
    with pytest.raises(ValueError, match="increase"):
        map_rows(tmp_path, 1, 60, code)


def test_a_zero_row_and_a_query_of_another_length() -> None:
    rows = np.concatenate([np.zeros((1, LONG), np.float32), _rows(4, LONG)])
    (found,) = _index(rows).search(rows[1:2], 5)
    assert found.ids[0] == 10 and len(found) == 5
    with pytest.raises(ShapeError):
        _index(rows).search(rows[:, :10], 5)


def test_a_filter_searches_all_lists_where_it_takes_the_neighborhood_of_a_query_away() -> None:
    rows = _rows(12_000, SHORT)
    rows[:, 0] += np.where(np.arange(12_000) < 6000, 0.3, -0.3)  # two halves of the sphere
    codes = _index(normalize(rows)).rows.arrays["short"]
    lists, flat = learned_lists(codes), flat_lists(codes.shape[1])
    add_codes(lists, codes)
    add_codes(flat, codes)
    query, second = np.asarray(codes[:1], np.float32), np.arange(6000, 12_000)
    by_time, by_region = RowFilter(lists, np.arange(0, 12_000, 2)), RowFilter(lists, second)
    assert by_time.probes(query) < by_region.probes(query) == lists.nlist
    expected, found = (best_codes(each, codes[0], 10, RowFilter(each, second))[0] for each in (flat, lists))
    assert sorted(found.tolist()) == sorted(expected.tolist()) and found.min() >= 6000
