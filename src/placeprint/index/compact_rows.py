"""The rows of a compact index as files that only grow, mapped into memory.

    ids-<generation>.bin      int64, increasing: the photo of each row
    <name>-<generation>.bin   one array of its code, see `index.compact_code`

The number of valid rows is written elsewhere, after the rows are on disk. So a crash leaves bytes that nobody reads,
and the next writer overwrites them; readers have mapped only the rows before them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import evenly
from placeprint.index.compact_code import Column, CompactCode
from placeprint.types import Ids

CHECKED = 64
"""Rows that are hashed, spread over all: hashing all would read gigabytes to answer one query."""
IDS = "ids"


@dataclass(frozen=True, eq=False)
class CompactRows:
    """The rows of a compact index.

    Args:
        ids: ``(n,)`` increasing.
        arrays: ``(n, width)`` each, by name.
    """

    ids: Ids
    arrays: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.ids)

    def digest(self) -> str:
        """Return a hash of `CHECKED` of the rows."""
        digest = hashlib.sha256(str(len(self)).encode())
        for place in evenly(len(self), CHECKED).tolist() if len(self) else ():
            for array in (self.ids, *self.arrays.values()):
                digest.update(np.ascontiguousarray(array[place]).tobytes())
        return digest.hexdigest()

    def joined(self, other: CompactRows) -> CompactRows:
        """Return these rows and others after them, in memory."""
        arrays = {name: np.concatenate([array, other.arrays[name]]) for name, array in self.arrays.items()}
        return CompactRows(np.concatenate([self.ids, other.ids]), arrays)

    def some(self, numbers: NDArray[np.intp] | slice) -> CompactRows:
        """Return some rows."""
        return CompactRows(self.ids[numbers], {name: array[numbers] for name, array in self.arrays.items()})


def map_rows(folder: Path, generation: int, count: int, code: CompactCode) -> CompactRows:
    """Return the first rows of the files in a folder, mapped into memory.

    Raises:
        ValueError: the files have fewer rows, or ids that do not increase.
        OSError: they cannot be read.
    """

    def mapped(column: Column) -> NDArray[Any]:
        if not count:
            return np.zeros((0, column.width), column.kind)
        return np.memmap(path_of(folder, column.name, generation), column.kind, "r", shape=(count, column.width))

    ids: Ids = mapped(Column(IDS, np.int64, 1)).reshape(-1)
    if (np.diff(ids) <= 0).any():
        raise ValueError("the ids do not increase")
    return CompactRows(ids, {column.name: mapped(column) for column in code.columns})


def append_rows(folder: Path, generation: int, count: int, rows: CompactRows) -> None:
    """Write rows after the first ``count`` ones, and flush them to the disk.

    Raises:
        OSError: the disk is full, or the files cannot be written.
    """
    for name, array in {IDS: rows.ids, **rows.arrays}.items():
        if not len(array):
            continue
        data = np.ascontiguousarray(array)
        handle = os.open(path_of(folder, name, generation), os.O_WRONLY | os.O_CREAT, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.seek(count * data[0].nbytes)
            file.write(data.reshape(-1).view(np.uint8).data)
            file.flush()
            os.fsync(file.fileno())


def path_of(folder: Path, name: str, generation: int) -> Path:
    """Return the path of the file of one array."""
    return folder / f"{name}-{generation}.bin"
