"""Results on disk: what is written is read again, and what is no result is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.errors import OptionError
from placeprint.evaluation.result_files import (
    as_data,
    checked_data,
    query_line,
    read_query_lines,
    read_result,
    write_result,
)
from placeprint.evaluation.results import (
    Against,
    Difference,
    Failure,
    FailurePicture,
    Memory,
    QueryResult,
    Result,
    Settings,
    Timing,
)

QUERY = QueryResult(
    query="a.jpg", ms=1.5, ms_parts={"search": 1.5}, confidence=0.5, ranking=("b.jpg", "c.jpg"), scores=(0.5, 0.1)
)
PICTURE = FailurePicture(candidate="b.jpg", kind="wrong", file="pictures/0.jpg", inliers=9, verdict="possible")
WHOLE = Result(
    dataset="photos",
    protocol="place-folder-1",
    method="sift, 5 verified",
    key="0123",
    root="/photos",
    options=Settings(verify=5, codebook="own", turn=0.0, by="descriptor"),
    made_by={"placeprint": "0.1.0"},
    metrics={"recall@1": 0.5, "median_error_m": None},
    intervals={"recall@1": (0.25, 0.75), "median_error_m": (1.0, None)},
    per_query={"recall@1": (1.0, None)},
    timing=Timing(ms_per_photo=1.5),
    memory=Memory(index_bytes=5, search_bytes=7),
    dim=128,
    database_photos=2,
    skipped=(("d.jpg", "no picture"),),
    queries=(QUERY, QueryResult(query="b.jpg", error="no picture", level="hard")),
    not_in_database=(QueryResult(query="c.jpg"),),
    failures=(Failure(query="a.jpg", first_hit=None, pictures=(PICTURE,)),),
    against=Against(
        file="old.json",
        preset="sift",
        options=Settings(verify=0),
        differences={"recall@1": Difference(queries=1, difference=0.5, low=0.0, high=1.0, p=0.25, test="permutation")},
    ),
)
OLD: dict[str, Any] = {
    "format": 1,
    "protocol": "place-folder-1",
    "per_query": {"recall@1": [1.0]},
    "queries": [{"query": "a.jpg"}],
}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", WHOLE)
    assert read_result(tmp_path / "a.json") == WHOLE
    assert (tmp_path / "a.json").read_text().startswith('{\n "format": 2,')


def test_what_there_is_nothing_to_say_of_has_no_key(tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", Result(protocol="p", queries=(QUERY,)))
    data = json.loads((tmp_path / "a.json").read_text())
    assert not {"error", "against", "key", "root", "failures"} & data.keys()
    assert not {"error", "level"} & data["queries"][0].keys() and data["queries"][0]["turn"] is None


def test_format_1_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(OLD | {"a key of another version": 1}))
    expected = Result(protocol="place-folder-1", per_query={"recall@1": (1,)}, queries=(QueryResult(query="a.jpg"),))
    assert read_result(tmp_path / "a.json") == expected


def test_files_that_are_no_results_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(OptionError, match="cannot read"):
        read_result(path)
    for text, message in (
        ("{", "cannot read"),
        ("[]", "not a result"),
        (json.dumps(OLD | {"format": 3}), "not a result"),
        (json.dumps({"format": 2, "rows": []}), "not a result"),
        ('{"format": 1, "queries": []}', "of an older placeprint; measure it again"),
        (json.dumps(OLD | {"per_query": {"mAP": [1, 0]}}), "lacks parts of a result"),
        (json.dumps(OLD | {"queries": [1]}), r"lacks parts of a result \(queries.0: .*\); measure it again"),
        (json.dumps(OLD | {"per_query": {"mAP": ["b"]}}), r"per_query.mAP.0: input should be a valid number"),
        (json.dumps(OLD | {"protocol": ""}), "lacks parts of a result"),
    ):
        path.write_text(text)
        with pytest.raises(OptionError, match=message):
            read_result(path)
    write_result(path, replace(WHOLE, error="ValueError: no weights"))
    with pytest.raises(OptionError, match="its measurement failed: ValueError: no weights; measure it again"):
        read_result(path)


def test_lines_of_queries_end_where_one_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    assert read_query_lines(path) == []
    path.write_text(query_line(QUERY) + query_line(QUERY)[:-20])
    assert read_query_lines(path) == [QUERY]


@given(st.builds(QueryResult))
def test_any_query_is_the_same_again(query: QueryResult) -> None:
    assert checked_data(QueryResult, json.loads(json.dumps(as_data(query))), "a query") == query
