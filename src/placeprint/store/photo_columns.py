"""Columns of photos for filters: one row per photo, by increasing id."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Ids


@dataclass(frozen=True, eq=False)
class SplitPaths:
    """The folders and the names of n files.

    Args:
        folders: all folders that hold files, each once.
        folder_of: ``(n,)`` int32, the number of each file's folder.
        names: the n names.
    """

    folders: Sequence[str]
    folder_of: NDArray[np.int32]
    names: Sequence[str]


class PhotoColumns(Protocol):
    """Photos as columns; only requested columns are read."""

    ids: Ids
    """``(n,)`` int64, increasing."""

    def split(self) -> SplitPaths:
        """Return the folders and the names of their files."""

    def locations(self) -> NDArray[np.float64]:
        """Return ``(n, 2)`` latitudes and longitudes in degrees, NaN where unknown."""

    def times(self) -> NDArray[np.datetime64]:
        """Return ``(n,)`` datetime64[s] of the camera's local time, NaT where unknown."""


def split_paths(paths: Iterable[str]) -> SplitPaths:
    """Return the folders and the names of some paths.

    Example:
        >>> split_paths(["/a/1.jpg", "/b/2.jpg", "/a/3.jpg"]).folder_of.tolist()
        [0, 1, 0]
    """
    numbers: dict[str, int] = {}
    folder_of, names = array("i"), []
    for path in paths:
        folder, name = os.path.split(path)
        folder_of.append(numbers.setdefault(folder, len(numbers)))
        names.append(name)
    return SplitPaths(list(numbers), np.array(folder_of, np.int32), names)
