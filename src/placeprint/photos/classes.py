"""Pictures of classes: each pixel has the value of what it shows, and a table beside them names the values.

The table is ``classes.csv`` in the folder of the pictures, with the columns ``value`` (0 to 255) and ``name``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placeprint.core.csv_files import read_numbered_csv
from placeprint.errors import DatasetError, OptionError, ShapeError
from placeprint.photos.reading import read_image
from placeprint.types import Mask

TABLE = "classes.csv"


@dataclass(frozen=True)
class Ignored:
    """Converts class maps to masks that exclude some classes.

    Args:
        names: of the classes, by value.
        values: that are skipped.
    """

    names: Mapping[int, str]
    values: frozenset[int]

    def mask_of(self, picture: Path, size: tuple[int, int]) -> Mask:
        """Return the ``(H, W)`` bool mask of a picture of classes, True where keypoints are allowed.

        Args:
            picture: gray, each pixel with the value of its class.
            size: ``(width, height)`` of the photo.

        Raises:
            ShapeError: it has another size than the photo, colors, or a value that the table does not name.
            PhotoError: the picture cannot be read.
        """
        pixels = read_image(picture)
        if pixels.shape[:2] != (size[1], size[0]):
            raise ShapeError(f"it must have the shape of its photo, {(size[1], size[0])}, got {pixels.shape[:2]}")
        if (pixels != pixels[..., :1]).any():
            raise ShapeError("a picture of classes must be gray, one value per class; this one has colors")
        values = pixels[..., 0]
        unknown = sorted(set(np.unique(values).tolist()) - self.names.keys())
        if unknown:
            raise ShapeError(f"it has the value {unknown[0]}, which {TABLE} does not name; add a row for it")
        return np.asarray(~np.isin(values, sorted(self.values)), bool)


def read_ignored(folder: Path, ignore: Collection[str]) -> Ignored:
    """Return what leaves out some classes of the pictures in a folder.

    Args:
        folder: of the pictures, with the table.
        ignore: names of classes, as in the table; capitals do not matter.

    Raises:
        OptionError: there is no table, or it does not have one of the names.
        DatasetError: the table cannot be read, or a row is wrong.
    """
    path = folder / TABLE
    if not path.is_file():
        raise OptionError(
            f"to ignore classes, the folder of masks {str(folder)!r} needs a table {TABLE} with the columns value and "
            "name, such as 2,sky"
        )
    names = _read_names(path)
    known = {name.casefold() for name in names.values()}
    for name in ignore:
        if name.casefold() not in known:
            raise OptionError(f"no class called {name!r} in {str(path)!r}; it has {', '.join(sorted(known))}")
    wanted = {name.casefold() for name in ignore}
    return Ignored(names, frozenset(value for value, name in names.items() if name.casefold() in wanted))


def _read_names(path: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for line, row in read_numbered_csv(path):
        if not {"value", "name"} <= row.keys():
            raise DatasetError(f"{str(path)!r} must have the columns value and name, it has {', '.join(row)}")
        value = row["value"]
        if not (value.isascii() and value.isdecimal() and int(value) <= 255):
            raise DatasetError(
                f"{str(path)!r} line {line}: a value must be a whole number from 0 to 255, got {value!r}"
            )
        if names.setdefault(int(value), row["name"]) != row["name"]:
            raise DatasetError(f"{str(path)!r} line {line} gives the value {value} a second name")
    return names
