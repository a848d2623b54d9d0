"""Cached results about an atlas, in its folder ``cache``, which may be deleted at any time.

A file is valid only with the key it was written with: everything besides the photos that its content depends on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import arrays_of, write_arrays
from placeprint.errors import PhotoError, PlaceprintError
from placeprint.photos.opening import stamp_of_path
from placeprint.places.graph import evidence_model
from placeprint.searching.snapshot import Snapshot
from placeprint.store import PhotoRecord

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[np.generic]]


def cache_of(now: Snapshot) -> Path:
    """Return the folder where results of an atlas are kept."""
    return now.stored.folder / "cache"


def read_kept(path: Path, key: str) -> Arrays:
    """Return what is kept in a file; nothing if there is none, it is damaged, or it was written with another key."""
    if not path.is_file():
        return {}
    try:
        arrays = arrays_of(path.read_bytes())
        return arrays if str(arrays.pop("key")) == key else {}
    except Exception as error:  # damaged archives raise nearly anything
        logger.warning("the cache in %s is rebuilt: %s", path, error)
        return {}


def write_kept(path: Path, key: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Keep arrays in a file; where it cannot be written, they are not kept."""
    try:
        write_arrays(path, {"key": np.array(key), **arrays})
    except PlaceprintError as error:
        logger.warning("the results are not cached: %s", error)


def is_unchanged(photo: PhotoRecord) -> bool:
    """Return whether the file of a photo has the size and the time that it was added with."""
    try:
        return stamp_of_path(photo.path) == (photo.file_size, photo.file_time)
    except (OSError, ValueError, PhotoError):
        return False


def prints_of(now: Snapshot) -> dict[int, str]:
    """Return a fingerprint of the content of each usable photo of an atlas, by id."""
    return {photo: record.sha256[:16] for photo, record in now.usable().items()}


def answers_key(now: Snapshot) -> str:
    """Return what answers of an atlas follow from, beside its photos: learned state, calibration, evidence model."""
    calibration = None if now.calibration is None else now.calibration.as_data()
    model = evidence_model(now)
    return f"{now.stored.state_name} {_digest((calibration, model.pair.as_data(), model.first.as_data()))}"


def constants_key(*modules: ModuleType) -> str:
    """Return what results follow from that depend on the constants of modules."""
    return _digest(
        {
            f"{module.__name__}.{name}": value
            for module in modules
            for name, value in sorted(vars(module).items())
            if name.isupper() and isinstance(value, int | float | str)
        }
    )


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
