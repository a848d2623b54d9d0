"""Read the frames of a video, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from placeprint.core.options import Positive, checked
from placeprint.errors import PhotoError
from placeprint.types import Image

SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp")
"""Names of videos end like this."""
USUAL_RATE = 25.0
"""Frames per second where a video does not say."""


def is_video(path: Path) -> bool:
    """Return whether a path is named like a video."""
    return path.suffix.lower() in SUFFIXES


@checked
def read_frames(path: Path, seconds: Positive = 1.0) -> Iterator[tuple[float, Image]]:
    """Yield frames of a video: their time in seconds, and ``(H, W, 3)`` uint8 RGB, upright.

    Args:
        path: the path of the video.
        seconds: between two frames.

    Raises:
        PhotoError: the file is missing, or no frame of it can be decoded.
    """
    if not path.is_file():
        raise PhotoError(f"there is no video {str(path)!r}")
    film = cv2.VideoCapture(str(path))
    try:
        rate = film.get(cv2.CAP_PROP_FPS)
        rate = rate if np.isfinite(rate) and rate > 0 else USUAL_RATE
        number = taken = 0
        while film.grab():
            if number >= taken * seconds * rate:
                good, picture = film.retrieve()
                if good:
                    yield number / rate, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
                    taken += 1
            number += 1
    finally:
        film.release()
    if not taken:
        raise PhotoError(f"no frame of the video {str(path)!r} can be decoded")
