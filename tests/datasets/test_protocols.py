"""Protocols by name and version, and the forms of one's own."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from placeprint.datasets.photos.local_copy import check_copy
from placeprint.datasets.protocols import load_protocol, protocol_names, read_retrieval_set
from placeprint.datasets.readers.place_folder import PROTOCOL
from placeprint.datasets.retrieval_set import PathSets
from placeprint.errors import DatasetError, OptionError
from placeprint.evaluation.measures import BEST, LOCATED, WITH_RADIUS, ranking_metric
from tests.datasets.tiny import put, write


@pytest.mark.parametrize("name", protocol_names())
def test_every_protocol_says_all_and_can_be_read(name: str, tmp_path: Path) -> None:
    protocol = load_protocol(name)
    assert protocol.version >= 1 and protocol.full_name == f"{name}-{protocol.version}"
    assert all((protocol.title, protocol.source, protocol.layout, protocol.rule))
    for metric in protocol.metrics:
        if metric not in (*BEST, *LOCATED, *WITH_RADIUS):
            ranking_metric(metric)
            asked = metric.rpartition("@")[2]
            assert protocol.depth is None or not asked.isdecimal() or int(asked) <= protocol.depth
    with pytest.raises(DatasetError, match="there is no folder"):
        protocol.read(tmp_path / "nothing")
    with pytest.raises(DatasetError):  # an empty folder has none of the forms, and the reader says so
        protocol.read(tmp_path)


def test_a_version_may_be_named() -> None:
    assert load_protocol("place-folder").full_name == PROTOCOL
    assert load_protocol("msls-val-1") == load_protocol("msls-val")
    with pytest.raises(OptionError, match="'msls-val' has the version 1 here, not 2"):
        load_protocol("msls-val-2")
    with pytest.raises(OptionError, match="no protocol called 'msls'; did you mean 'msls-val'"):
        load_protocol("msls")
    assert load_protocol("nordland-2760").full_name == "nordland-2760-1"


def test_a_protocol_of_ones_own(tmp_path: Path) -> None:
    put(tmp_path, "data/ref/0.jpg", "data/ref/1.jpg", "data/query/0.jpg", "data/query/1.jpg")
    lines = ("version = 3", 'title = "two"', 'source = "me"', 'layout = "ref, query"', 'rule = "same number"')
    reader = 'reader = "placeprint.datasets.readers.frames:read_frames"'
    options = ("[options]", 'database = ["ref"]', 'queries = ["query"]', "tolerance = 0")
    path = write(tmp_path, "two.toml", *lines, reader, 'metrics = ["recall@1"]', "queries = 2", *options)
    dataset = read_retrieval_set(str(path), tmp_path / "data")
    assert (dataset.protocol, dataset.metrics) == ("two-3", ("recall@1",))
    assert list(dataset.positives) == [{"ref/0.jpg"}, {"ref/1.jpg"}]
    for odd, message in (
        ('reader = "placeprint.nothing:read"', r"has a reader 'placeprint\.nothing:read' that does not exist"),
        (reader, "lacks database, queries, tolerance; it needs"),
        (f"{reader}\n[options]\ntolerence = 1", "has no parameter 'tolerence'; did you mean 'tolerance'"),
        (
            f"{reader}\n[options]\ntolerance = 'none'",
            "options.tolerance must be a whole number from 0 to 1000000000, got 'none'",
        ),
    ):
        write(tmp_path, "odd.toml", *lines, odd)
        with pytest.raises(OptionError, match=message):
            read_retrieval_set(str(tmp_path / "odd.toml"), tmp_path)
    for odd, message in (
        ('metrics = "recall@1"', "metrics must be a list of values, each text, got 'recall@1'"),
        ('depth = 5\nmetrics = ["recall@1", "recall@10"]', "'recall@10' needs more results than the depth of 5"),
        ('depth = 5\nmetrics = ["mAP"]', "'mAP' needs more results than the depth of 5"),
        ('depth = 3\nmetrics = ["N-S score"]', "'N-S score' needs more results than the depth of 3"),
        ("depth = 0", "depth must be a whole number from 1 to 1000000000, got 0"),
    ):
        write(tmp_path, "odd.toml", *lines, reader, odd)
        with pytest.raises(OptionError, match=message):
            load_protocol(str(tmp_path / "odd.toml"))
    write(tmp_path, "bad.toml", "version = 1")
    with pytest.raises(OptionError, match="is not valid"):
        load_protocol(str(tmp_path / "bad.toml"))


def test_counts_that_are_not_the_published_ones_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "ref/000.jpg", "query/000.jpg")
    with caplog.at_level(logging.WARNING):
        read_retrieval_set("sped", tmp_path)
    assert "1 queries, the published set has 607" in caplog.text
    report = check_copy("sped", tmp_path)
    assert not report.whole and len(report.differences) == 2 and report.read == 2
    assert (report.queries, report.database, report.positives) == (1, 1, 1)


def test_photos_that_are_missing_or_broken_are_told(tmp_path: Path) -> None:
    put(tmp_path, "database/a.jpg", "database/b.jpg", "queries/q.jpg")
    write(tmp_path, "positives.csv", "query,database", "queries/q.jpg,database/a.jpg")
    assert check_copy("place-folder", tmp_path).whole
    (tmp_path / "database" / "b.jpg").write_text("no picture")
    report = check_copy("place-folder", tmp_path)
    assert report.broken == (("database/b.jpg", "not a picture, or in an unsupported format"),)
    assert check_copy("place-folder", tmp_path, sample=0).whole
    with pytest.raises(OptionError, match="sample must be a whole number from 0"):
        check_copy("place-folder", tmp_path, sample=-1)


def test_the_default_is_a_place_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"is not a place folder: .* name its protocol; see: placeprint datasets"):
        read_retrieval_set(None, tmp_path)


def test_pairs_as_a_spreadsheet_writes_them(tmp_path: Path) -> None:
    put(tmp_path, "database/a.jpg", "queries/q.jpg")
    pairs = "query,database\r\nqueries/q.jpg,database/a.jpg\r\n"
    (tmp_path / "positives.csv").write_bytes(pairs.encode("utf-8-sig"))
    assert read_retrieval_set(None, tmp_path).positives[0] == {"database/a.jpg"}
    (tmp_path / "positives.csv").write_bytes(pairs.encode("utf-16"))
    with pytest.raises(DatasetError, match=r"cannot read .*positives.csv"):
        read_retrieval_set(None, tmp_path)


def test_the_depth_must_reach_all_right_photos_where_a_metric_looks_at_as_many(tmp_path: Path) -> None:
    put(tmp_path, *(f"data/oak/{n}.jpg" for n in range(4)))
    lines = ("version = 1", 'title = "t"', 'source = "me"', 'layout = "l"', 'rule = "r"', 'metrics = ["MAP@R"]')
    reader = f'reader = "{load_protocol("class-folder").reader}"'
    write(tmp_path, "mine.toml", *lines, reader, "depth = 3")
    assert read_retrieval_set(str(tmp_path / "mine.toml"), tmp_path / "data").depth == 3
    write(tmp_path, "mine.toml", *lines, reader, "depth = 2")
    with pytest.raises(OptionError, match="a query has 3 right photos, which is more than the depth of 2"):
        read_retrieval_set(str(tmp_path / "mine.toml"), tmp_path / "data")


def test_path_sets_are_sets_of_paths() -> None:
    assert PathSets("ab", [[0], [1]]).fingerprint() == PathSets("ab", iter([[0], [1]])).fingerprint()
    assert len({PathSets("ab", rows).fingerprint() for rows in ([[0], [1]], [[0, 1], []], [[], [0, 1]])}) == 3
    sets = PathSets(("a", "b", "c"), [[0, 2], [], [1]])
    assert list(sets) == [{"a", "c"}, set(), {"b"}] and sets[-1] == {"b"} and sets[:2] == [{"a", "c"}, set()]
    assert list(sets.of([2, 0])) == [{"b"}, {"a", "c"}]
    assert any(sets) and len(sets) == 3
