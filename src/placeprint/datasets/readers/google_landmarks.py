"""Google Landmarks v2 (Weyand et al., CVPR 2020): retrieval in the index set, and recognition by the training set.

Photos are in ``test/``, ``index/`` and ``train/`` as ``a/b/c/abc....jpg``, by the first three letters of their names.

- *Retrieval*: queries of the public (validation) or the private (test) part; the index photos that the solution lists
  are right. Queries without any are not measured.
- *Recognition*: all queries of a part. The answer to a query is its nearest training photo; it is right if that shows a
  landmark of the query. Most queries, about 99 of 100, show no landmark; their answers are wrong, and the less
  confident the better. A query whose landmarks have no photo in the training set still counts as one to be answered, as
  in the official metric, so a smaller list is not easier.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from placeprint.core.csv_files import column_of, read_csv
from placeprint.datasets.photos.labeled_photos import check_files, photos_below
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet
from placeprint.errors import DatasetError

TRAINING = ("train_clean.csv", "train.csv")
"""Possible lists of the training set; the first that exists is used."""
PLACES = ("", "test", "ground_truth", "metadata", "train", "index")
"""Folders to search for CSV files."""


def read_landmark_retrieval(folder: Path, *, usage: str = "Private") -> RetrievalSet:
    """Read ``retrieval_solution_v2.1.csv`` and, for the index set, ``index.csv`` or all photos in ``index/``.

    Args:
        folder: the folder of the benchmark.
        usage: the part: ``"Private"`` or ``"Public"``.

    Raises:
        DatasetError: a file is missing or has another form, or photos are missing.
    """
    path = _find(folder, ("retrieval_solution_v2.1.csv",))
    rows = [row for row in _rows(path, "id", "images", "Usage") if row["Usage"] == usage and _several(row["images"])]
    if not rows:
        raise DatasetError(f"{str(path)!r} has no query of the part {usage!r} that the index shows")
    listed = next((folder / place / "index.csv" for place in PLACES if (folder / place / "index.csv").is_file()), None)
    if listed is None:
        database = [f"index/{each}" for each in photos_below(folder / "index")]
    else:
        database = [_path("index", name) for name in column_of(read_csv(listed), "id", listed)]
    numbers = {each: number for number, each in enumerate(database)}
    try:
        right = [[numbers[_path("index", name)] for name in _several(row["images"])] for row in rows]
    except KeyError as error:
        raise DatasetError(f"{str(path)!r} names the photo {error} of the index, which is not there") from error
    queries = tuple(_path("test", row["id"]) for row in rows)
    check_files(folder, [*queries, *database])
    return RetrievalSet(folder, "", tuple(database), queries, PathSets(database, right))


def read_landmark_recognition(folder: Path, *, usage: str = "Private") -> RetrievalSet:
    """Read ``recognition_solution_v2.1.csv`` and, for the training set, ``train_clean.csv`` or ``train.csv``.

    Args:
        folder: the folder of the benchmark.
        usage: the part: ``"Private"`` or ``"Public"``.

    Raises:
        DatasetError: a file is missing or has another form, or photos are missing.
    """
    path = _find(folder, ("recognition_solution_v2.1.csv",))
    rows = [row for row in _rows(path, "id", "landmarks", "Usage") if row["Usage"] == usage]
    if not rows:
        raise DatasetError(f"{str(path)!r} has no query of the part {usage!r}")
    members: dict[str, list[int]] = defaultdict(list)
    database: list[str] = []
    training = _find(folder, TRAINING)
    for row in _rows(training, "landmark_id"):
        names = row["images"] if "images" in row else row.get("id", "")
        for name in names.split():
            members[row["landmark_id"]].append(len(database))
            database.append(_path("train", name))
    right = [[each for landmark in _several(row["landmarks"]) for each in members.get(landmark, ())] for row in rows]
    queries = tuple(_path("test", row["id"]) for row in rows)
    check_files(folder, [*queries, *database])
    expected = tuple(bool(_several(row["landmarks"])) for row in rows)
    return RetrievalSet(folder, "", tuple(database), queries, PathSets(database, right), answerable=expected)


def _find(folder: Path, names: tuple[str, ...]) -> Path:
    found = next((folder / p / n for n in names for p in PLACES if (folder / p / n).is_file()), None)
    if found is None:
        raise DatasetError(f"{str(folder)!r} has no {' or '.join(names)}")
    return found


def _rows(path: Path, *columns: str) -> list[dict[str, str]]:
    rows = read_csv(path)
    missing = [column for column in columns if column not in rows[0]]
    if missing:
        raise DatasetError(f"{str(path)!r} has no column {missing[0]!r}; it has {', '.join(rows[0])}")
    return rows


def _several(text: str) -> list[str]:
    """Return the items of a field; none for an empty field or None."""
    return [] if text in {"", "None", "nan"} else text.split()


def _path(part: str, name: str) -> str:
    return f"{part}/{name[0]}/{name[1]}/{name[2]}/{name}.jpg" if len(name) > 2 else f"{part}/{name}.jpg"
