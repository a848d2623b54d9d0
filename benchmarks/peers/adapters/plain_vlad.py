"""kornia's XFeat and VLAD written plainly: 64 words, hard assignment, residuals summed, unit length, nothing else.

It uses the same keypoints as placeprint's default, so the difference comes from everything after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import Scores

KEYPOINTS = 1000
WORDS = 64


class PlainVlad:
    """``kornia.feature.XFeat.detectAndCompute``."""

    def __init__(self) -> None:
        import faiss
        import torch
        from kornia.feature import XFeat

        from placeprint.networks.fitting import fit_into
        from placeprint.networks.weights import load_weights

        self.torch, self.faiss, self.xfeat = torch, faiss, XFeat(KEYPOINTS).eval()
        fit_into(self.xfeat.net, load_weights("xfeat"))
        self.kmeans: Any = None
        self.rows: Any = None

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        found = [self._describe(path) for path in photos]
        rows = np.concatenate(found)
        self.kmeans = self.faiss.Kmeans(rows.shape[1], WORDS, niter=20, seed=1, min_points_per_centroid=1)
        self.kmeans.train(rows)
        self.rows = np.stack([self._vlad(each) for each in found])
        return float(self.rows.nbytes)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        return np.asarray(np.stack([self._vlad(self._describe(path)) for path in queries]) @ self.rows.T)

    def _describe(self, path: Path) -> Any:
        import PIL.Image

        image = np.asarray(PIL.Image.open(path).convert("RGB"))
        tensor = self.torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        with self.torch.inference_mode():
            return self.xfeat.detectAndCompute(tensor, top_k=KEYPOINTS)[0]["descriptors"].numpy()

    def _vlad(self, rows: Any) -> Any:
        words = self.kmeans.assign(rows)[1]
        sums = np.zeros_like(self.kmeans.centroids)
        np.add.at(sums, words, rows - self.kmeans.centroids[words])
        return sums.ravel() / max(float(np.linalg.norm(sums)), 1e-12)
