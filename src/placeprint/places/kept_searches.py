"""Cached searches for lone photos from earlier runs, as long as they are still valid.

A search is valid while the photo and its results are unchanged. A new photo could match an old lone one in some
rotation. If the new photo is alone too, its own search shows it; otherwise the old ones are searched again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from placeprint.places.kept import answers_key, cache_of, prints_of, read_kept, write_kept
from placeprint.searching.snapshot import Snapshot

FILE = "searches.npz"


@dataclass(frozen=True)
class Looked:
    """What a search for a photo among the others found.

    Args:
        confidence: of the answer.
        best: the id of the photo that shows the same place, or None.
        rotated: degrees counter-clockwise by which the photo has to be rotated to look like others, by their ids.
    """

    confidence: float
    best: int | None
    rotated: Mapping[int, int]

    @property
    def others(self) -> set[int]:
        """The photos that show what the photo shows."""
        return {*self.rotated} | ({self.best} if self.best is not None else set())


class KeptSearches:
    """The searches that are kept beside an atlas.

    Args:
        now: the atlas.
        constants: what the searches depend on, beside the atlas.
    """

    def __init__(self, now: Snapshot, constants: str) -> None:
        self._prints = prints_of(now)
        self._path = cache_of(now) / FILE
        self._key = f"{constants} {answers_key(now)}"

    def read(self, lone: Collection[int]) -> dict[int, Looked]:
        """Return what is kept of the searches for lone photos, and still holds.

        Args:
            lone: the ids of all photos that are searched, if nothing is kept of them.
        """
        held = read_kept(self._path, self._key)
        if not held:
            return {}
        before = dict(zip(held["photos"].tolist(), held["prints"].tolist(), strict=True))
        same = {photo for photo, known in self._prints.items() if before.get(photo) == known}
        if not set(self._prints) - same <= set(lone):
            return {}
        rotated: dict[int, dict[int, int]] = {}
        for photo, other, degrees in held["rotated"].tolist():
            rotated.setdefault(photo, {})[other] = degrees
        found = {
            photo: Looked(confidence, None if best < 0 else best, rotated.get(photo, {}))
            for photo, best, confidence in zip(
                held["searched"].tolist(), held["best"].tolist(), held["confidences"].tolist(), strict=True
            )
        }
        return {photo: each for photo, each in found.items() if photo in lone and {photo, *each.others} <= same}

    def write(self, found: Mapping[int, Looked]) -> None:
        """Keep searches; where the folder cannot be written, they are not kept."""
        rotated = [(photo, *pair) for photo, each in found.items() for pair in each.rotated.items()]
        arrays = {
            "photos": np.array(list(self._prints), np.int64),
            "prints": np.array(list(self._prints.values())),
            "searched": np.array(list(found), np.int64),
            "best": np.array([-1 if each.best is None else each.best for each in found.values()], np.int64),
            "confidences": np.array([each.confidence for each in found.values()]),
            "rotated": np.array(rotated, np.int64).reshape(-1, 3),
        }
        write_kept(self._path, self._key, arrays)
