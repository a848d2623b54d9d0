"""The place folder: the common form of a place-recognition benchmark.

    folder/
      database/          photos of known places
      queries/           photos to find
      positives.csv      header ``query,database``; one row per positive pair, paths relative to the folder
      not_in_database/   optional: queries that must be answered "not in the atlas"

A query may have several positives, or none; queries without positives are counted and excluded from recall.
"""

from __future__ import annotations

from pathlib import Path

from placeprint.core.csv_files import read_numbered_csv
from placeprint.datasets.photos.labeled_photos import photos_relative_to
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.errors import DatasetError

PROTOCOL = "place-folder-1"


def read_place_folder(root: Path | str) -> RetrievalSet:
    """Read a place folder.

    Raises:
        DatasetError: a part is missing, or ``positives.csv`` names a photo that does not exist.
    """
    root = Path(root)
    for part in ("database", "queries"):
        if not (root / part).is_dir():
            raise DatasetError(f"{str(root)!r} is not a place folder: it has no folder {part}/")
    database, queries = _photos(root, "database"), _photos(root, "queries")
    for part, photos in (("database", database), ("queries", queries)):
        if not photos:
            raise DatasetError(f"{str(root / part)!r} has no photos")
    positives = _read_positives(root / "positives.csv", set(queries), set(database))
    absent = _photos(root, "not_in_database") if (root / "not_in_database").is_dir() else ()
    right = tuple(frozenset(positives.get(query, ())) for query in queries)
    return RetrievalSet(root, PROTOCOL, database, queries, right, not_in_database=absent)


def _photos(root: Path, part: str) -> tuple[str, ...]:
    return tuple(photos_relative_to(root, root / part))


def _read_positives(path: Path, queries: set[str], database: set[str]) -> dict[str, set[str]]:
    if not path.is_file():
        raise DatasetError(f"{str(path.parent)!r} is not a place folder: it has no positives.csv")
    found: dict[str, set[str]] = {}
    for number, row in read_numbered_csv(path):
        if not {"query", "database"} <= row.keys():
            raise DatasetError(f"{str(path)!r} must have the header query,database, got {','.join(row)}")
        for column, known in (("query", queries), ("database", database)):
            if not row[column]:
                raise DatasetError(f"{str(path)!r} line {number}: the field {column!r} is empty")
            if row[column] not in known:
                raise DatasetError(f"{str(path)!r} line {number}: there is no photo {row[column]!r}")
        found.setdefault(row["query"], set()).add(row["database"])
    return found
