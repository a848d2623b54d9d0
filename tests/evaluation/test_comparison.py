"""Two results on the same queries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from placeprint.errors import DatasetError, OptionError
from placeprint.evaluation.comparison import check_comparable, compare, read_result


def result(hits: list[float | None], aps: list[float | None], order: list[int] | None = None) -> dict[str, Any]:
    places = order or list(range(len(hits)))
    per_query = {"recall@1": [hits[n] for n in places], "mAP": [aps[n] for n in places]}
    queries = [{"query": f"{n}.jpg"} for n in places]
    return {"format": 1, "protocol": "place-folder-1", "per_query": per_query, "queries": queries}


def test_queries_are_paired_by_name() -> None:
    hits: list[float | None] = [1, 1, 1, 1, 1, 0, None]
    aps: list[float | None] = [0.9, 0.8, 0.7, 0.9, 1.0, 0.1, None]
    ours = result(hits, aps)
    same = compare(ours, result(hits, aps, [6, 2, 0, 1, 5, 3, 4]))
    assert tuple(same["recall@1"]) == (6, 0, 0, 0, 1, "McNemar, exact")
    assert (same["mAP"].difference, same["mAP"].p, same["mAP"].test) == (0, 1, "permutation")
    worse = compare(ours, result([0, 0, 0, 0, 0, 0, None], [0.1] * 6 + [None]))
    assert worse["recall@1"].p == 2 / 32 and worse["recall@1"].difference == pytest.approx(5 / 6)
    assert worse["mAP"].low > 0 and worse["mAP"].p < 0.1


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    ours = result([1, 0], [1, 0])
    with pytest.raises(DatasetError, match="of the same protocol"):
        compare(ours, ours | {"protocol": "near-25m-1"})
    with pytest.raises(DatasetError, match="1 are in one of them only"):
        compare(ours, result([1, 0, 1], [1, 0, 1]))
    check_comparable("place-folder-1", ["1.jpg", "0.jpg"], ours)
    with pytest.raises(DatasetError, match="1 are in one of them only"):
        check_comparable("place-folder-1", ["0.jpg"], ours)
    of_ten = ours | {"database_photos": 10}
    assert compare(of_ten, of_ten)
    with pytest.raises(DatasetError, match="with the same database can be compared, got 10 and 11 photos"):
        compare(of_ten, ours | {"database_photos": 11})
    check_comparable("place-folder-1", ["1.jpg", "0.jpg"], of_ten, 10)
    with pytest.raises(DatasetError, match="got 9 and 10 photos"):
        check_comparable("place-folder-1", ["1.jpg", "0.jpg"], of_ten, 9)
    assert list(compare(result([1, 0], [None, None]), ours)) == ["recall@1"], "no query has a value of the other"
    with pytest.raises(DatasetError, match="no per-query metric in common"):
        compare(ours, ours | {"per_query": {"other": [1, 0]}})


def test_files_that_are_no_results_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(OptionError, match="cannot read"):
        read_result(path)
    old = '{"format": 1, "queries": []}'
    for text, message in (("{", "cannot read"), ("[]", "not a result"), (old, "measure it again")):
        path.write_text(text)
        with pytest.raises(OptionError, match=message):
            read_result(path)
    path.write_text(json.dumps(result([1], [1])))
    assert read_result(path)["protocol"] == "place-folder-1"
