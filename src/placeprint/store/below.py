"""Find the photos at given paths or below them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from placeprint.errors import AtlasMissingError
from placeprint.photos import normalized
from placeprint.store.records import PhotoRecord


def ids_below(places: Sequence[str], records: Collection[PhotoRecord]) -> set[int]:
    """Return the ids of the photos at some paths or below them.

    Raises:
        AtlasMissingError: one of the paths has no photo.
    """
    ids = {record.path: record.id for record in records}
    chosen: set[int] = set()
    folders: dict[str, set[int]] = {}
    for place in places:
        path = str(normalized(place))
        if path in ids:
            chosen.add(ids[path])
            continue
        if not folders:
            folders = _by_folder(records)
        if path not in folders:
            raise AtlasMissingError(f"the atlas has no photo {place!r}; nothing was removed")
        chosen |= folders[path]
    return chosen


def _by_folder(records: Collection[PhotoRecord]) -> dict[str, set[int]]:
    """Return the ids of the photos below each folder."""
    found: dict[str, set[int]] = {}
    for record in records:
        folder = record.path
        while (above := os.path.dirname(folder)) != folder:  # noqa: PTH120  # a Path each takes 20 times as long
            found.setdefault(above, set()).add(record.id)
            folder = above
    return found
