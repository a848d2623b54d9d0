"""The photos of an atlas as columns on disk: looked up by id, read in parts, never all as objects in memory.

Only the ids and row numbers are in memory, 16 bytes per photo. A small atlas (`FEW`) keeps its records after they were
read, because many commands read them repeatedly.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import AtlasFormatError
from placeprint.store.path_text import path_to_text, text_to_path
from placeprint.store.photo_columns import SplitPaths, split_paths
from placeprint.store.records import PHOTO_COLUMNS, PhotoRecord, to_record
from placeprint.store.tables import TableVersion
from placeprint.types import Ids

RECORD_COLUMNS = (*PHOTO_COLUMNS, "num_keypoints", "error")
FEW = 5000
"""Photos of an atlas whose records are kept when they were read."""
PART = 1024
"""Rows read at once."""
KEPT_PARTS = 8
"""Parts kept in memory for look-ups of neighbors."""


class StoredPhotos(Mapping[int, PhotoRecord]):
    """Photos of one version of an atlas, by id, in increasing order; threads may share them.

    Args:
        rows: the version of the table ``images``.
        places: ``(n,)`` int64, the rows of the photos in it, by increasing id.
        ids: ``(n,)`` int64, increasing.

    Raises:
        AtlasFormatError: (on reading) the table is damaged, or was removed because it is too old.
    """

    def __init__(self, rows: TableVersion, places: Ids, ids: Ids) -> None:
        self.ids = ids
        self._rows, self._places = rows, places
        self._parts: OrderedDict[int, list[PhotoRecord]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __contains__(self, photo: object) -> bool:
        return isinstance(photo, int | np.integer) and self._number(int(photo)) is not None

    def __getitem__(self, photo: int) -> PhotoRecord:
        number = self._number(int(photo))
        if number is None:
            raise KeyError(photo)
        return self._part(number // PART)[number % PART]

    def items(self) -> ItemsView[int, PhotoRecord]:
        """Return the ids and records; they are read in parts."""
        return _Items(self)

    def values(self) -> ValuesView[PhotoRecord]:
        """Return the records; they are read in parts."""
        return _Values(self)

    def records(self) -> Iterator[PhotoRecord]:
        """Yield all records by increasing id."""
        for part in range(-(-len(self) // PART)):
            yield from self._part(part)

    def some(self, photos: Iterable[int]) -> dict[int, PhotoRecord]:
        """Return the records of a few photos, read at once; ids that are not there are skipped."""
        numbers = {int(photo): number for photo in photos if (number := self._number(int(photo))) is not None}
        if len(self) <= FEW:
            return {photo: self._part(number // PART)[number % PART] for photo, number in numbers.items()}
        with self._lock:
            parts = {number // PART: self._parts.get(number // PART) for number in numbers.values()}
        found, missing = {}, []
        for photo, number in numbers.items():
            part = parts[number // PART]
            if part is None:
                missing.append(photo)
            else:
                found[photo] = part[number % PART]
        found |= self._read(np.array([numbers[photo] for photo in missing], np.intp))
        return {photo: found[photo] for photo in numbers}

    def of_paths(self, paths: Iterable[str]) -> dict[str, PhotoRecord]:
        """Return the records of the photos at these paths, by path."""
        wanted = {path_to_text(path) for path in paths}
        if len(self) <= FEW:
            return {record.path: record for record in self.records() if path_to_text(record.path) in wanted}
        found = self.some(self.ids[self._rows.places_in("path", wanted, self._places)].tolist())
        return {record.path: record for record in found.values()}

    def of_sizes(self, sizes: Collection[int]) -> list[PhotoRecord]:
        """Return the records of the photos whose files have one of these sizes in bytes."""
        chosen = np.isin(self.numbers("file_size"), np.array(sorted(sizes), np.int64))
        return list(self.some(self.ids[chosen].tolist()).values())

    def split(self) -> SplitPaths:
        """Return the folders and the names of all photos, in the order of `ids`."""
        return split_paths(self.paths())

    def paths(self) -> list[str]:
        """Return the paths of all photos, in the order of `ids`."""
        return [text_to_path(path) for path in self._rows.column("path", self._places).to_pylist()]

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a column of whole numbers of all photos, in the order of `ids`; missing ones are the least int64.

        Args:
            name: ``file_size``, ``width``, ``height``, ``num_keypoints``, or ``time`` in seconds of the camera's clock.
        """
        return self._rows.whole_numbers(name, self._places)

    def times(self) -> NDArray[np.datetime64]:
        """Return ``(n,)`` datetime64[s] of the camera's local time, NaT where unknown, in the order of `ids`."""
        return self.numbers("time").astype("datetime64[s]")

    def locations(self) -> NDArray[np.float64]:
        """Return ``(n, 2)`` latitudes and longitudes in degrees, NaN where unknown, in the order of `ids`."""
        columns = [self._rows.real_numbers(name, self._places) for name in ("lat", "lon")]
        return np.column_stack(columns) if len(self) else np.zeros((0, 2))

    def _number(self, photo: int) -> int | None:
        number = int(np.searchsorted(self.ids, photo))
        return number if number < len(self.ids) and self.ids[number] == photo else None

    def _part(self, part: int) -> list[PhotoRecord]:
        """Return the records of a part, from memory where they are."""
        with self._lock:
            kept = self._parts.get(part)
            if kept is not None:
                self._parts.move_to_end(part)
                return kept
        numbers = np.arange(part * PART, min((part + 1) * PART, len(self)))
        read = self._read(numbers)
        made = [read[photo] for photo in self.ids[numbers].tolist()]
        with self._lock:
            self._parts[part] = made
            while len(self._parts) > KEPT_PARTS and len(self) > FEW:
                self._parts.popitem(last=False)
        return made

    def _read(self, numbers: NDArray[np.intp]) -> dict[int, PhotoRecord]:
        if not len(numbers):
            return {}
        rows = self._rows.rows_at(self._places[numbers], RECORD_COLUMNS)
        found = {row["id"]: to_record(row) for row in rows}
        if any(photo not in found for photo in self.ids[numbers].tolist()):
            raise AtlasFormatError(f"the atlas {self._rows.atlas!r} lacks rows of its photos; make it again")
        return found


class _Items(ItemsView[int, PhotoRecord]):
    """Ids and records, read in parts."""

    _mapping: StoredPhotos

    def __iter__(self) -> Iterator[tuple[int, PhotoRecord]]:
        return ((record.id, record) for record in self._mapping.records())


class _Values(ValuesView[PhotoRecord]):
    """Records, read in parts."""

    _mapping: StoredPhotos

    def __iter__(self) -> Iterator[PhotoRecord]:
        return self._mapping.records()
