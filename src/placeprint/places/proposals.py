"""Proposed positions of photos, as tables and maps that people and programs read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from placeprint.core.csv_files import csv_text
from placeprint.core.geojson import feature, geojson_text
from placeprint.core.plane import distances
from placeprint.errors import PhotoError
from placeprint.photos import normalized, read_camera_data, read_photo
from placeprint.places.locating import Locator
from placeprint.types import Floats, Location

COLUMNS = ("path", "latitude", "longitude", "radius_m", "confidence", "place", "best_photo", "note")
"""Of the table; ``placeprint index --gps`` reads it."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """Where a photo may have been taken.

    Args:
        photo: its path.
        location: the position, or None if none is proposed.
        confidence: that the photo shows the place, in [0, 1].
        place: the label of the place, or None.
        best: the path of the photo of the atlas that shows most of it, or None.
        points: ``(m, 2, 2)`` verified matches with that photo: a point in the photo, and in the other.
        known: ``(latitude, longitude)`` that the photo has already, or None.
        near: ``(latitude, longitude)`` of other photos that may show the place, with their paths.
        note: why there is no position, or None.
        size: width and height of the photo in pixels, in which its points are.
    """

    photo: str
    location: Location | None
    confidence: float
    place: str | None
    best: str | None
    points: Floats
    known: tuple[float, float] | None = None
    near: Sequence[tuple[str, float, float]] = ()
    note: str | None = None
    size: tuple[int, int] = (0, 0)

    @property
    def off(self) -> float | None:
        """Meters from the position that the photo has to the proposed one; None if it lacks one of them."""
        if self.known is None or self.location is None:
            return None
        there = np.array([self.location.latitude, self.location.longitude])
        return float(distances(np.array([self.known]), there)[0])


def propose(locator: Locator, photo: Path, exclude: Collection[str] = ()) -> Proposal:
    """Return the proposed position of a photo; the photo itself is excluded from the atlas.

    Raises:
        PhotoError: the photo cannot be used.
    """
    read = read_photo(photo)
    located = locator.locate(read.image, exclude=[str(normalized(photo)), *exclude])
    best = located.candidates[0] if located.candidates else None
    check = best.verification if best is not None else None
    points = np.zeros((0, 2, 2), np.float32) if check is None else check.points[check.inliers]
    near = [(each.path, *each.location) for each in located.candidates if each.location is not None]
    note = located.note or ("not in the atlas" if located.place is None else None)
    return Proposal(
        str(photo),
        located.location,
        located.confidence,
        None if located.place is None else located.place.label,
        None if best is None else best.path,
        points,
        read.location,
        near,
        note if located.location is None else None,
        (read.image.shape[1], read.image.shape[0]),
    )


def as_csv(proposals: Iterable[Proposal]) -> str:
    """Return the proposals as a table; a photo without a position has empty fields."""
    return csv_text(COLUMNS, map(_row, proposals))


def _row(each: Proposal) -> tuple[str, ...]:
    where = each.location
    place = (
        ("", "", "") if where is None else (f"{where.latitude:.7f}", f"{where.longitude:.7f}", f"{where.radius:.1f}")
    )
    return each.photo, *place, f"{each.confidence:.4f}", each.place or "", each.best or "", each.note or ""


def as_geojson(proposals: Iterable[Proposal]) -> str:
    """Return the proposals that have a position as GeoJSON points."""
    return geojson_text(
        feature(
            (where.latitude, where.longitude),
            {
                "photo": each.photo,
                "radius_m": round(where.radius, 1),
                "confidence": round(each.confidence, 4),
                "place": each.place,
                "best_photo": each.best,
            },
            decimals=7,
        )
        for each in proposals
        if (where := each.location) is not None
    )


def has_position(photo: Path) -> bool:
    """Return whether a photo has a position in its file."""
    try:
        return read_camera_data(photo).location is not None
    except PhotoError:
        return False
