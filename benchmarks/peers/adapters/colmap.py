"""COLMAP: SIFT, a vocabulary tree learned from the database photos, and its two-view verification of 50 candidates.

``VisualIndex.query`` gives nothing to Python in 4.2.1, so queries are matched with what the tree finds. A photo's score
is its count of verified matches, or less than one by its count of matches. COLMAP verifies no photo with fewer than 15,
which small photos seldom have: with 6, more queries find their place. Other queries are found, too, and do not count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import Scores

VERIFIED, INLIERS, KEYPOINTS = 50, 6, 1000
WORDS, PER_WORD = 5000, 20  # words at most, and features that each is learned from: more take hours on one core


class Colmap:
    """pycolmap's functions on a database."""

    def __init__(self) -> None:
        import pycolmap

        pycolmap.logging.minloglevel = pycolmap.logging.Level.ERROR.value
        self.colmap: Any = pycolmap
        self.folder = tempfile.TemporaryDirectory(prefix="colmap-")
        self.path = Path(self.folder.name)
        self.ids: list[int] = []

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        self.ids, rows = self._extract("d", photos)
        words = min(len(rows) // PER_WORD, WORDS)
        rows = rows[np.random.default_rng(0).permutation(len(rows))[: PER_WORD * WORDS]]
        build = self.colmap.VisualIndex.BuildOptions(num_visual_words=words, num_threads=1)
        tree = self.colmap.VisualIndex.create(128, 64)
        tree.build(build, self.colmap.FeatureDescriptorsFloat(self.colmap.FeatureExtractorType.SIFT, rows))
        tree.write(self.path / "tree.bin")
        return float((self.path / "all.db").stat().st_size)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        asked, _ = self._extract("q", queries)
        (self.path / "queries.txt").write_text("".join(f"{link.name}\n" for link in sorted(self.path.glob("q*.*"))))
        pairing = self.colmap.VocabTreePairingOptions(num_images=2 * VERIFIED, num_threads=1)
        pairing.vocab_tree_path, pairing.match_list_path = self.path / "tree.bin", self.path / "queries.txt"
        matching = self.colmap.FeatureMatchingOptions(num_threads=1)
        checking = self.colmap.TwoViewGeometryOptions(min_num_inliers=INLIERS)
        self.colmap.match_vocabtree(self.path / "all.db", matching, pairing, checking)
        rows, columns = ({number: place for place, number in enumerate(ids)} for ids in (asked, self.ids))
        scores = np.full((len(asked), len(self.ids)), -np.inf)
        with self.colmap.Database.open(self.path / "all.db") as database:
            counts = (database.read_num_matches(), 1e-6), (database.read_two_view_geometry_num_inliers(), 1.0)
        for (pairs, numbers), weight in counts:
            for pair, number in zip(pairs, numbers, strict=True):
                one, other = sorted(self.colmap.pair_id_to_image_pair(pair), key=lambda image: image not in rows)
                if one in rows and other in columns:
                    place = rows[one], columns[other]
                    scores[place] = max(scores[place], 0.0) + weight * number
        return scores

    def _extract(self, kind: str, photos: Sequence[Path]) -> tuple[list[int], Any]:
        names = [f"{kind}{number:06}{photo.suffix}" for number, photo in enumerate(photos)]
        for name, photo in zip(names, photos, strict=True):
            (self.path / name).symlink_to(photo.resolve())
        options = self.colmap.FeatureExtractionOptions(num_threads=1)
        options.sift.max_num_features = KEYPOINTS
        self.colmap.extract_features(self.path / "all.db", self.path, names, extraction_options=options)
        with self.colmap.Database.open(self.path / "all.db") as database:
            ids = [database.read_image_with_name(name).image_id for name in names]
            return ids, np.concatenate([database.read_descriptors(i).to_float().data for i in ids])
