"""Write CSV files, and read them as people and spreadsheets write them.

Accepted: UTF-8 with or without a byte order mark, any line ends, quoted fields, spaces around fields, blank lines.
Refused in one line that says what to do: other encodings, semicolons or tabs between fields, a duplicate column, rows
whose number of fields differs from the header's.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from placeprint.core.files import read_text
from placeprint.errors import DatasetError

LONGEST_FIELD = 1 << 24
"""Most characters of a field; a list of the photos of a landmark exceeds Python's default of 131,072."""
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows below a header as CSV, each ended by a line feed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dictionaries with the header's names.

    Raises:
        DatasetError: the file does not exist, is not text, has no row, has a duplicate column, or a row has another
            number of fields.
    """
    return [row for _, row in read_numbered_csv(path)]


def read_numbered_csv(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows as `read_csv` does, each with the number of its last line, counted from 1."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))  # a limit of the whole process
    text = read_text(path, error=DatasetError)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, [field.strip() for field in row]) for row in reader]
    except csv.Error as error:
        raise DatasetError(f"cannot read {str(path)!r}: line {reader.line_num}: {error}") from error
    lines = [(number, fields) for number, fields in lines if any(fields)]
    if len(lines) < 2:
        raise DatasetError(f"{str(path)!r} must have a header and rows")
    (_, header), *rows = lines
    _check_header(header, path)
    for place, (number, fields) in enumerate(rows, start=1):
        if len(fields) != len(header):
            raise DatasetError(
                f"{str(path)!r} row {place} must have {len(header)} fields, it has {len(fields)} (line {number}); put "
                'quotes around a field that has a comma in it: "a,b.jpg"'
            )
    return [(number, dict(zip(header, fields, strict=True))) for number, fields in rows]


def column_of(
    rows: Sequence[dict[str, str]], name: str | None, path: Path, candidates: Sequence[str] = ()
) -> list[str]:
    """Return a column of a CSV file: the named one, or the first candidate that exists.

    Raises:
        DatasetError: none of them exists, or a field is empty.
    """
    wanted = candidates if name is None else (name,)
    found = next((each for each in wanted if each in rows[0]), None)
    if found is None:
        raise DatasetError(f"{str(path)!r} has no column {' or '.join(map(repr, wanted))}; it has {', '.join(rows[0])}")
    fields = [row[found] for row in rows]
    if "" in fields:
        raise DatasetError(f"{str(path)!r} row {fields.index('') + 1} has an empty field {found!r}")
    return fields


def _check_header(header: list[str], path: Path) -> None:
    if len(header) == 1:
        other = next((name for sign, name in OTHER_SEPARATORS.items() if sign in header[0]), None)
        if other is not None:
            raise DatasetError(f"{str(path)!r} has {other} between its fields; save it with commas")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise DatasetError(f"{str(path)!r} has the column {twice[0]!r} more than once; rename or remove one")
