"""Milliseconds per candidate pair, matched and verified, side by side in one run.

    python benchmarks/speed/pairs.py

One query of sf_landmarks against fifty photos of its database, 1000 XFeat keypoints each, extraction not counted. The
plain loop is what a script does: one product of matrices, mutual neighbors, one homography by MAGSAC++ a pair, with the
libraries' threads as they come. Rounds alternate, the median of the rounds is given. Writes
benchmarks/results/pairs-speed.json.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.threads import one_core_for_products
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos, read_image
from placeprint.types import LocalFeatures, Verifier
from placeprint.verification.matching import match_candidates

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
CANDIDATES = 50
ROUNDS = 15


def plain_loop(query: LocalFeatures, candidates: list[LocalFeatures]) -> list[int]:
    """Return the inliers with each candidate."""
    counts = []
    for candidate in candidates:
        similarity = query.descriptors @ candidate.descriptors.T
        nearest, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
        rows = np.flatnonzero(back[nearest] == np.arange(len(query)))
        _, inliers = cv2.findHomography(
            query.keypoints[rows],
            candidate.keypoints[nearest[rows]],
            cv2.USAC_MAGSAC,
            3.0,
            maxIters=1000,
            confidence=0.999,
        )
        counts.append(0 if inliers is None else int(inliers.sum()))
    return counts


def measured(work: Callable[[], object]) -> float:
    """Return the seconds of a call; what ran before has come to rest."""
    time.sleep(0.2)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def products(query: LocalFeatures, candidates: list[LocalFeatures]) -> dict[str, float]:
    """Return ms per pair of finding mutual neighbors, by how the products of descriptors are made."""
    import torch

    rows = [candidate.descriptors for candidate in candidates]
    together = np.concatenate(rows)
    ends = np.cumsum([len(each) for each in rows])[:-1]

    def mutual(similarity: NDArray[np.float32]) -> None:
        nearest = similarity.argmax(axis=1)
        np.flatnonzero(similarity.argmax(axis=0)[nearest] == np.arange(len(similarity)))

    def one_product() -> None:
        for part in np.split(query.descriptors @ together.T, ends, axis=1):
            mutual(part)

    def half_precision() -> None:
        first, second = (torch.from_numpy(each).bfloat16() for each in (query.descriptors, together))
        for part in np.split((first @ second.T).float().numpy(), ends, axis=1):
            mutual(part)

    seconds: dict[str, list[float]] = {}
    for _ in range(5):
        with one_core_for_products():
            spent = measured(lambda: match_candidates(query.descriptors, rows))
        seconds.setdefault("neighbors: a product for each candidate, on all cores", []).append(spent)
        seconds.setdefault("neighbors: one product for all", []).append(measured(one_product))
        seconds.setdefault("neighbors: one product for all in bfloat16", []).append(measured(half_precision))
    return {name: 1000 * median(spent) / len(candidates) for name, spent in seconds.items()}


def main() -> None:
    extractor = registry.create("extractors", "xfeat")
    query_path = next(iter(find_photos([DATA / "sf_landmarks" / "queries"])))
    paths = list(find_photos([DATA / "sf_landmarks" / "database"]))[:CANDIDATES]
    query, *candidates = (extractor.extract(read_image(path)) for path in [query_path, *paths])
    floor = {"name": "nearest", "min_similarity": 0.8}
    verifiers: dict[str, Verifier] = {
        "mutual-geometry": registry.create("verifiers", "mutual-geometry"),
        "two-view homography": registry.create("verifiers", "two-view", {"matcher": floor, "model": "homography"}),
        "two-view auto": registry.create("verifiers", "two-view", {"matcher": floor}),
    }
    seconds: dict[str, list[float]] = {"plain loop": [], **{name: [] for name in verifiers}}
    for _ in range(ROUNDS):
        seconds["plain loop"].append(measured(lambda: plain_loop(query, candidates)))
        for name, verifier in verifiers.items():
            with one_core_for_products():
                seconds[name].append(measured(partial(verifier.verify, query, candidates)))
    rows = {name: 1000 * median(spent) / CANDIDATES for name, spent in seconds.items()}
    rows |= products(query, candidates)
    for name, each in rows.items():
        print(f"{name}: {each:.2f} ms per pair, {rows['plain loop'] / each:.1f} x as quick as the plain loop")
    result = {
        "format": 1,
        "made_by": made_by(),
        "candidates": CANDIDATES,
        "keypoints": len(query),
        "ms_per_pair": rows,
    }
    (RESULTS / "pairs-speed.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
