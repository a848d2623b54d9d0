"""Methods of other packages behind one interface, one file each, called as their documentation says.

An adapter is made (imports and models: not timed), is given all photos of a database to index, and then all queries to
search. It imports its package when it is made, so that one that is missing fails alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]


class Peer(Protocol):
    """A method of image retrieval."""

    def index(self, photos: Sequence[Path]) -> float:
        """Learn from the photos what must be learned, hold what is searched; return the bytes held in all."""

    def search(self, queries: Sequence[Path]) -> Scores:
        """Return ``(q, n)`` scores of the held photos, higher is better; ``-inf`` for those that are not found."""


PEERS = {
    "pyvisim VLAD": "pyvisim_embedders:vlad",
    "pyvisim Fisher": "pyvisim_embedders:fisher",
    "vlad (PyPI)": "vlad_package:VladPackage",
    "imret": "imret_package:Imret",
    "ORB votes, FAISS binary": "orb_votes:OrbVotes",
    "COLMAP vocabulary tree, 50 verified": "colmap:Colmap",
    "SIFT bag of words": "bag_of_words:BagOfWords",
    "ImageHash pHash": "perceptual_hash:PerceptualHash",
    "kornia XFeat, plain VLAD": "plain_vlad:PlainVlad",
}
"""Where each adapter is."""


def load_peer(name: str) -> Peer:
    """Make the adapter of a name of `PEERS`; raises what its package raises."""
    module, _, made = PEERS[name].partition(":")
    make: Callable[[], Peer] = getattr(import_module(f"{__name__}.{module}"), made)
    return make()
