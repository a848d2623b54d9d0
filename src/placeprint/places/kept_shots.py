"""Cached sketches and comparisons of shots, so that a second run over an archive decodes hardly any photo.

They are stored by the hashes of the files, in the folder ``cache`` of an atlas, which may be deleted at any time. A
file whose size or time has changed since it was added is read again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.places import parallax, shot_sketch, shots
from placeprint.places.kept import Arrays, constants_key, is_unchanged, read_kept, write_kept
from placeprint.store import PhotoRecord

FILE = "shots.npz"
Sketch = NDArray[np.float16]


@dataclass(frozen=True)
class Compared:
    """What a comparison of two files found.

    Args:
        agreement: the 5th percentile of their correlations if they are the same shot, else 0.
        rotation: degrees counter-clockwise by which the first has to be rotated to look like the second, in [0, 360).
    """

    agreement: float
    rotation: float

    @property
    def is_same_shot(self) -> bool:
        """Whether both are copies of one shot."""
        return self.agreement > 0

    def reversed(self) -> Compared:
        """Return the comparison of the second with the first."""
        return Compared(self.agreement, -self.rotation % 360)


class KeptShots:
    """Sketches and comparisons of earlier looks; empty where there is no folder, or what it has is damaged.

    Args:
        folder: where they are kept, or None to keep nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / FILE
        self._sketches: dict[str, Sketch] = {}
        self._compared: dict[tuple[str, str], Compared] = {}
        arrays = {} if self._path is None else read_kept(self._path, _key())
        if arrays:
            names, pairs = arrays["names"].tolist(), arrays["pairs"].tolist()
            sketches = np.asarray(arrays["sketches"], np.float16)
            self._sketches = dict(zip(names, sketches, strict=True))
            self._compared = {
                (one, two): Compared(*each) for (one, two), each in zip(pairs, arrays["found"].tolist(), strict=True)
            }

    def sketch(self, photo: PhotoRecord) -> Sketch | None:
        """Return the cached sketch of a photo; None if there is none for its current file."""
        return self._sketches.get(photo.sha256) if is_unchanged(photo) else None

    def compared(self, first: PhotoRecord, second: PhotoRecord) -> Compared | None:
        """Return the cached comparison; None if there is none for the current files."""
        if not (is_unchanged(first) and is_unchanged(second)):
            return None
        there, back = (self._compared.get(pair) for pair in _both_ways(first, second))
        return back.reversed() if there is None and back is not None else there

    def add_sketch(self, photo: PhotoRecord, sketch: Sketch) -> None:
        """Keep the sketch of a photo, unless its file has changed since it was added."""
        if is_unchanged(photo):
            self._sketches[photo.sha256] = sketch

    def add_compared(self, first: PhotoRecord, second: PhotoRecord, found: Compared) -> None:
        """Keep what a comparison found, unless a file has changed since it was added."""
        if is_unchanged(first) and is_unchanged(second):
            self._compared[first.sha256, second.sha256] = found

    def write(self, photos: Collection[PhotoRecord]) -> None:
        """Write what is kept of some photos; where the folder cannot be written, nothing is kept."""
        if self._path is None:
            return
        known = {photo.sha256 for photo in photos} - {""}
        sketches = {name: sketch for name, sketch in self._sketches.items() if name in known}
        compared = {pair: found for pair, found in self._compared.items() if known.issuperset(pair)}
        arrays: Arrays = {
            "names": np.array(list(sketches), "U64"),
            "sketches": np.array(list(sketches.values()), np.float16).reshape(-1, shot_sketch.DIM),
            "pairs": np.array(list(compared), "U64").reshape(-1, 2),
            "found": np.array([(each.agreement, each.rotation) for each in compared.values()]).reshape(-1, 2),
        }
        write_kept(self._path, _key(), arrays)


def _both_ways(first: PhotoRecord, second: PhotoRecord) -> tuple[tuple[str, str], tuple[str, str]]:
    return (first.sha256, second.sha256), (second.sha256, first.sha256)


def _key() -> str:
    return constants_key(shots, shot_sketch, parallax)
