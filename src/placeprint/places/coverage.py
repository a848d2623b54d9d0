"""Where an atlas can recognize a photo: search for each of its photos among the others, like for a new photo.

The survey of a photo shows whether a new photo taken there would be recognized, and where it would be located. A photo
that matches no other is a gap: more photos of its place close it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from placeprint.core.plane import distances, from_plane, to_plane
from placeprint.places.survey import pair_table, survey_atlas
from placeprint.places.whereabouts import KNOWN, Whereabouts
from placeprint.searching.reader import AtlasReader
from placeprint.types import Progress

LIKELY = 0.5
"""Probability from which a pair counts as a photo of the same place."""
CELLS = 24
"""Cells along the longer side of a map."""


@dataclass(frozen=True)
class Covered:
    """What an atlas would say of one of its photos, if it did not have it.

    Args:
        photo: its path.
        location: ``(latitude, longitude)`` of its tag, or None.
        confidence: of the answer, in [0, 1].
        others: count of the photos that likely show the same place.
        error: meters from its tag to where the others locate it, or None.
    """

    photo: str
    location: tuple[float, float] | None
    confidence: float
    others: int
    error: float | None

    @property
    def recognized(self) -> bool:
        """Whether it would be recognized."""
        return self.confidence >= KNOWN


@dataclass(frozen=True)
class Cell:
    """A part of a map.

    Args:
        latitude: of the mean of its photos, in degrees.
        longitude: of the mean, in degrees.
        photos: count of its photos.
        recognized: count of those that would be recognized.
    """

    latitude: float
    longitude: float
    photos: int
    recognized: int


def coverage_of(atlas: AtlasReader, *, progress: Progress | None = None) -> list[Covered]:
    """Return what an atlas would say of each of its photos, the least certain first.

    Raises:
        OptionError: the preset of the atlas gives no probabilities.
    """
    survey = survey_atlas(atlas, progress=progress)
    photos = {photo: record for photo, record in atlas.snapshot().usable().items() if photo in survey}
    others: defaultdict[int, int] = defaultdict(int)
    for pair, probability in pair_table(survey, LIKELY).items():
        for photo in pair:
            others[photo] += probability >= LIKELY
    where = Whereabouts(photos, {photo: survey[photo] for photo in photos})
    found = []
    for photo, record in photos.items():
        seen = survey[photo]
        located = where.locate(seen.others, seen.pairs, [photo]) if seen.confidence >= KNOWN else None
        error = None
        if located is not None and record.location is not None:
            there = np.array([located.latitude, located.longitude])
            error = float(distances(np.array([record.location]), there)[0])
        found.append(Covered(record.path, record.location, seen.confidence, others[photo], error))
    return sorted(found, key=lambda each: (each.confidence, each.photo))


def cells_of(covered: Sequence[Covered]) -> list[Cell]:
    """Return the photos with positions in cells of a grid, up to `CELLS` along a side."""
    located = [(each, each.location) for each in covered if each.location is not None]
    if not located:
        return []
    positions = np.array([location for _, location in located], np.float64)
    origin = positions[len(positions) // 2]
    meters = to_plane(positions, origin)
    step = max(float(np.ptp(meters, axis=0).max()) / CELLS, 1.0)
    members: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row, (east, north) in enumerate(np.floor((meters - meters.min(axis=0)) / step).astype(int).tolist()):
        members[east, north].append(row)
    cells = []
    for rows in members.values():
        latitude, longitude = from_plane(meters[rows].mean(axis=0)[None], origin)[0]
        recognized = sum(located[row][0].recognized for row in rows)
        cells.append(Cell(float(latitude), float(longitude), len(rows), recognized))
    return cells
