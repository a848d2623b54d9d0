"""pyvisim: VLAD and Fisher vectors of its own SIFT (RootSIFT), cosine; parameters as the package has them.

The package's SIFT looks at every scale of every photo in Python, so it is slow; the codebook is learned from as many
photos as its descriptors fill 100,000 rows, evenly over the database, since its k-means does not end before it
converges.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import Scores

LEARN_PHOTOS = 100
WORDS = {"VLADEmbedder": {"n_clusters": 64}, "FisherVectorEmbedder": {"n_components": 64}}
"""As many as the papers use; the package's own 256 take minutes to learn."""


class Embedder:
    """One of the package's embedders."""

    def __init__(self, name: str) -> None:
        import pyvisim.classic

        self.embedder: Any = getattr(pyvisim.classic, name)(**WORDS[name])
        self.rows: Any = None

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        step = max(1, len(photos) // LEARN_PHOTOS)
        self.embedder.learn(_read(path) for path in photos[::step])
        self.rows = self._embed(photos)
        return float(self.rows.nbytes)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        return np.asarray(self._embed(queries) @ self.rows.T)

    def _embed(self, photos: Sequence[Path]) -> Scores:
        return np.concatenate([np.atleast_2d(self.embedder.embed(_read(path))) for path in photos])


def vlad() -> Embedder:
    """Return the VLAD embedder."""
    return Embedder("VLADEmbedder")


def fisher() -> Embedder:
    """Return the Fisher vector embedder."""
    return Embedder("FisherVectorEmbedder")


def _read(path: Path) -> Any:
    import PIL.Image

    return np.asarray(PIL.Image.open(path).convert("RGB"))
