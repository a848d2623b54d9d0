"""Photos with classes, for metric learning.

Three forms are read: one folder per class (`read_image_folder`), a CSV file with a column of labels (`read_label_csv`),
and a list of lines ``path, id`` or ``path, id, coarse id`` beside a ``classes.csv`` that names the ids
(`read_label_list`), the form of the Grocery Store Dataset (Klasson et al., WACV 2019).

Labels number the classes of one set from 0, so equal numbers in two sets may mean different classes: `labels_among`
converts the labels of one set to the numbers of another.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core.csv_files import column_of, read_csv
from placeprint.core.files import read_text
from placeprint.errors import DatasetError, ShapeError
from placeprint.photos import normalized, scan_photos
from placeprint.types import Ids

logger = logging.getLogger(__name__)

PATH_COLUMNS = ("path", "image_path", "image", "file", "filename")
"""Names of the column of paths; the first that exists is used."""
SHOWN = 3
"""Most names in an error message."""


@dataclass(frozen=True, eq=False)
class LabeledPhotos:
    """Photos and their classes.

    Args:
        root: the folder to which the paths are relative.
        paths: the paths of the photos, with forward slashes, each once.
        labels: ``(n,)`` int64, each photo's index in the classes.
        classes: the names of the classes; each has at least one photo.

    Raises:
        ShapeError: the labels are not ``(n,)``.
        DatasetError: there is no photo, a path or a class is listed twice, a label is out of range, or a class is
            empty.
    """

    root: Path
    paths: tuple[str, ...]
    labels: Ids
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64))
        check_paths(self.paths)
        if self.labels.shape != (len(self.paths),):
            raise ShapeError(f"labels must have shape ({len(self.paths)},), got {self.labels.shape}")
        if len(set(self.classes)) < len(self.classes):
            raise DatasetError(f"classes must have distinct names, {first_few(repeated(self.classes))} repeat")
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            raise DatasetError(
                f"labels must be from 0 to {len(self.classes) - 1}, got {self.labels.min()} to {self.labels.max()}"
            )
        empty = [name for name, count in zip(self.classes, self.counts(), strict=True) if count == 0]
        if empty:
            raise DatasetError(f"{len(empty)} classes have no photo: {first_few(empty)}; exclude them")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> LabeledPhotos:
        """Return the chosen photos, by a boolean mask or by indices; classes without photos are dropped."""
        rows = np.arange(len(self))[chosen]
        kept, labels = np.unique(self.labels[rows], return_inverse=True)
        paths = tuple(self.paths[row] for row in rows)
        return LabeledPhotos(self.root, paths, labels.reshape(-1), tuple(self.classes[label] for label in kept))

    def counts(self) -> Ids:
        """Return ``(classes,)`` int64, the number of photos of each class."""
        return np.bincount(self.labels, minlength=len(self.classes)).astype(np.int64)

    def lonely(self) -> tuple[str, ...]:
        """Return the classes with one photo, which have no positive pair."""
        return tuple(self.classes[label] for label in np.flatnonzero(self.counts() == 1))

    def labels_among(self, classes: Sequence[str], *, unknown: int | None = None) -> Ids:
        """Return ``(n,)`` int64, the labels as indices into other classes, such as those of the training set.

        Args:
            classes: names.
            unknown: label of photos whose class is not among them; None when there must be no such photo.

        Raises:
            DatasetError: a class is not among them, and `unknown` is None.

        Example:
            >>> photos = LabeledPhotos(Path("."), ("a.jpg", "b.jpg"), np.array([1, 0]), ("oak", "pine"))
            >>> photos.labels_among(("elm", "oak", "pine")).tolist()
            [2, 1]
        """
        places = {name: place for place, name in enumerate(classes)}
        others = [name for name in self.classes if name not in places]
        if others and unknown is None:
            raise DatasetError(
                f"{len(others)} of {len(self.classes)} classes are not among the other set's {len(places)}: "
                f"{first_few(others)}; the labels of the two do not match"
            )
        return np.array([places.get(name, unknown) for name in self.classes], np.int64)[self.labels]


def read_image_folder(folder: Path | str, *, leaf: bool = False, skip_loose: bool = False) -> LabeledPhotos:
    """Read a folder of folders with photos; classes are sorted by name.

    Args:
        folder: the folder to which the paths are relative.
        leaf: whether the class is the deepest folder, named by its path (``"Fruit/Apple"``). Otherwise it is the
            first-level folder, with everything below it.
        skip_loose: whether to skip photos outside the folders and folders without photos; otherwise they are an error.

    Raises:
        DatasetError: there is no such folder, it has photos without a class, or a class has no photos.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {str(folder)!r}")
    paths = photos_below(folder)
    loose = [path for path in paths if "/" not in path]
    if skip_loose and len(loose) < len(paths):
        paths = [path for path in paths if "/" in path]
    elif loose:
        raise DatasetError(
            f"{len(loose)} photos are in no folder of {str(folder)!r} and so of no class: {first_few(loose)}; "
            "put the photos of each class into a separate folder"
        )
    names = [path.rpartition("/")[0] if leaf else path.partition("/")[0] for path in paths]
    folders = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    tops = {name.partition("/")[0] for name in names}
    empty = [name for name in folders if name not in tops]
    if empty and not skip_loose:
        raise DatasetError(f"{len(empty)} folders of {str(folder)!r} have no photos: {first_few(empty)}")
    return _labeled(folder, paths, names)


def read_label_csv(
    csv_path: Path | str, root: Path | str | None = None, *, path_column: str | None = None, label_column: str = "label"
) -> LabeledPhotos:
    """Read a CSV file with a header and one row per photo; classes are sorted by name.

    Args:
        csv_path: the file.
        root: the folder to which its paths are relative; None for the file's folder.
        path_column: the column of paths; None for the first of `PATH_COLUMNS` that exists.
        label_column: the column with the class names.

    Raises:
        DatasetError: there is no such file or column, a field is empty, or photos are missing.
    """
    csv_path = Path(csv_path)
    rows = read_csv(csv_path)
    paths = column_of(rows, path_column, csv_path, PATH_COLUMNS)
    names = column_of(rows, label_column, csv_path)
    root = csv_path.parent if root is None else Path(root)
    check_files(root, paths)
    return _labeled(root, paths, names)


def read_label_list(
    path: Path | str, root: Path | str | None = None, *, coarse: bool = False, classes_path: Path | str | None = None
) -> LabeledPhotos:
    """Read lines ``path, id`` or ``path, id, coarse id``; classes are sorted by id.

    Args:
        path: the list file.
        root: the folder to which its paths are relative; None for the list's folder.
        coarse: whether to use the coarse ids.
        classes_path: CSV file with columns ``Class Name``, ``Class ID``, ``Coarse Class Name`` and ``Coarse Class ID``,
            types in parentheses allowed. None for ``classes.csv`` beside the list; without one, ids are the names.

    Raises:
        DatasetError: a file is missing or has another form, an id has no name, or photos are missing.
    """
    path = Path(path)
    paths, ids = _read_lines(path, coarse)
    root = path.parent if root is None else Path(root)
    check_files(root, paths)
    names_path = path.parent / "classes.csv" if classes_path is None else Path(classes_path)
    named = _class_names(names_path, coarse) if classes_path is not None or names_path.is_file() else None
    kept, labels = np.unique(ids, return_inverse=True)
    unnamed = [str(each) for each in kept if named is not None and int(each) not in named]
    if unnamed:
        raise DatasetError(f"{str(names_path)!r} names no class {first_few(unnamed)}, which {path.name!r} has")
    classes = tuple(str(each) if named is None else named[int(each)] for each in kept)
    return LabeledPhotos(root, tuple(paths), labels.reshape(-1), classes)


def photos_below(folder: Path) -> list[str]:
    """Return the photos below a folder, relative to it, with forward slashes.

    Raises:
        DatasetError: there is no photo.
    """
    paths = photos_relative_to(folder, folder)
    if not paths:
        raise DatasetError(f"{str(folder)!r} has no photos")
    return paths


def photos_relative_to(base: Path, folder: Path) -> list[str]:
    """Return the photos below a folder, relative to a base folder above it, with forward slashes.

    A photo is listed under each of its names, because lists name photos. Skipped files are counted in a logged warning.

    Raises:
        DatasetError: there is no such folder, or it cannot be read.
    """
    found = scan_photos([folder], every_name=True)
    if found.missing:
        raise DatasetError(f"cannot read the folder {str(folder)!r}: {found.missing[0].reason}")
    if found.skipped:
        reasons = [f"{path}: {reason}" for path, reason in found.skipped]
        logger.warning("%d files or folders in %s are skipped: %s", len(reasons), folder, first_few(reasons))
    part, top = folder.relative_to(base), normalized(folder)
    return [(part / path.relative_to(top)).as_posix() for path in found.paths]


def check_paths(paths: Sequence[str]) -> None:
    """Raise a DatasetError for an empty list of photos, and for one that names a photo twice."""
    if not paths:
        raise DatasetError("a set of photos must have at least one")
    twice = repeated(paths)
    if twice:
        raise DatasetError(f"{len(twice)} photos are listed twice: {first_few(twice)}")


def check_files(root: Path, paths: Sequence[str]) -> None:
    """Raise a DatasetError for paths that do not exist; the message names the first few."""
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise DatasetError(f"{len(missing)} of {len(paths)} photos are not in {str(root)!r}: {first_few(missing)}")


def first_few(names: Sequence[str]) -> str:
    """Return the first `SHOWN` names, formatted for an error message.

    Example:
        >>> first_few(["a", "b", "c", "d"])
        "'a', 'b', 'c', ..."
    """
    return ", ".join([*map(repr, names[:SHOWN]), *(["..."] if len(names) > SHOWN else [])])


def repeated(names: Sequence[str]) -> list[str]:
    """Return the names that appear more than once, in order."""
    return [name for name, count in Counter(names).items() if count > 1]


def _labeled(root: Path, paths: Sequence[str], names: Sequence[str]) -> LabeledPhotos:
    classes = tuple(sorted(set(names)))
    places = {name: place for place, name in enumerate(classes)}
    return LabeledPhotos(root, tuple(paths), np.array([places[name] for name in names], np.int64), classes)


def _read_lines(path: Path, coarse: bool) -> tuple[list[str], Ids]:
    lines = [line for line in read_text(path, error=DatasetError).splitlines() if line.strip()]
    count = 2 if coarse else 1
    paths, ids = [], []
    for number, line in enumerate(lines, start=1):
        name, *numbers = (part.strip() for part in line.split(","))
        if len(numbers) not in {1, 2} or len(numbers) < count or not all(each.isdecimal() for each in numbers):
            form = "'path, id, coarse id'" if coarse else "'path, id' or 'path, id, coarse id'"
            raise DatasetError(f"{str(path)!r} line {number} must be {form}, got {line!r}")
        paths.append(name)
        ids.append(int(numbers[count - 1]))
    return paths, np.array(ids, np.int64)


def _class_names(path: Path, coarse: bool) -> dict[int, str]:
    rows = [{name.partition(" (")[0]: field for name, field in row.items()} for row in read_csv(path)]
    kind = "Coarse Class" if coarse else "Class"
    ids, names = column_of(rows, f"{kind} ID", path), column_of(rows, f"{kind} Name", path)
    if not all(each.isdecimal() for each in ids):
        raise DatasetError(f"{str(path)!r} must have whole numbers in the column '{kind} ID'")
    return {int(each): name for each, name in zip(ids, names, strict=True)}
