"""Local features of photos that show none of the places searched for, as many as wanted, kept in a folder.

The frames of ie_tower and the pictures of grocery, in an even mixture; when all were taken, crops of them, each with a
share of the sides between 0.6 and 0.9 at a place drawn from a seed. Made once: about 60 ms of one core a photo.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.bulk import map_photos
from placeprint.features.xfeat import XFeat
from placeprint.images import list_photos, read_image
from placeprint.store.encoding import decode_rows, encode_rows
from placeprint.store.files import write_arrays
from placeprint.types import LocalFeatures

PART = 500
"""Photos in a file."""
SEED = 0


def distractor_features(data: Path, cache: Path, count: int, keypoints: int = 500) -> Iterator[list[LocalFeatures]]:
    """Yield XFeat features of ``count`` photos, 500 photos at a time, from the cache where they are.

    Args:
        data: folder with ie_tower and grocery.
        cache: folder of the features; made when it is not there.
        count: of photos; 500 or a multiple of it.
        keypoints: at most so many a photo.
    """
    extractor = XFeat(max_keypoints=keypoints, detection_threshold=0.02)
    paths = np.array(list_photos([data / "ie_tower", data / "grocery"]), object)
    paths = paths[np.random.default_rng(SEED).permutation(len(paths))]
    for start in range(0, count, PART):
        path = cache / f"xfeat-{keypoints}-{start // PART:03d}.npz"
        if not path.is_file():
            jobs = [(number, Path(paths[number % len(paths)])) for number in range(start, start + PART)]
            extractor.extract(np.zeros((64, 64, 3), np.uint8))  # loads the network before the threads start
            write_arrays(path, _packed(list(map_photos(lambda job: _extract(extractor, job, len(paths)), jobs))))
        with np.load(path) as arrays:
            yield _unpacked(dict(arrays))


def _extract(extractor: XFeat, job: tuple[int, Path], whole: int) -> LocalFeatures:
    number, path = job
    image = read_image(path)
    if number >= whole:
        generator = np.random.default_rng([SEED, number])
        share = generator.uniform(0.6, 0.9)
        height, width = (int(share * side) for side in image.shape[:2])
        top = int(generator.integers(image.shape[0] - height + 1))
        left = int(generator.integers(image.shape[1] - width + 1))
        image = np.ascontiguousarray(image[top : top + height, left : left + width])
    return extractor.extract(image)


def _packed(photos: list[LocalFeatures]) -> dict[str, NDArray[np.generic]]:
    return {
        "counts": np.array([len(photo) for photo in photos]),
        "sizes": np.array([photo.image_size for photo in photos]),
        "keypoints": np.concatenate([photo.keypoints for photo in photos]),
        "descriptors": encode_rows(np.concatenate([photo.descriptors for photo in photos]), 6),
        "scores": np.concatenate([photo.scores for photo in photos]),
    }


def _unpacked(arrays: dict[str, NDArray[np.generic]]) -> list[LocalFeatures]:
    ends = np.cumsum(arrays["counts"])[:-1]
    parts = [np.split(arrays[name], ends) for name in ("keypoints", "descriptors", "scores")]
    return [
        LocalFeatures(keypoints, decode_rows(rows, XFeat().dim, 6), scores, (int(width), int(height)))
        for keypoints, rows, scores, (width, height) in zip(*parts, arrays["sizes"], strict=True)
    ]
