"""Thumbnails that came with a pack, for photos that are not on this machine."""

from __future__ import annotations

from pathlib import Path

FOLDER = "thumbnails"


def kept_thumbnail(folder: Path, sha256: str) -> bytes | None:
    """Return the JPEG that an atlas keeps of a photo; None if it keeps none.

    Args:
        folder: the folder of the atlas.
        sha256: the hash of the photo's file.
    """
    try:
        return (folder / FOLDER / f"{sha256}.jpg").read_bytes()
    except OSError:
        return None
