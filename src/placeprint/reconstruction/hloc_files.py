"""Features and matches in hloc's layout: two HDF5 files that its own programs read.

``features.h5`` has a group for each image with ``keypoints`` (n, 2), ``descriptors`` (d, n), ``scores`` (n,) and
``image_size`` (2,). Coordinates of hloc's keypoints start at the center of the first pixel, like ours. ``matches.h5``
has ``A/B`` for a pair, where ``/`` in a name is written ``-``: ``matches0`` (n,), the row in B of each keypoint of A or
-1, and ``matching_scores0``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from placeprint.core.files import written_aside
from placeprint.core.packages import required
from placeprint.reconstruction.matching import matched_pairs
from placeprint.reconstruction.pairing import ImagePair, NamedPhotos
from placeprint.reconstruction.sources import StoredFeatures
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Progress

FEATURES, MATCHES = "features.h5", "matches.h5"
CHUNK = 64


def write_hloc(
    now: Snapshot, pairs: Sequence[ImagePair], folder: Path, *, progress: Progress | None = None
) -> tuple[Path, Path]:
    """Write the features of an atlas and the matches of pairs; return the paths of the two files.

    Args:
        now: the atlas.
        pairs: pairs of its photos.
        folder: the folder of the files, made if needed.
        progress: called with the count of pairs done and of all.

    Raises:
        PackageError: h5py is not installed.
        WriteError: the disk is full or the folder cannot be written.
    """
    with required("hloc's files need h5py", "reconstruction"):
        import h5py
    names, ids = NamedPhotos.of(now.usable()).names, sorted(now.usable())
    counts: dict[int, int] = {}
    with written_aside(folder / FEATURES) as path, h5py.File(path, "w") as file:
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            for number, features in zip(chunk, now.features_of(chunk, 0), strict=True):
                group = file.create_group(names[number])
                group.create_dataset("keypoints", data=features.keypoints.astype(np.float32))
                group.create_dataset("descriptors", data=features.descriptors.T.astype(np.float16))
                group.create_dataset("scores", data=features.scores.astype(np.float32))
                group.create_dataset("image_size", data=np.array(features.image_size, np.int64))
                counts[number] = len(features)
    with written_aside(folder / MATCHES) as path, h5py.File(path, "w") as file:
        for count, (pair, matches) in enumerate(matched_pairs(StoredFeatures(now), pairs), start=1):
            rows = np.full(counts[pair.first], -1, np.int32)
            scores = np.zeros(counts[pair.first], np.float16)
            rows[matches.pairs[:, 0]], scores[matches.pairs[:, 0]] = matches.pairs[:, 1], matches.scores
            group = file.create_group("/".join(names[n].replace("/", "-") for n in (pair.first, pair.second)))
            group.create_dataset("matches0", data=rows)
            group.create_dataset("matching_scores0", data=scores)
            if progress is not None:
                progress(count, len(pairs))
    return folder / FEATURES, folder / MATCHES
