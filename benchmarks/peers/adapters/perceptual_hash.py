"""ImageHash: the perceptual hash of 64 bits, by Hamming distance. It is made to find copies, not places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import Scores


class PerceptualHash:
    """``imagehash.phash``."""

    def __init__(self) -> None:
        import imagehash

        self.phash: Any = imagehash.phash
        self.held: list[Any] = []

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        self.held = [self._hash(path) for path in photos]
        return 8.0 * len(photos)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        found = [self._hash(path) for path in queries]
        return np.array([[-float(one - other) for other in self.held] for one in found])

    def _hash(self, path: Path) -> Any:
        import PIL.Image

        return self.phash(PIL.Image.open(path))
