"""Which photos of an atlas a search may find: by position, time, folder, label and name.

A filter becomes a mask over the columns of the photos before anything is ranked. So candidates are chosen only from the
photos that fit, even if there are few.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from placeprint.core.regions import Box, Circle
from placeprint.errors import OptionError
from placeprint.store.photo_columns import PhotoColumns
from placeprint.types import Ids

Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class PhotoFilter:
    """What photos must fit; each part that is given must hold. A part with several values holds if one of them does.

    Args:
        near: photos with a position in this circle.
        box: photos with a position in this box.
        after: photos taken at this local time or later; a time zone is ignored, as photos have the camera's time.
        before: photos taken at this local time or earlier.
        labels: photos in a folder of one of these names, which is the label of a place.
        folders: photos in or below one of these folders; relative ones are below the current folder.
        name: photos whose file name holds this text, in any case.

    Example:
        >>> PhotoFilter(near=Circle(55.7, 13.2, 1000.0), labels=("cathedral",)).is_open
        False
    """

    near: Circle | None = None
    box: Box | None = None
    after: datetime.datetime | None = None
    before: datetime.datetime | None = None
    labels: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    name: str = ""
    _below: tuple[str, ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for each in ("labels", "folders"):
            if isinstance(getattr(self, each), str):
                raise OptionError(f"{each} must be a list of texts, got the text {getattr(self, each)!r}")
        object.__setattr__(self, "_below", tuple(os.path.abspath(each) for each in self.folders))  # noqa: PTH100

    @property
    def is_open(self) -> bool:
        """Whether all photos fit."""
        return self == PhotoFilter()

    def mask(self, photos: PhotoColumns) -> Chosen:
        """Return ``(n,)``: which photos fit. Photos without a position or time do not fit if one is required."""
        fits = np.ones(len(photos.ids), bool)
        regions = [region for region in (self.near, self.box) if region is not None]
        if regions:
            positions = photos.locations()
            fits &= np.all([region.has(positions) for region in regions], axis=0)
        if self.after is not None or self.before is not None:
            times = photos.times()
            fits &= ~np.isnat(times)
            fits &= True if self.after is None else times >= _seconds(self.after)
            fits &= True if self.before is None else times <= _seconds(self.before)
        if not (self.folders or self.labels or self.name):
            return fits
        split = photos.split()
        held = np.array([self._holds(folder) for folder in split.folders], np.bool_)
        fits &= held[split.folder_of]
        text = self.name.casefold()
        fits[fits] = [text in split.names[row].casefold() for row in np.flatnonzero(fits).tolist()]
        return fits

    def ids(self, photos: PhotoColumns) -> Ids:
        """Return the increasing ids of the photos that fit, ``(k,)`` int64."""
        return photos.ids[self.mask(photos)]

    def _holds(self, folder: str) -> bool:
        """Return whether photos in a folder may fit."""
        starts = tuple(each.rstrip(os.sep) + os.sep for each in self._below)
        if self.folders and not f"{folder.rstrip(os.sep)}{os.sep}".startswith(starts):
            return False
        return not self.labels or os.path.basename(folder) in self.labels  # noqa: PTH119  # there may be many


def _seconds(time: datetime.datetime) -> np.datetime64:
    return np.datetime64(time.replace(tzinfo=None), "s")
