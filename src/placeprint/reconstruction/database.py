"""A COLMAP database of an atlas: cameras, images, keypoints, matches, two-view geometries, GPS as pose priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core.packages import required
from placeprint.core.threads import map_cores
from placeprint.errors import WriteError
from placeprint.reconstruction import PIXEL
from placeprint.reconstruction.cameras import camera, focal_of
from placeprint.reconstruction.matching import matched_pairs, rows_of
from placeprint.reconstruction.pairing import ImagePair, NamedPhotos
from placeprint.reconstruction.sources import Source, StoredFeatures
from placeprint.searching.snapshot import Snapshot
from placeprint.store import PhotoRecord
from placeprint.types import Progress

CHUNK = 64
SEED = 0
PYCOLMAP = "a model of the scene needs pycolmap", "reconstruction"
"""The message if it is not installed, see `core.packages.required`."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        images: photos.
        matched: pairs with matches.
        verified: pairs with a two-view geometry.
    """

    images: int
    matched: int
    verified: int


def export_database(
    now: Snapshot,
    pairs: Sequence[ImagePair],
    path: Path,
    source: Source | None = None,
    *,
    shared_camera: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a COLMAP database.

    Args:
        now: the atlas.
        pairs: the pairs that are matched and verified.
        path: the file; it must not exist.
        source: gives the features; None for what the atlas stores.
        shared_camera: whether photos of one size have one camera; else only those whose EXIF gives the same focal
            length have one.
        progress: called with the count of pairs done and of all.

    Raises:
        PackageError: pycolmap is not installed.
        WriteError: the file exists or cannot be written.
    """
    with required(*PYCOLMAP):
        import pycolmap
    if path.exists():
        raise WriteError(f"{str(path)!r} exists; give another name, or remove it")
    pycolmap.set_random_seed(SEED)
    source = source or StoredFeatures(now)
    photos, names = now.usable(), NamedPhotos.of(now.usable()).names
    try:
        with pycolmap.Database.open(path) as database:
            cameras = _write_cameras(database, photos, shared_camera=shared_camera)
            numbers = {number: _write_image(database, names[number], cameras[number]) for number in sorted(photos)}
            points = _write_keypoints(database, source, numbers)
            done = [0, 0]
            for count, (pair, matches) in enumerate(matched_pairs(source, pairs), start=1):
                rows, both = rows_of(matches), (numbers[pair.first], numbers[pair.second])
                if len(rows):
                    database.write_matches(*both, rows)
                    found = pycolmap.estimate_two_view_geometry(
                        cameras[pair.first], points[pair.first], cameras[pair.second], points[pair.second], rows
                    )
                    database.write_two_view_geometry(*both, found)
                    done = [done[0] + 1, done[1] + bool(len(found.inlier_matches))]
                if progress is not None:
                    progress(count, len(pairs))
    except (OSError, RuntimeError, ValueError) as error:
        path.unlink(missing_ok=True)
        raise WriteError(f"the database {str(path)!r} cannot be written: {error}") from error
    return Exported(len(numbers), *done)


def _write_cameras(database: Any, photos: Mapping[int, PhotoRecord], *, shared_camera: bool) -> dict[int, Any]:
    """Write the cameras; return that of each photo."""
    ids = sorted(photos)
    focals = dict(zip(ids, map_cores(lambda number: focal_of(photos[number].path), ids), strict=True))
    known: dict[tuple[object, ...], Any] = {}
    found = {}
    for number in ids:
        record, focal = photos[number], focals[number]
        size = record.width, record.height
        own = None if shared_camera or focal is not None else number
        key = (size, None if shared_camera else focal, own)
        if key not in known:
            made = camera(size, focal)
            made.camera_id = database.write_camera(made)
            known[key] = made
        found[number] = known[key]
    return found


def _write_image(database: Any, name: str, own: Any) -> int:
    import pycolmap

    number = database.write_image(pycolmap.Image(name=name, camera_id=own.camera_id))
    return int(number)


def _write_keypoints(database: Any, source: Source, numbers: Mapping[int, int]) -> dict[int, Any]:
    """Write the keypoints; return them by id, in COLMAP's pixels."""
    ids, found = sorted(numbers), {}
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        for number, features in zip(chunk, source.features(chunk), strict=True):
            points = np.ascontiguousarray(features.keypoints + PIXEL, np.float32)
            database.write_keypoints(numbers[number], points)
            found[number] = points.astype(np.float64)
    return found
