"""Global descriptors on the same local features: methods x datasets x cost, search only, all in one run.

    python benchmarks/accuracy/descriptors.py [--datasets sf_landmarks,corridor]

Each extractor sees each photo once; every method then learns from the database photos and describes all. Descriptors
are compared as float32 by their cosine, and nothing is stored, so figures differ by a point or so from those of
atlases.

- sf_landmarks, corridor: place folders, recall@1, the database is ranked for each query.
- grocery: class retrieval; the photos of val search those of train, a photo of the same fine class is right; recall@1
  and mAP over the whole ranking.

Rows named "with" join two or three rows by the weighted sum of their cosines, which is what a preset's [[fusion]] does.
``ms_features`` is the median time of the processor that the extractor takes for a photo of the dataset,
``ms_aggregate`` that of the method. Learning words with another seed moves recall@1 by one to two points; SEEDS runs of
each that learns words are averaged (one on grocery), and the spread is given. Writes
benchmarks/results/descriptors.json, one dataset after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.numerics import evenly
from placeprint.datasets.photos.labeled_photos import read_label_list
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.describing.bulk import map_photos
from placeprint.evaluation.metrics import Hits, average_precisions, recall_at
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_image
from placeprint.types import Aggregator, Extractor, Floats, LocalFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
SEEDS = 3
TIMED = 20
"""Photos the extractor is timed on, alone on one core."""
VERY_MANY = 1000
"""Photos above which codebooks are learned from an even sample of so many."""

Named = tuple[str, dict[str, Any]]
"""Name and parameters of a component."""

EXTRACTORS: dict[str, Named] = {
    "xfeat": ("xfeat", {"max_keypoints": 1000, "detection_threshold": 0.02}),
    "sift": (
        "sift",
        {"max_keypoints": 1200, "size": 448, "contrast_threshold": 0.005, "upright": True, "cells": 8},
    ),
    "surf": ("surf", {"max_keypoints": 1000}),
    "hog": ("hog", {"size": 320}),
    "dense-sift": ("dense-sift", {"size": 320, "max_keypoints": 1000}),
    "aliked": ("aliked", {"max_keypoints": 1000}),
    "lite2/16": ("grid", {"stride": 16, "size": 320}),
    "lite2/32": ("grid", {"stride": 32, "size": 480}),
}
POOLINGS: dict[str, Named] = {
    "spoc": ("spoc", {}),
    "spoc, center": ("spoc", {"center_prior": True}),
    "mac": ("mac", {}),
    "gem": ("gem", {}),
    "weighted-gem": ("weighted-gem", {}),
    "crow": ("crow", {}),
    "rmac": ("rmac", {}),
    "rmac, whitened 64": ("rmac", {"whitened_dim": 64}),
}
WORDS: dict[str, Named] = {
    "bow 2048": ("bow", {"num_words": 2048}),
    "vlad 64": ("vlad", {"num_words": 64}),
    "vlad 256": ("vlad", {"num_words": 256}),
    "fisher 64": ("fisher", {"num_gaussians": 64}),
    "netvlad 64": ("netvlad", {"num_clusters": 64}),
}
OPTIONS: dict[str, Named] = {
    "vlad 64, no normalization but L2": ("vlad", {"num_words": 64, "residual_normalization": False, "power": 1.0}),
    "vlad 64, power": ("vlad", {"num_words": 64, "residual_normalization": False}),
    "vlad 64, intra": (
        "vlad",
        {"num_words": 64, "residual_normalization": False, "power": 1.0, "intra_normalization": True},
    ),
    "vlad 64, sum": (
        "vlad",
        {"num_words": 64, "residual_normalization": False, "power": 1.0, "sum_normalization": True},
    ),
    "vlad 64, residual": ("vlad", {"num_words": 64, "residual_normalization": True, "power": 1.0}),
    "vlad 64, 2 assignments": ("vlad", {"num_words": 64, "assignments": 2}),
    "vlad 64, spherical": ("vlad", {"num_words": 64, "spherical": True}),
    "vlad 64, 3 vocabularies": ("vlad", {"num_words": 64, "vocabularies": 3}),
    "regional-vlad 64": ("regional-vlad", {"num_words": 64}),
}
LITE2_VLAD: dict[str, Named] = {
    f"vlad {words}, local PCA": (
        "vlad",
        {
            "num_words": words,
            "assignments": 2,
            "intra_normalization": True,
            "local_dim": 96,
            "local_whitening": 0.25,
        },
    )
    for words in (64, 128)
}
METHODS: dict[str, dict[str, Named]] = {
    "xfeat": WORDS | OPTIONS | {"vlad 1024, 2 assignments": ("vlad", {"num_words": 1024, "assignments": 2})},
    "sift": WORDS,
    "surf": {"vlad 256": WORDS["vlad 256"]},
    "hog": {"vlad 256": WORDS["vlad 256"]},
    "dense-sift": {"vlad 256": WORDS["vlad 256"], "vlad 512": ("vlad", {"num_words": 512})},
    "aliked": {"vlad 256": WORDS["vlad 256"]},
    "lite2/16": POOLINGS | WORDS | LITE2_VLAD,
    "lite2/32": POOLINGS | {"cgd SG": ("cgd", {"config": "SG"}), "vlad 64": WORDS["vlad 64"]},
}
FUSIONS: dict[str, tuple[tuple[str, float], ...]] = {
    "xfeat vlad 1024 with lite2/16 vlad 128": (
        ("xfeat vlad 1024, 2 assignments", 1.0),
        ("lite2/16 vlad 128, local PCA", 1.0),
    ),
    "xfeat vlad 1024 with lite2/32 gem": (("xfeat vlad 1024, 2 assignments", 1.0), ("lite2/32 gem", 0.5)),
    "xfeat vlad 1024 with lite2/16 vlad 128 and dense-sift vlad 512": (
        ("xfeat vlad 1024, 2 assignments", 1.0),
        ("lite2/16 vlad 128, local PCA", 1.0),
        ("dense-sift vlad 512", 0.75),
    ),
}
ON_GROCERY = {
    "xfeat": {"vlad 64": WORDS["vlad 64"]},
    "lite2/16": POOLINGS | {"vlad 64": WORDS["vlad 64"]},
    "lite2/32": METHODS["lite2/32"],
}
"""Methods for the larger set, one codebook each."""
WITHOUT_WORDS = {"spoc", "mac", "gem", "weighted-gem", "crow", "rmac", "cgd"}


@dataclass(frozen=True)
class Task:
    """Photos that search photos.

    Args:
        database: paths.
        queries: paths.
        positives: of each query, indices of database photos.
    """

    database: Sequence[Path]
    queries: Sequence[Path]
    positives: Sequence[frozenset[int]]


def place_folder(name: str) -> Task:
    folder = read_place_folder(DATA / name)
    number = {path: index for index, path in enumerate(folder.database)}
    return Task(
        [folder.root / path for path in folder.database],
        [folder.root / path for path in folder.queries],
        [frozenset(number[path] for path in wanted) for wanted in folder.positives],
    )


def grocery() -> Task:
    database, queries = (read_label_list(DATA / "grocery" / name) for name in ("train.txt", "val.txt"))
    members = [frozenset(np.flatnonzero(database.labels == label).tolist()) for label in range(len(database.classes))]
    paths, wanted = ([photos.root / path for path in photos.paths] for photos in (database, queries))
    return Task(paths, wanted, [members[label] for label in queries.labels_among(database.classes)])


TASKS: dict[str, Callable[[], Task]] = {
    "sf_landmarks": lambda: place_folder("sf_landmarks"),
    "corridor": lambda: place_folder("corridor"),
    "grocery": grocery,
}


def measure(similarities: Floats, positives: Sequence[frozenset[int]]) -> dict[str, float]:
    rankings = np.argsort(-similarities, axis=1, kind="stable").tolist()
    hits = Hits.of(rankings, positives)
    figures = {f"recall@{k}": recall_at(hits.first, k) for k in (1, 5)}
    return figures | {"mAP": float(average_precisions(hits).mean())}


def describe(
    method: Named, seed: int, database: list[LocalFeatures], queries: list[LocalFeatures]
) -> tuple[NDArray[np.float32], int, float]:
    """Return the cosines ``(queries, database)``, the length of a descriptor, and the ms to aggregate one photo."""
    name, params = method
    seeded = params | ({"seed": seed} if name not in WITHOUT_WORDS else {})
    aggregator: Aggregator = registry.create("aggregators", name, seeded)
    aggregator.fit([database[index] for index in evenly(len(database), VERY_MANY)])
    began = time.process_time()
    found = np.stack([aggregator.aggregate(features) for features in [*database, *queries]])
    each = (time.process_time() - began) * 1000 / len(found)
    return found[len(database) :] @ found[: len(database)].T, found.shape[1], each


def rows(dataset: str, task: Task) -> Iterator[dict[str, Any]]:
    known: dict[str, list[NDArray[np.float32]]] = {}
    lengths: dict[str, int] = {}
    for extractor_name, methods in (ON_GROCERY if dataset == "grocery" else METHODS).items():
        name, params = EXTRACTORS[extractor_name]
        extractor: Extractor = registry.create("extractors", name, params)
        times = []
        for path in [task.database[0], *task.queries[:TIMED]]:
            image = read_image(path)
            began = time.process_time()
            extractor.extract(image)
            times.append((time.process_time() - began) * 1000)
        all_features = list(
            map_photos(lambda path, e=extractor: e.extract(read_image(path)), [*task.database, *task.queries])  # type: ignore[misc]  # mypy cannot infer a lambda's default
        )
        database, queries = all_features[: len(task.database)], all_features[len(task.database) :]
        for method_name, method in methods.items():
            label = f"{extractor_name} {method_name}"
            seeds = 1 if method[0] in WITHOUT_WORDS or dataset == "grocery" else SEEDS
            made = [describe(method, seed, database, queries) for seed in range(seeds)]
            known[label], lengths[label] = [similarities for similarities, _, _ in made], made[0][1]
            figures = [measure(similarities, task.positives) for similarities in known[label]]
            yield row(dataset, label, made[0][1], figures) | {
                "ms_features": median(times[1:]),
                "ms_aggregate": median(each for _, _, each in made),
            }
    for label, parts in FUSIONS.items():
        if len(parts) < 2 or any(part not in known for part, _ in parts):
            continue
        count = max(len(known[part]) for part, _ in parts)
        figures = []
        for seed in range(count):
            joined = sum(weight * known[part][seed % len(known[part])] for part, weight in parts)
            figures.append(measure(np.asarray(joined), task.positives))
        yield row(dataset, label, sum(lengths[part] for part, _ in parts), figures)


def row(dataset: str, label: str, length: int, figures: Sequence[dict[str, float]]) -> dict[str, Any]:
    averaged: dict[str, Any] = {name: mean(each[name] for each in figures) for name in figures[0]}
    recalls = [each["recall@1"] for each in figures]
    return (
        {"dataset": dataset, "method": label, "dim": length, "runs": len(figures)}
        | averaged
        | {
            "recall@1 lowest": min(recalls),
            "recall@1 highest": max(recalls),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default=",".join(TASKS), help="of sf_landmarks, corridor, grocery")
    path = RESULTS / "descriptors.json"
    for dataset in parser.parse_args().datasets.split(","):
        kept = json.loads(path.read_text())["rows"] if path.is_file() else []
        found = [each for each in kept if each["dataset"] != dataset]
        for one in rows(dataset, TASKS[dataset]()):
            found.append(one)
            print(f"{dataset} {one['method']}: {one['dim']}-D, R@1 {100 * one['recall@1']:.1f}", flush=True)
        result = {"format": 1, "made_by": made_by(), "seeds": SEEDS, "rows": found}
        path.write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
