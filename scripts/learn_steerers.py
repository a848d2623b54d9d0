"""Learn how an extractor's descriptors change when the photo is rotated, for `placeprint.features.steering`.

    python scripts/learn_steerers.py xfeat sift

For each multiple of 30 degrees, one matrix: ridge regression from the descriptors of a photo to those of the same
points in the rotated photo. Photos: frames of ie_tower (MIT), photos of grocery (MIT), and the street walk of gps/lund
(BSD-2). No photo of a benchmark that placeprint reports on (sf_landmarks, corridor) is used. PLACEPRINT_DATA says where
they are.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from placeprint.core import registry
from placeprint.core.numerics import evenly
from placeprint.features.rotating import rotated_features
from placeprint.features.steering import OUTPUT, STEP
from placeprint.photos import find_photos, read_image
from placeprint.types import Extractor, Floats, Image, LocalFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[2] / "shared" / "data"))
FOLDERS = {"ie_tower/processed_frames": 50, "gps/lund": 29, "grocery/train": 20}
EXTRACTORS = {
    "xfeat": {"max_keypoints": 1000, "detection_threshold": 0.02},
    "sift": {"max_keypoints": 1200, "size": 448, "contrast_threshold": 0.005, "upright": True, "cells": 8},
}
NEAR = 3.0
"""Two keypoints so close are the same point, in pixels of a photo whose longest side has 640."""
RIDGE = 1e-3


def photos() -> Iterator[Image]:
    for folder, count in FOLDERS.items():
        paths = list(find_photos([DATA / folder]))
        for index in evenly(len(paths), min(count, len(paths))):
            yield read_image(paths[index])


def same_points(upright: LocalFeatures, rotated: LocalFeatures) -> tuple[Floats, Floats]:
    """Return the descriptors of the points that were found in both, row by row."""
    if not len(upright) or not len(rotated):
        return upright.descriptors[:0], rotated.descriptors[:0]
    distance, first = cKDTree(upright.keypoints).query(rotated.keypoints)
    _, second = cKDTree(rotated.keypoints).query(upright.keypoints)
    near = NEAR * max(upright.image_size) / 640
    kept = (distance < near) & (second[first] == np.arange(len(first)))
    return upright.descriptors[first[kept]], rotated.descriptors[kept]


def learn(extractor: Extractor) -> NDArray[np.float16]:
    """Return ``(360 / STEP - 1, d, d)`` matrices."""
    angles = range(STEP, 360, STEP)
    products = np.zeros((len(angles), extractor.dim, extractor.dim))
    targets, counts = np.zeros_like(products), np.zeros(len(angles))
    for image in photos():
        upright = extractor.extract(image)
        for row, degrees in enumerate(angles):
            before, after = same_points(upright, rotated_features(extractor, image, degrees))
            products[row] += before.T @ before
            targets[row] += before.T @ after
            counts[row] += len(before)
    ridge = RIDGE * counts / extractor.dim
    return np.asarray(
        [np.linalg.solve(p + r * np.eye(len(p)), t) for p, t, r in zip(products, targets, ridge, strict=True)],
        np.float16,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=sorted(EXTRACTORS))
    for name in parser.parse_args().names:
        matrices = learn(registry.create("extractors", name, EXTRACTORS[name]))
        np.savez_compressed(OUTPUT / f"{name}.npz", matrices=matrices)
        print(f"{name}: {matrices.shape}")


if __name__ == "__main__":
    main()
