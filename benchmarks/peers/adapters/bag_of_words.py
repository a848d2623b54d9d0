"""OpenCV's SIFT and a bag of words: k-means by FAISS, histograms with idf, cosine.

OpenCV's own BOWKMeansTrainer is not in the wheels of OpenCV 5, so the codebook is learned by FAISS.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import Scores

KEYPOINTS = 1000
WORDS = 1000
LEARN = 100_000


class BagOfWords:
    """SIFT histograms."""

    def __init__(self) -> None:
        import cv2
        import faiss

        self.sift = cv2.SIFT.create(nfeatures=KEYPOINTS)
        self.faiss: Any = faiss
        self.kmeans: Any = None
        self.idf: Any = None
        self.rows: Any = None

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        found = [self._describe(path) for path in photos]
        rows = np.concatenate(found)
        words = min(WORDS, len(rows) // 10)
        self.kmeans = self.faiss.Kmeans(128, words, niter=10, seed=1, min_points_per_centroid=1)
        self.kmeans.train(rows[np.random.default_rng(0).permutation(len(rows))[:LEARN]])
        counts = np.stack([self._count(each, words) for each in found])
        self.idf = np.log(len(photos) / np.maximum((counts > 0).sum(axis=0), 1))
        self.rows = _unit(counts * self.idf)
        return float(self.rows.astype(np.float32).nbytes)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        counts = np.stack([self._count(self._describe(path), len(self.idf)) for path in queries])
        return np.asarray(_unit(counts * self.idf) @ self.rows.T)

    def _count(self, rows: Any, words: int) -> Any:
        return np.bincount(self.kmeans.assign(rows)[1] if len(rows) else [], minlength=words)

    def _describe(self, path: Path) -> Any:
        import cv2

        picture: Any = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found = self.sift.detectAndCompute(picture, None)[1]
        return np.zeros((0, 128), np.float32) if found is None else found


def _unit(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
