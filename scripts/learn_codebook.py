"""Learn the codebook that ships with a preset, from photos whose license allows it.

    python scripts/learn_codebook.py xfeat-vlad

Photos, in equal shares of descriptors, so that no kind of scene prevails:

- frames of ie_tower (MIT) and photos of grocery (MIT), spread evenly over each,
- the street walk of gps/lund (BSD-2, from mapillary/OpenSfM),
- the sample photos inside scikit-image and scikit-learn.

PLACEPRINT_DATA says where the first three are. No photo of a benchmark that placeprint reports on (sf_landmarks,
corridor) is used. With --metric, the local projection is learned from descriptors of the same point in a photo and in
its rephotographed copy. With --like, the first descriptor of a preset of several is that of another preset.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vlad import VLAD
from placeprint.codebooks import load_codebook
from placeprint.core import registry
from placeprint.core.numerics import evenly
from placeprint.datasets.photos.sample_photos import PLACES, read_samples, rephotograph
from placeprint.describing.bulk import map_photos
from placeprint.describing.describer import Describer
from placeprint.photos import find_photos, read_image
from placeprint.presets import load_preset
from placeprint.types import Floats, Image, LocalFeatures, PhotoFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[2] / "shared" / "data"))
OUTPUT = Path(__file__).parents[1] / "src" / "placeprint" / "codebooks"
FOLDERS = {"ie_tower/processed_frames": 300, "grocery/train": 150, "gps/lund": 29}
SAMPLE_COPIES = 3
DESCRIPTORS = 160_000


def photos(most: int) -> Iterator[tuple[str, Image, int]]:
    """Yield source, photo and seed, of each folder so many photos at most."""
    seed = 0
    for folder, count in FOLDERS.items():
        paths = list(find_photos([DATA / folder]))
        for index in evenly(len(paths), min(count, most)):
            yield folder, read_image(paths[index]), (seed := seed + 1)
    for image in read_samples(PLACES).values():
        for _ in range(SAMPLE_COPIES):
            yield "samples", image, (seed := seed + 1)


def second_view(image: Image, seed: int) -> tuple[Image, NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    return rephotograph(
        image,
        corners=0.1,
        crop=float(generator.uniform(0.7, 1.2)),
        exposure=float(generator.uniform(0.4, 1.6)),
        blur=float(generator.uniform(0, 1.8)),
        noise=float(generator.uniform(0, 8)),
        seed=seed,
    )


def same_points(first: LocalFeatures, second: LocalFeatures, homography: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Return descriptors of keypoints that are within 2 px (at 640) of each other, each the other's nearest."""
    projected = np.column_stack([first.keypoints, np.ones(len(first))]) @ homography.T
    projected = projected[:, :2] / projected[:, 2:]
    distance = np.linalg.norm(projected[:, None] - second.keypoints[None], axis=2)
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(first))
    same = (distance[rows, nearest] < 2 / 640 * max(first.image_size)) & (distance.argmin(axis=0)[nearest] == rows)
    a = np.asarray(first.descriptors, np.float32)[same]
    b = np.asarray(second.descriptors, np.float32)[nearest[same]]
    return a, b


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("--metric", action="store_true", help="learn the projection of VLAD from pairs")
    parser.add_argument("--like", help="a preset whose shipped [aggregator] is taken as it is")
    parser.add_argument("--photos", type=int, default=300, help="of each folder at most; 1 for poolings without words")
    options = parser.parse_args()
    describer = Describer(load_preset(options.preset))
    describer.features(np.zeros((64, 64, 3), np.uint8))

    def describe(entry: tuple[str, Image, int]) -> tuple[str, PhotoFeatures, PhotoFeatures, NDArray[np.float64]]:
        source, image, seed = entry
        copy, homography = second_view(image, seed)
        return source, describer.features(image), describer.features(copy), homography

    described = list(map_photos(describe, photos(options.photos)))
    taken = load_codebook(options.like) if options.like else {}
    arrays: dict[str, NDArray[Any]] = {}
    for branch in describer.branches:
        if options.like and branch.name == "aggregator":
            arrays |= {name: value for name, value in taken.items() if name.startswith("aggregator.")}
            continue
        features = []
        for name in [*FOLDERS, "samples"]:
            chosen = [views[branch.source] for source, *pair, _ in described if source == name for views in pair]
            chosen = [view for view in chosen if len(view)]
            each = DESCRIPTORS // 4 // len(chosen)
            features += [photo[np.random.default_rng(0).permutation(len(photo))[:each]] for photo in chosen]
        aggregator = branch.aggregator
        if options.metric and isinstance(aggregator, VLAD):
            pairs = [same_points(a[branch.source], b[branch.source], turn) for _, a, b, turn in described]
            first, second = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
            aggregator.fit_metric(first, second).refit(features)
        else:
            aggregator.fit(features)
        arrays |= {f"{branch.name}.{name}": value for name, value in registry.state_of(aggregator).items()}
    kept = {name: _short(value) for name, value in arrays.items()}
    path = OUTPUT / f"{options.preset}.npz"
    np.savez_compressed(path, **kept)  # type: ignore[arg-type]  # the stub takes the last keyword for an option
    print(f"{path.name}: {len(described)} photos, {path.stat().st_size / 1000:.0f} KB")


def _short(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float16) if np.issubdtype(values.dtype, np.floating) else values


if __name__ == "__main__":
    main()
