"""Which photos of the atlas are listed."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from placeprint.places.plane import distances
from placeprint.service.problems import Refused
from placeprint.service.schemas import PhotoSummary


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
    """

    folder: str = ""
    name: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    near: Near | None = None

    def chosen(self, photos: Iterable[PhotoSummary]) -> list[PhotoSummary]:
        """Return the photos that fit, in their order."""
        fitting = [photo for photo in photos if self._fits(photo)]
        if self.near is None or not fitting:
            return fitting
        nowhere = (float("nan"), float("nan"))
        places = np.array(
            [(each.position.latitude, each.position.longitude) if each.position else nowhere for each in fitting]
        )
        known = np.flatnonzero(np.isfinite(places[:, 0]))
        away = np.full(len(fitting), np.inf)
        if len(known):
            away[known] = distances(places[known], np.array([self.near.latitude, self.near.longitude]))
        return [photo for photo, meters in zip(fitting, away, strict=True) if meters <= self.near.meters]

    def _fits(self, photo: PhotoSummary) -> bool:
        inside = not self.folder or photo.folder == self.folder or photo.folder.startswith(f"{self.folder}/")
        named = self.name.casefold() in photo.name.casefold()
        if not (inside and named):
            return False
        if self.since is None and self.until is None:
            return True
        if photo.taken is None:
            return False
        return (self.since is None or photo.taken >= self.since) and (self.until is None or photo.taken <= self.until)
