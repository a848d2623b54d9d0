"""ORB keypoints that vote for photos through a FAISS binary index with inverted lists, as imret's documents describe.

Each keypoint of a query votes for the photo of its nearest keypoint by Hamming distance, if that is below 64 of 256.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import Scores

KEYPOINTS = 1000
NEAR = 64


class OrbVotes:
    """OpenCV's ORB and FAISS."""

    def __init__(self) -> None:
        import cv2
        import faiss

        self.orb = cv2.ORB.create(nfeatures=KEYPOINTS)
        self.faiss: Any = faiss
        self.searched: Any = None
        self.owners = np.zeros(0, np.int64)
        self.count = 0

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        found = [self._describe(path) for path in photos]
        rows, self.count = np.concatenate(found), len(photos)
        self.owners = np.repeat(np.arange(self.count), [len(each) for each in found])
        cells = max(1, int(len(rows) ** 0.5) // 2)
        self.searched = self.faiss.IndexBinaryIVF(self.faiss.IndexBinaryFlat(256), 256, cells)
        self.searched.train(rows)
        self.searched.add(rows)
        self.searched.nprobe = max(1, cells // 8)
        return float(rows.nbytes + self.owners.nbytes)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        return np.stack([self._votes(self._describe(path)) for path in queries])

    def _votes(self, rows: Any) -> Scores:
        if not len(rows):
            return np.zeros(self.count)
        distances, nearest = (each[:, 0] for each in self.searched.search(rows, 1))
        kept = self.owners[nearest[(distances < NEAR) & (nearest >= 0)]]
        return np.bincount(kept, minlength=self.count).astype(np.float64)

    def _describe(self, path: Path) -> Any:
        import cv2

        picture: Any = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found = self.orb.detectAndCompute(picture, None)[1]
        return np.zeros((0, 32), np.uint8) if found is None else found
