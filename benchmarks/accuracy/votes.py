"""Search by votes of local features: accuracy among many other photos, size and speed.

    python benchmarks/accuracy/votes.py CACHE [--photos 10000]

First the presets xfeat-votes and xfeat-asmk, unchanged, on sf_landmarks and corridor, search only and with 50 verified.
Then the voters alone, with 500 XFeat keypoints per photo: the database of sf_landmarks by itself, with 5,000 and with
10,000 photos that show none of its places (ie_tower, grocery and crops of them), as they come from
`distractor_features`; CACHE is a folder for their features, about 300 MB and ten minutes the first time. Given are
recall@1, the bytes on disk of the index for a photo, and the median time of a search, warm, after one that is not
counted. Writes benchmarks/results/votes.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.files import write_arrays
from placeprint.core.numerics import evenly
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.describing.bulk import map_photos
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.retrieval import evaluate_retrieval
from placeprint.features.xfeat import XFeat
from placeprint.photos import list_photos, read_image
from placeprint.searching.learning import LEARN_PHOTOS
from placeprint.store.encoding import decode_rows, encode_rows
from placeprint.types import LocalFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
KEYPOINTS = 500
VOTERS = {
    "votes, product codes of 15 bytes": ("votes", {}),
    "votes, 8 bits per value": ("votes", {"code": "sq8"}),
    "asmk": ("asmk", {}),
}
PART = 500
"""Photos in a file."""
SEED = 0


def presets() -> Iterator[dict[str, Any]]:
    for preset in ("xfeat-votes", "xfeat-asmk"):
        for dataset in ("sf_landmarks", "corridor"):
            for verify in (0, 50):
                found = evaluate_retrieval(read_place_folder(DATA / dataset), preset, verify=verify)
                metrics = {name: found.metrics[name] for name in ("recall@1", "recall@5", "mAP")}
                row = {
                    "preset": preset,
                    "dataset": dataset,
                    "verify": verify,
                    "bytes_per_photo": found.bytes_per_photo,
                }
                print(preset, dataset, verify, metrics, flush=True)
                yield row | metrics | {"interval": found.intervals["recall@1"], "timing": asdict(found.timing)}


def described(paths: list[Path]) -> list[LocalFeatures]:
    extractor = XFeat(max_keypoints=KEYPOINTS, detection_threshold=0.02)
    found = []
    for path in paths:
        features = extractor.extract(read_image(path))
        rows = decode_rows(encode_rows(features.descriptors, 6), extractor.dim, 6)  # as an atlas keeps them
        found.append(LocalFeatures(features.keypoints, rows, features.scores, features.image_size))
    return found


def distractor_features(data: Path, cache: Path, count: int, keypoints: int = 500) -> Iterator[list[LocalFeatures]]:
    """Yield XFeat features of ``count`` photos that show none of the places, 500 at a time, from the cache if there.

    They are the frames of ie_tower and the pictures of grocery, in an even mixture; when all were taken, crops of them,
    each with a share of the sides between 0.6 and 0.9 at a place drawn from a seed.

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


def among_others(cache: Path, counts: list[int]) -> Iterator[dict[str, Any]]:
    dataset = read_place_folder(DATA / "sf_landmarks")
    database, queries = (
        described([DATA / "sf_landmarks" / path for path in paths]) for paths in (dataset.database, dataset.queries)
    )
    places = {path: number for number, path in enumerate(dataset.database)}
    positives = [{places[path] for path in each} for each in dataset.positives]
    others = [each for part in distractor_features(DATA, cache, counts[-1], KEYPOINTS) for each in part]
    for name, (kind, params) in VOTERS.items():
        for count in counts:
            photos = database + others[:count]
            voter = registry.create("voters", kind, params)
            began = time.perf_counter()
            voter.fit([photos[place] for place in evenly(len(photos), LEARN_PHOTOS)])
            voter.add(np.arange(len(photos)), photos)
            built = time.perf_counter() - began
            with tempfile.TemporaryDirectory() as folder:
                voter.write(Path(folder))
                size = sum(path.stat().st_size for path in Path(folder).iterdir())
                voter.read(Path(folder))
                hits, seconds = [], []
                for query, wanted in zip(queries[:1] + queries, positives[:1] + positives, strict=True):
                    began = time.perf_counter()
                    ids = voter.search(query, 1).ids.tolist()
                    seconds.append(time.perf_counter() - began)
                    hits.append(bool(wanted & set(ids)))
            row = {"voter": name, "others": count, "photos": len(photos), "recall@1": float(np.mean(hits[1:]))}
            row |= {"bytes_per_photo": size / len(photos), "ms": 1000 * median(seconds[1:]), "build_s": built}
            print(row, flush=True)
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--photos", type=int, default=10_000, help="others at most; a multiple of 1000")
    options = parser.parse_args()
    rows = list(among_others(options.cache, [0, options.photos // 2, options.photos]))
    result = {"format": 1, "made_by": made_by(), "keypoints": KEYPOINTS, "others": rows, "presets": list(presets())}
    (RESULTS / "votes.json").write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
