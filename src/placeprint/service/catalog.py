"""The photos of an atlas at one moment, as clients see them: columns for filtering, and summaries of a few rows.

It is made once for each version of the atlas. The service reads the list of photos only through this module, so the
memory per photo stays small.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import common_folder
from placeprint.service.problems import Refused
from placeprint.service.schemas import PhotoSummary, Position
from placeprint.service.settings import readable
from placeprint.store.photo_columns import PhotoColumns, SplitPaths
from placeprint.store.photo_filter import PhotoFilter
from placeprint.store.records import PhotoRecord

Rows = NDArray[np.intp]


class ListedPhotos(PhotoColumns, Protocol):
    """Photos as columns, and the facts about single ones."""

    def paths(self) -> Sequence[str]:
        """Return the paths of the files, in the order of ``ids``."""

    def get(self, photo: int, /) -> PhotoRecord | None:
        """Return the facts about a photo, or None."""

    def some(self, photos: Iterable[int]) -> Mapping[int, PhotoRecord]:
        """Return the facts about some photos by id, read at once."""


class Catalog:
    """The usable photos of an atlas, by ascending id.

    Args:
        photos: the photos; their columns are read once, the facts about single ones when they are asked for.

    Attributes:
        ids: ``(n,)`` int64.
        names: of the files.
        folders: all folders that hold photos, below the one that all photos share.
        folder_of: ``(n,)`` int32, the number of each photo's folder.
        taken: ``(n,)`` datetime64[s], the camera's local time; NaT where it is unknown.
        common: the folder that all photos share.
        positions: ``(n, 2)`` float64 degrees, latitude and longitude; NaN where they are unknown.
    """

    def __init__(self, photos: ListedPhotos) -> None:
        self._photos = photos
        self.ids = photos.ids
        split = photos.split()
        self.common = str(common_folder(os.path.join(each, "") for each in split.folders))  # noqa: PTH118  # ends with a slash
        self.names = [readable(name) for name in split.names]
        self.folder_of = split.folder_of
        self.folders = [self._folder(above) for above in split.folders]
        self._split = SplitPaths(split.folders, split.folder_of, self.names)
        self.taken = photos.times()
        self.positions = photos.locations()

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.ids)

    def at(self, path: str) -> PhotoRecord | None:
        """Return what is known of the photo at a path, or None if there is none."""
        number = self._by_path.get(path)
        return None if number is None else self._photos.get(number)

    def get(self, number: int) -> PhotoRecord | None:
        """Return what is known of a photo, or None if there is none of this id."""
        return self._photos.get(number)

    def record(self, number: int) -> PhotoRecord:
        """Return the facts about a photo.

        Raises:
            Refused: the atlas has no such photo.
        """
        found = self._photos.get(number)
        if found is None:
            raise Refused(404, f"the atlas has no photo {number}")
        return found

    def rows_of(self, numbers: Iterable[int]) -> Rows:
        """Return the rows of photos by their ids, ascending; ids of no photo are skipped."""
        return np.flatnonzero(np.isin(self.ids, np.fromiter(numbers, np.int64)))

    def rows(self, within: PhotoFilter, among: Collection[int] | None = None) -> Rows:
        """Return the rows of the photos that fit a filter, ascending; with ``among``, of those with these ids alone."""
        fits = within.mask(self)
        if among is not None:
            fits &= np.isin(self.ids, np.fromiter(among, np.int64))
        return np.flatnonzero(fits)

    def split(self) -> SplitPaths:
        """Return the folders and the names of the photos, as `PhotoColumns`."""
        return self._split

    def locations(self) -> NDArray[np.float64]:
        """Return the positions, as `PhotoColumns`."""
        return self.positions

    def times(self) -> NDArray[np.datetime64]:
        """Return the times, as `PhotoColumns`."""
        return self.taken

    def located(self) -> Rows:
        """Return the rows of the photos that have a position."""
        return np.flatnonzero(np.isfinite(self.positions[:, 0]))

    def summaries(self, rows: Rows) -> list[PhotoSummary]:
        """Return what clients may know of some photos."""
        return [self.summary(record) for record in self._photos.some(self.ids[rows].tolist()).values()]

    def summary(self, record: PhotoRecord) -> PhotoSummary:
        """Return what clients may know of a photo: no path."""
        above, name = os.path.split(record.path)
        return PhotoSummary(
            id=record.id,
            name=readable(name),
            folder=self._folder(above),
            width=record.width,
            height=record.height,
            position=position_of(record.location),
            taken=record.taken,
            num_keypoints=record.num_keypoints,
        )

    def below(self, path: str) -> str:
        """Return the path of a photo below the folder that all photos share, with slashes."""
        return Path(os.path.relpath(path, self.common)).as_posix()

    @functools.cached_property
    def _by_path(self) -> Mapping[str, int]:
        return dict(zip(self._photos.paths(), self.ids.tolist(), strict=True))

    def _folder(self, above: str) -> str:
        below = self.below(above)
        return "" if below == "." else readable(below)


def position_of(degrees: tuple[float, float] | None) -> Position | None:
    """Return a position as it is sent."""
    return None if degrees is None else Position(latitude=degrees[0], longitude=degrees[1])
