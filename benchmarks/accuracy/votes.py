"""Search by votes of local features: how good, among how many others, how large and how quick.

    python benchmarks/accuracy/votes.py CACHE [--photos 10000]

First the presets xfeat-votes and xfeat-asmk as anyone uses them, on sf_landmarks and corridor, search only and with 50
verified. Then the voters alone, with 500 XFeat keypoints a photo: the database of sf_landmarks by itself, with 5,000
and with 10,000 photos that show none of its places (ie_tower, grocery and crops of them), as they come from
`distractor_photos.py`; CACHE is a folder for their features, about 300 MB and ten minutes the first time. Given are
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
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from distractor_photos import distractor_features

from placeprint import registry
from placeprint.datasets.place_folder import read_place_folder
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.retrieval import evaluate_retrieval
from placeprint.features.xfeat import XFeat
from placeprint.images import read_image
from placeprint.numerics import evenly
from placeprint.store.encoding import decode_rows, encode_rows
from placeprint.types import LocalFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
KEYPOINTS = 500
VOTERS = {
    "votes, 8 bits a value": ("votes", {}),
    "votes, product codes of 16 bytes": ("votes", {"code": "pq", "code_bytes": 16}),
    "asmk": ("asmk", {}),
}
LEARNED_FROM = 4000
"""Photos that a voter is learned from at most, as in an atlas."""


def presets() -> Iterator[dict[str, Any]]:
    for preset in ("xfeat-votes", "xfeat-asmk"):
        for dataset in ("sf_landmarks", "corridor"):
            for verify in (0, 50):
                found = evaluate_retrieval(read_place_folder(DATA / dataset), preset, verify=verify)
                metrics = {name: found["metrics"][name] for name in ("recall@1", "recall@5", "mAP")}
                row = {
                    "preset": preset,
                    "dataset": dataset,
                    "verify": verify,
                    "bytes_per_photo": found["bytes_per_photo"],
                }
                print(preset, dataset, verify, metrics, flush=True)
                yield row | metrics | {"interval": found["intervals"]["recall@1"], "timing": found["timing"]}


def described(paths: list[Path]) -> list[LocalFeatures]:
    extractor = XFeat(max_keypoints=KEYPOINTS, detection_threshold=0.02)
    found = []
    for path in paths:
        features = extractor.extract(read_image(path))
        rows = decode_rows(encode_rows(features.descriptors, 6), extractor.dim, 6)  # as an atlas keeps them
        found.append(LocalFeatures(features.keypoints, rows, features.scores, features.image_size))
    return found


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
            voter.fit([photos[place] for place in evenly(len(photos), LEARNED_FROM)])
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
