"""Find the photos at given paths or below them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from placeprint.errors import AtlasMissingError
from placeprint.photos import normalized
from placeprint.store.stored_photos import StoredPhotos


def ids_below(places: Sequence[str], photos: StoredPhotos) -> set[int]:
    """Return the ids of the photos at some paths or below them.

    Raises:
        AtlasMissingError: one of the paths has no photo.
    """
    paths = [str(normalized(place)) for place in places]
    known = photos.of_paths(paths)
    chosen = {record.id for record in known.values()}
    folders = {path: place for path, place in zip(paths, places, strict=True) if path not in known}
    if not folders:
        return chosen
    found: set[str] = set()
    for photo, path in zip(photos.ids.tolist(), photos.paths(), strict=True):
        inside = folders.keys() & _folders_of(path)
        if inside:
            chosen.add(photo)
            found |= inside
    for path, place in folders.items():
        if path not in found:
            raise AtlasMissingError(f"the atlas has no photo {place!r}; nothing was removed")
    return chosen


def _folders_of(path: str) -> set[str]:
    """Return the folders that a path is below."""
    found = set()
    while (above := os.path.dirname(path)) != path:  # noqa: PTH120  # a Path each takes 20 times as long
        found.add(above)
        path = above
    return found
