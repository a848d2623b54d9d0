"""COLMAP: SIFT, a vocabulary tree learnt from the database photos, and its two-view verification of 50 candidates.

All goes through its database, since ``VisualIndex.query`` gives nothing to Python in 4.2.1: queries are matched with
what the tree finds, and a photo's score is its count of verified matches; those without follow by their count of
matches. COLMAP takes 15 verified matches for the least, which small photos seldom have; here it is 6, with which more
queries find their place. Other queries that the tree finds do not count, so twice as many are asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.peers.adapters import Scores

VERIFIED = 50
KEYPOINTS = 1000
WORDS = 5000
"""At most: one for 20 features takes too long on one core for the frames of ie_tower."""


class Colmap:
    """pycolmap's functions on a database."""

    def __init__(self) -> None:
        import pycolmap

        pycolmap.logging.minloglevel = pycolmap.logging.Level.ERROR.value
        self.pycolmap: Any = pycolmap
        self._folder = tempfile.TemporaryDirectory(prefix="colmap-")
        self.folder = Path(self._folder.name)
        self.ids: list[int] = []

    def index(self, photos: Sequence[Path]) -> float:
        """See `Peer`."""
        self.ids = self._extract("d", photos)
        with self.pycolmap.Database.open(self.folder / "all.db") as database:
            rows = np.concatenate([database.read_descriptors(i).to_float().data for i in self.ids])
        build = self.pycolmap.VisualIndex.BuildOptions(num_visual_words=min(len(rows) // 20, WORDS), num_threads=1)
        tree = self.pycolmap.VisualIndex.create(128, 64)
        tree.build(build, self.pycolmap.FeatureDescriptorsFloat(self.pycolmap.FeatureExtractorType.SIFT, rows))
        tree.write(self.folder / "tree.bin")
        return float((self.folder / "all.db").stat().st_size)

    def search(self, queries: Sequence[Path]) -> Scores:
        """See `Peer`."""
        asked = self._extract("q", queries)
        (self.folder / "queries.txt").write_text("".join(f"{path.name}\n" for path in sorted(self.folder.glob("q*.*"))))
        pairing = self.pycolmap.VocabTreePairingOptions(num_images=2 * VERIFIED, num_threads=1)
        pairing.vocab_tree_path, pairing.match_list_path = self.folder / "tree.bin", self.folder / "queries.txt"
        matching = self.pycolmap.FeatureMatchingOptions(num_threads=1)
        checking = self.pycolmap.TwoViewGeometryOptions(min_num_inliers=6)
        self.pycolmap.match_vocabtree(self.folder / "all.db", matching, pairing, checking)
        rows, columns = ({number: place for place, number in enumerate(ids)} for ids in (asked, self.ids))
        scores = np.full((len(asked), len(self.ids)), -np.inf)
        with self.pycolmap.Database.open(self.folder / "all.db") as database:
            counts = (database.read_num_matches(), 1e-6), (database.read_two_view_geometry_num_inliers(), 1.0)
        for (pairs, numbers), weight in counts:
            for pair, number in zip(pairs, numbers, strict=True):
                one, other = sorted(self.pycolmap.pair_id_to_image_pair(pair), key=lambda image: image not in rows)
                if one in rows and other in columns:
                    place = rows[one], columns[other]
                    scores[place] = max(scores[place], 0.0) + weight * number
        return scores

    def _extract(self, kind: str, photos: Sequence[Path]) -> list[int]:
        links = [self.folder / f"{kind}{number:06}{photo.suffix}" for number, photo in enumerate(photos)]
        for link, photo in zip(links, photos, strict=True):
            link.symlink_to(photo.resolve())
        options = self.pycolmap.FeatureExtractionOptions(num_threads=1)
        options.sift.max_num_features = KEYPOINTS
        names, database = [link.name for link in links], self.folder / "all.db"
        self.pycolmap.extract_features(database, self.folder, names, extraction_options=options)
        with self.pycolmap.Database.open(database) as found:
            return [found.read_image_with_name(name).image_id for name in names]
