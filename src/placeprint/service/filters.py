"""Which photos of the atlas are listed."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.places.plane import distances
from placeprint.service.catalog import Catalog, Rows
from placeprint.service.problems import Refused


@dataclass(frozen=True)
class Near:
    """Photos around a point.

    Args:
        latitude: degrees north.
        longitude: degrees east.
        meters: how far they may be from it.
    """

    latitude: float
    longitude: float
    meters: float

    @classmethod
    def parse(cls, text: str) -> Near:
        """Read ``LATITUDE,LONGITUDE,METERS``.

        Raises:
            Refused: the text is something else, or no point on Earth.
        """
        number = r"\s*([+-]?\d{1,12}(?:\.\d{1,15})?)\s*"
        found = re.fullmatch(f"{number},{number},{number}", text)
        values = [float(each) for each in found.groups()] if found else []
        if not values or abs(values[0]) > 90 or abs(values[1]) > 180 or values[2] < 0:
            raise Refused(422, f"near must be LATITUDE,LONGITUDE,METERS, such as 55.7042,13.1910,200; got {text!r}")
        return cls(*values)


@dataclass(frozen=True)
class Filter:
    """What listed photos must fit; None and empty fit all.

    Args:
        folder: photos in or below this folder.
        name: photos whose name holds this text, in any case.
        since: taken at this local time or later.
        until: taken at this local time or earlier.
        near: taken around a point.
        among: ids of the photos to choose from.
    """

    folder: str = ""
    name: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    near: Near | None = None
    among: Collection[int] | None = None

    def rows(self, catalog: Catalog) -> Rows:
        """Return the rows of the photos that fit, ascending."""
        fits = np.ones(len(catalog), np.bool_)
        if self.among is not None:
            fits &= np.isin(catalog.ids, np.fromiter(self.among, np.int64))
        if self.folder:
            fits &= self._in_folder(catalog)[catalog.folder_of]
        if self.since is not None:
            fits &= catalog.taken >= np.datetime64(self.since, "s")  # a time that is unknown fits nothing
        if self.until is not None:
            fits &= catalog.taken <= np.datetime64(self.until, "s")
        rows = np.flatnonzero(fits)
        if self.name:
            wanted = self.name.casefold()
            rows = np.array([row for row in rows if wanted in catalog.names[row].casefold()], np.intp)
        return rows if self.near is None else _around(self.near, catalog, rows)

    def _in_folder(self, catalog: Catalog) -> NDArray[np.bool_]:
        below = f"{self.folder}/"
        return np.array([each == self.folder or each.startswith(below) for each in catalog.folders], np.bool_)


def _around(near: Near, catalog: Catalog, rows: Rows) -> Rows:
    known = np.asarray(rows[np.isfinite(catalog.positions[rows, 0])], np.intp)
    if not len(known):
        return known
    away = distances(catalog.positions[known], np.array([near.latitude, near.longitude]))
    return np.asarray(known[away <= near.meters], np.intp)
