"""Pictures for clients: shrunk, as JPEG, without EXIF, never the original file."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from placeprint.errors import PhotoError
from placeprint.photos import read_photo
from placeprint.photos.thumbnails import jpeg
from placeprint.service.problems import Refused
from placeprint.store.home import Home
from placeprint.store.thumbnails import kept_thumbnail
from placeprint.types import Image

LARGEST = 2048
"""Longest side in pixels of pictures."""
KEPT = 512
"""Thumbnails that stay in memory."""


def image_of(path: str) -> Image:
    """Return a photo of the atlas.

    Raises:
        Refused: its file is gone or changed.
    """
    try:
        return read_photo(path).image
    except PhotoError as error:
        raise Refused(404, "the file of this photo is gone or cannot be read") from error


@functools.lru_cache(KEPT)
def thumbnail(path: str, sha256: str, home: Home) -> bytes:
    """Return the thumbnail of a photo of the atlas; where its file is gone, the one that came with a pack.

    Args:
        path: the path of its file.
        sha256: the hash of its content, by which it is remembered.
        home: where the atlas is.

    Raises:
        Refused: its file is gone or cannot be read.
    """
    try:
        return jpeg(image_of(path))
    except Refused:
        kept = kept_thumbnail(home, sha256)
        if kept is None:
            raise
        return kept


def etag(*parts: Any) -> str:
    """Return a tag by which browsers know a picture that they have."""
    return '"' + hashlib.sha256(repr(parts).encode()).hexdigest()[:32] + '"'


def has_already(given: str, tag: str) -> bool:
    """Return whether ``If-None-Match`` names a tag (RFC 9110, 13.1.2); a proxy may have made it weak.

    Example:
        >>> has_already('"a", W/"b"', '"b"'), has_already("*", '"b"'), has_already('"a"', '"b"')
        (True, True, False)
    """
    tags = [each.strip().removeprefix("W/") for each in given.split(",")]
    return tag in tags or "*" in tags
