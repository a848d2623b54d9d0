"""The cameras of photos, as COLMAP models them: a focal length and one coefficient of radial distortion."""

from __future__ import annotations

from typing import Any

from placeprint.errors import PhotoError
from placeprint.photos import read_photo

MODEL = "SIMPLE_RADIAL"
GUESS = 1.2
"""Focal length in longest sides of a photo, where EXIF has none, as COLMAP guesses."""


def focal_of(path: str) -> float | None:
    """Return the focal length of a photo in pixels by its EXIF, or None."""
    try:
        return read_photo(path).focal
    except PhotoError:
        return None


def camera(size: tuple[int, int], focal: float | None) -> Any:
    """Return a camera of pycolmap.

    Args:
        size: width and height in pixels.
        focal: the focal length in pixels, or None if it is not known.
    """
    import pycolmap

    width, height = size
    length = focal or GUESS * max(size)
    made = pycolmap.Camera.create_from_model_name(0, MODEL, length, width, height)
    made.has_prior_focal_length = focal is not None
    return made
