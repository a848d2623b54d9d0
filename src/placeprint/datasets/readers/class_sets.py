"""Retrieval by class: the photos of the query's class are right.

If one set is both database and queries, each photo is a query and is removed from its own ranking. Benchmarks of metric
learning test on classes outside the training set, by the splits of Oh Song et al. (CVPR 2016): CUB-200-2011 on the
classes 101 to 200, Cars196 on 99 to 196, Stanford Online Products on the products of ``Ebay_test.txt``. In-shop (Liu et
al., CVPR 2016) has queries and a gallery. Pictures are not cropped; numbers on cropped cars and birds belong to another
protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from placeprint.core.files import read_text
from placeprint.core.options import CountOrNone, checked
from placeprint.datasets.photos.labeled_photos import (
    LabeledPhotos,
    check_files,
    check_paths,
    read_image_folder,
    read_label_list,
)
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet
from placeprint.datasets.tables.matlab import read_mat
from placeprint.errors import DatasetError
from placeprint.types import Ids


def read_class_folder(folder: Path) -> RetrievalSet:
    """Read one folder per class, or such folders in ``database/`` and ``queries/``.

    Raises:
        DatasetError: there is no photo, a photo has no class, or a class of the queries is not in the database.
    """
    if not ((folder / "database").is_dir() and (folder / "queries").is_dir()):
        photos = read_image_folder(folder)
        return _each_other(folder, photos.paths, photos.labels)
    database, queries = (read_image_folder(folder / part) for part in ("database", "queries"))
    return _of_classes(folder, database, queries, "database/", "queries/")


def read_class_list(
    folder: Path, *, database: str = "train.txt", queries: str = "val.txt", coarse: bool = False
) -> RetrievalSet:
    """Read lists of lines ``path, id`` or ``path, id, coarse id``, one for the database and one for the queries.

    Args:
        folder: the folder of the lists and the photos.
        database: the name of the database list.
        queries: the name of the query list.
        coarse: whether the coarse ids are the classes.

    Raises:
        DatasetError: a list is missing or has another form, or a class of the queries is not in the database.
    """
    parts = [read_label_list(folder / name, coarse=coarse) for name in (database, queries)]
    return _of_classes(folder, parts[0], parts[1])


@checked
def read_cub(folder: Path, *, first: CountOrNone = 101) -> RetrievalSet:
    """Read ``images.txt`` and ``image_class_labels.txt`` of CUB-200-2011, classes from `first` on.

    Raises:
        DatasetError: a file is missing or has another form, or photos are missing.
    """
    names, classes = (_pairs(folder / name) for name in ("images.txt", "image_class_labels.txt"))
    if names.keys() != classes.keys():
        raise DatasetError(f"{str(folder)!r} must have the same photos in images.txt and image_class_labels.txt")
    try:
        chosen = [(f"images/{names[key]}", int(classes[key])) for key in names if int(classes[key]) >= first]
    except ValueError as error:
        raise DatasetError(f"{str(folder / 'image_class_labels.txt')!r} must have numbers of classes") from error
    return _checked(folder, chosen)


@checked
def read_cars(folder: Path, *, first: CountOrNone = 99) -> RetrievalSet:
    """Read ``cars_annos.mat`` of Cars196, classes from `first` on.

    Raises:
        DatasetError: the file is missing or has another form, or photos are missing.
        PackageError: SciPy is not installed.
    """
    path = folder / "cars_annos.mat"
    if not path.is_file():
        raise DatasetError(f"{str(folder)!r} has no cars_annos.mat")
    try:
        rows = [(str(row["relative_im_path"]), int(row["class"])) for row in read_mat(path)["annotations"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{str(path)!r} must have annotations with relative_im_path and class ({error})") from error
    return _checked(folder, [row for row in rows if row[1] >= first])


def read_online_products(folder: Path, *, name: str = "Ebay_test.txt") -> RetrievalSet:
    """Read lines ``image_id class_id super_class_id path`` of Stanford Online Products.

    Raises:
        DatasetError: the file is missing or has another form, or photos are missing.
    """
    rows = _table(folder / name, ("image_id", "class_id", "super_class_id", "path"), skip=0)
    if not all(row["class_id"].isdecimal() for row in rows):
        raise DatasetError(f"{str(folder / name)!r} must have numbers of classes in the column 'class_id'")
    return _checked(folder, [(row["path"], int(row["class_id"])) for row in rows])


def read_in_shop(folder: Path) -> RetrievalSet:
    """Read ``list_eval_partition.txt`` of In-shop, in the folder or in ``Eval/``.

    Raises:
        DatasetError: the file is missing or has another form, or photos are missing.
    """
    name = "list_eval_partition.txt"
    path = folder / "Eval" / name if (folder / "Eval" / name).is_file() else folder / name
    rows = _table(path, ("image_name", "item_id", "evaluation_status"), skip=1)
    found: dict[str, list[tuple[str, str]]] = {"gallery": [], "query": []}
    prefix = next((p for p in ("", "Img/") if rows and (folder / f"{p}{rows[0]['image_name']}").is_file()), "")
    for row in rows:
        if row["evaluation_status"] in found:
            found[row["evaluation_status"]].append((prefix + row["image_name"], row["item_id"]))
    for status, photos in found.items():
        if not photos:
            raise DatasetError(f"{str(path)!r} has no photo of the status {status!r}")
    check_files(folder, [each for photos in found.values() for each, _ in photos])
    database = tuple(each for each, _ in found["gallery"])
    members = _members([item for _, item in found["gallery"]])
    positives = PathSets(database, [members.get(item, np.zeros(0, np.int64)) for _, item in found["query"]])
    return RetrievalSet(folder, "", database, tuple(each for each, _ in found["query"]), positives)


def _of_classes(
    folder: Path, database: LabeledPhotos, queries: LabeledPhotos, prefix: str = "", query_prefix: str = ""
) -> RetrievalSet:
    """Return the set of queries and database, with paths relative to the folder."""
    members = _members(database.labels.tolist())
    labels = queries.labels_among(database.classes).tolist()
    paths = tuple(prefix + path for path in database.paths)
    asked = tuple(query_prefix + path for path in queries.paths)
    return RetrievalSet(folder, "", paths, asked, PathSets(paths, [members[label] for label in labels]))


def _checked(folder: Path, photos: Sequence[tuple[str, int]]) -> RetrievalSet:
    paths = tuple(path for path, _ in photos)
    check_paths(paths)
    check_files(folder, paths)
    return _each_other(folder, paths, np.array([label for _, label in photos], np.int64))


def _each_other(folder: Path, paths: tuple[str, ...], labels: Ids) -> RetrievalSet:
    """Return a set whose photos search each other; photos alone in their class have no positive."""
    members = _members(labels.tolist())
    rows = [members[label][members[label] != row] for row, label in enumerate(labels.tolist())]
    return RetrievalSet(folder, "", paths, paths, PathSets(paths, rows))


def _members(labels: Sequence[int | str]) -> dict[int | str, Ids]:
    """Return the rows of each label."""
    rows: dict[int | str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    return {label: np.array(members, np.int64) for label, members in rows.items()}


def _lines(path: Path) -> list[list[str]]:
    return [line.split() for line in read_text(path, error=DatasetError).splitlines() if line.strip()]


def _pairs(path: Path) -> dict[str, str]:
    lines = _lines(path)
    if any(len(line) != 2 for line in lines):
        raise DatasetError(f"{str(path)!r} must have two fields per line")
    return {line[0]: line[1] for line in lines}


def _table(path: Path, header: tuple[str, ...], *, skip: int) -> list[dict[str, str]]:
    """Return the rows below a header, after a number of lines to skip."""
    lines = _lines(path)[skip:]
    if not lines or tuple(lines[0]) != header or any(len(line) != len(header) for line in lines):
        raise DatasetError(f"{str(path)!r} must have rows below the header {' '.join(header)!r}")
    return [dict(zip(header, line, strict=True)) for line in lines[1:]]
