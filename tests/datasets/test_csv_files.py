"""CSV files as people and spreadsheets write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from placeprint.core.csv_files import read_csv, read_numbered_csv
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.errors import DatasetError
from tests.datasets.tiny import put

ROWS = [{"path": "a.jpg", "label": "oak"}, {"path": "b, c.jpg", "label": 'the "pine"'}]


@pytest.mark.parametrize(
    "data",
    [
        b'path,label\na.jpg,oak\n"b, c.jpg","the ""pine"""\n',
        b'\xef\xbb\xbfpath,label\r\na.jpg,oak\r\n"b, c.jpg","the ""pine"""\r\n',
        b'path,label\ra.jpg,oak\r"b, c.jpg","the ""pine"""',
        b'\n , \npath , label\n\n a.jpg,oak \n,\n"b, c.jpg","the ""pine"""\n\n',
    ],
    ids=["plain", "spreadsheet", "old mac", "blank lines"],
)
def test_what_editors_write_is_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    assert read_csv(path) == ROWS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must have a header and rows"),
        (b"\xef\xbb\xbf", "must have a header and rows"),
        (b"path,label\n", "must have a header and rows"),
        (b"path;label\na.jpg;oak\n", "has semicolons between its fields; save it with commas"),
        (b"path\tlabel\na.jpg\toak\n", "has tabs between its fields; save it with commas"),
        (b"path,path\na.jpg,b.jpg\n", "has the column 'path' more than once; rename or remove one"),
        (b"path,label\na.jpg\n", r"row 1 must have 2 fields, it has 1 \(line 2\)"),
        (b"path,label\n\nb, c.jpg,oak\n", r"row 1 must have 2 fields, it has 3 \(line 3\); put quotes around"),
        (b'path,label\n"a.jpg,oak\n', "cannot read .*: line 2: unexpected end of data"),
        (b"path,label\ncaf\xe9.jpg,oak\n", "cannot read .*: line 2 is not UTF-8; save it as UTF-8"),
        ("path,label\na.jpg,oak\n".encode("utf-16"), "cannot read .*: it is UTF-16; save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "cannot read .*: it is not text"),
        (b"path,label\na.jpg," + b"x" * (1 << 24) + b"x\n", "cannot read .*: line 2: field larger than field limit"),
    ],
    ids=range(13),
)
def test_other_forms_are_refused_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=message) as raised:
        read_csv(path)
    assert "\n" not in str(raised.value) and "a.csv" in str(raised.value)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for name, message in (("pipe.csv", "not a regular file"), ("", "it is a folder"), ("none.csv", "No such file")):
        with pytest.raises(DatasetError, match=message):
            read_csv(tmp_path / name)


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a\n\n"two\nlines"\n3\n')
    assert read_numbered_csv(path) == [(4, {"a": "two\nlines"}), (5, {"a": "3"})]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("query,database\nqueries/q.jpg\n", r"row 1 must have 2 fields, it has 1 \(line 2\)"),
        ("query,database\nqueries/q.jpg,\n", "line 2: the field 'database' is empty"),
        ("query,database\nqueries/q.jpg,database/none.jpg\n", "line 2: there is no photo 'database/none.jpg'"),
        ("query;database\nqueries/q.jpg;database/a.jpg\n", "has semicolons between its fields"),
        ("Query,Database\nqueries/q.jpg,database/a.jpg\n", "must have the header query,database, got Query,Database"),
        ("query,database\n", "must have a header and rows"),
    ],
    ids=range(6),
)
def test_pairs_of_a_place_folder_are_told_what_is_wrong(tmp_path: Path, rows: str, message: str) -> None:
    put(tmp_path, "database/a.jpg", "queries/q.jpg")
    (tmp_path / "positives.csv").write_text(rows)
    with pytest.raises(DatasetError, match=message) as raised:
        read_place_folder(tmp_path)
    assert "None" not in str(raised.value)
