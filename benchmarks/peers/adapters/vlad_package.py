"""The package VLAD (PyPI): SIFT, 16 words, folders in and HDF5 files out.

It works on folders only, so links to the photos are made. It returns an order without scores, so a photo's score is its
rank.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import Scores


class VladPackage:
    """The package's one class."""

    def __init__(self) -> None:
        from VLAD.vlad import VLAD

        self.vlad: Any = VLAD()
        self._folder = tempfile.TemporaryDirectory(prefix="vlad-")
        self.folder = Path(self._folder.name)
        self.count = 0

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        self.count = len(photos)
        self.vlad.fit(_linked(self.folder / "database", photos), out_path=self.folder / "vlads.h5")
        return float((self.folder / "vlads.h5").stat().st_size)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        import h5py

        found = self.folder / "found.h5"
        self.vlad.query(_linked(self.folder / "queries", queries), self.folder / "vlads.h5", found, self.count)
        scores = np.full((len(queries), self.count), -np.inf, np.float32)
        with h5py.File(found) as file:
            for name, photos in file.items():
                places = [int(Path(photo.decode()).stem) for photo in photos[()]]
                scores[int(Path(name).stem), places] = -np.arange(len(places), dtype=np.float32)
        return scores


def _linked(folder: Path, photos: Sequence[Path]) -> Path:
    folder.mkdir()
    for number, photo in enumerate(photos):
        (folder / f"{number:06}{photo.suffix}").symlink_to(photo.resolve())
    return folder
