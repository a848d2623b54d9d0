"""Two results on the same queries."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from placeprint.errors import DatasetError
from placeprint.evaluation.comparison import check_comparable, compare
from placeprint.evaluation.results import QueryResult, Result


def result(hits: list[float | None], aps: list[float | None], order: list[int] | None = None) -> Result:
    places = order or list(range(len(hits)))
    return Result(
        protocol="place-folder-1",
        per_query={"recall@1": tuple(hits[n] for n in places), "mAP": tuple(aps[n] for n in places)},
        queries=tuple(QueryResult(query=f"{n}.jpg") for n in places),
    )


def test_queries_are_paired_by_name() -> None:
    hits: list[float | None] = [1, 1, 1, 1, 1, 0, None]
    aps: list[float | None] = [0.9, 0.8, 0.7, 0.9, 1.0, 0.1, None]
    ours = result(hits, aps)
    same = compare(ours, result(hits, aps, [6, 2, 0, 1, 5, 3, 4]))
    assert astuple(same["recall@1"]) == (6, 0, 0, 0, 1, "McNemar, exact")
    assert (same["mAP"].difference, same["mAP"].p, same["mAP"].test) == (0, 1, "permutation")
    worse = compare(ours, result([0, 0, 0, 0, 0, 0, None], [0.1] * 6 + [None]))
    assert worse["recall@1"].p == 2 / 32 and worse["recall@1"].difference == pytest.approx(5 / 6)
    assert worse["mAP"].low > 0 and worse["mAP"].p < 0.1


def test_what_cannot_be_compared_is_refused() -> None:
    ours = result([1, 0], [1, 0])
    with pytest.raises(DatasetError, match="of the same protocol"):
        compare(ours, replace(ours, protocol="near-25m-1"))
    with pytest.raises(DatasetError, match="1 are in one of them only"):
        compare(ours, result([1, 0, 1], [1, 0, 1]))
    check_comparable("place-folder-1", ["1.jpg", "0.jpg"], ours)
    with pytest.raises(DatasetError, match="1 are in one of them only"):
        check_comparable("place-folder-1", ["0.jpg"], ours)
    of_ten = replace(ours, database_photos=10)
    assert compare(of_ten, of_ten)
    with pytest.raises(DatasetError, match="in the same database can be compared, got 10 and 11 photos"):
        compare(of_ten, replace(ours, database_photos=11))
    check_comparable("place-folder-1", ["1.jpg", "0.jpg"], of_ten, 10)
    with pytest.raises(DatasetError, match="got 9 and 10 photos"):
        check_comparable("place-folder-1", ["1.jpg", "0.jpg"], of_ten, 9)
    assert list(compare(result([1, 0], [None, None]), ours)) == ["recall@1"], "no query has a value of the other"
    with pytest.raises(DatasetError, match="no per-query metric in common"):
        compare(ours, replace(ours, per_query={"other": (1, 0)}))
