"""Photos with GPS in their EXIF, each searched among the others: right are those within a number of meters.

The pixels are not read here.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core.map_projection import EQUATOR
from placeprint.core.options import Positive, checked
from placeprint.datasets.photos.labeled_photos import first_few, photos_below
from placeprint.datasets.retrieval_set import PathSets, RetrievalSet, Values
from placeprint.errors import DatasetError, PhotoError
from placeprint.photos import read_camera_data

logger = logging.getLogger(__name__)


@checked
def read_gps_photos(folder: Path, *, radius: Positive = 25.0) -> RetrievalSet:
    """Read a folder.

    Args:
        folder: the folder of the photos, which may be in folders below it.
        radius: the distance in meters within which a photo is right for another one.

    Raises:
        DatasetError: fewer than two photos have GPS.
    """
    placed, degrees, unplaced = [], [], []
    for path in photos_below(folder):
        try:
            location = read_camera_data(folder / path).location
        except PhotoError as error:
            unplaced.append(f"{path}: {error}")
            continue
        if location is None:
            unplaced.append(f"{path}: no GPS")
            continue
        placed.append(path)
        degrees.append(location)
    if len(placed) < 2:
        words = first_few(unplaced) if unplaced else "there are no others"
        raise DatasetError(f"{str(folder)!r} must have at least two photos with GPS, it has {len(placed)}; {words}")
    if unplaced:
        logger.warning("%d photos are skipped: %s", len(unplaced), first_few(unplaced))
    paths = tuple(placed)
    return RetrievalSet(folder, "", paths, paths, PathSets(paths, _near(np.array(degrees), radius)))


def _near(degrees: Values, radius: float) -> list[NDArray[np.intp]]:
    """Return for each position the others within a radius in meters, by their chords through the Earth."""
    latitude, longitude = np.radians(degrees).T
    around = np.cos(latitude)
    points = EQUATOR * np.stack([around * np.cos(longitude), around * np.sin(longitude), np.sin(latitude)], axis=1)
    rows = []
    for place, point in enumerate(points):
        near = np.linalg.norm(points - point, axis=1) <= radius
        near[place] = False
        rows.append(np.flatnonzero(near))
    return rows
