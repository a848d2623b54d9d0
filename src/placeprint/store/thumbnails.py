"""Thumbnails that came with a pack, for photos that are not on this machine."""

from __future__ import annotations

from placeprint.store.home import Home

FOLDER = "thumbnails"


def kept_thumbnail(home: Home, sha256: str) -> bytes | None:
    """Return the JPEG that an atlas keeps of a photo; None if it keeps none.

    Args:
        home: where the atlas is.
        sha256: the hash of the photo's file.
    """
    try:
        return home.read(f"{FOLDER}/{sha256}.jpg")
    except OSError:
        return None
