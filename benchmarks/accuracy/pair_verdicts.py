"""How often is the verdict "same place" for two photos of different places?

    python benchmarks/accuracy/pair_verdicts.py

All 101 x 101 pairs of sf_landmarks, each judged by itself as ``placeprint match --no-turns`` does with the default
matcher; writes benchmarks/results/pair-verdicts.json. The truth names one photo for each query. Some photos it calls
different show the same building or its neighbor: the rates are upper bounds, and the pairs are listed to be looked at.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core import registry
from placeprint.core.threads import one_core_for_products
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.evaluation.provenance import made_by
from placeprint.pairs import matcher_params
from placeprint.photos import read_image
from placeprint.types import Extractor, LocalFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
METHODS = ("xfeat", "sift", "harris", "orb")
VERDICTS = ("same place", "possible", "not confirmed")


def measure(dataset: RetrievalSet, features: str) -> dict[str, Any]:
    """Return counts of verdicts over the right and the wrong pairs, and what a count of inliers would do."""
    extractor: Extractor = registry.create("extractors", features)
    queries, database = (_described(extractor, dataset, photos) for photos in (dataset.queries, dataset.database))
    verifier = registry.create("verifiers", "two-view", {"matcher": matcher_params(features, None)})
    right = np.array([[photo in wanted for photo in dataset.database] for wanted in dataset.positives])
    verdicts, inliers, strength = (np.zeros(right.shape, kind) for kind in (object, int, float))
    with one_core_for_products():
        for row, query in enumerate(queries):
            for column, check in enumerate(verifier.verify(query, database)):
                verdicts[row, column] = verifier.verdict(check)
                inliers[row, column], strength[row, column] = check.num_inliers, check.strength
    confirmed = [
        [dataset.queries[row], dataset.database[column], round(float(strength[row, column]), 1)]
        for row, column in np.argwhere(~right & (verdicts == "same place"))
    ]
    return {
        "right": {verdict: int((verdicts[right] == verdict).sum()) for verdict in VERDICTS},
        "wrong": {verdict: int((verdicts[~right] == verdict).sum()) for verdict in VERDICTS},
        "best_is_right": {
            "by significance": int(right[np.arange(len(right)), strength.argmax(axis=1)].sum()),
            "by inliers": int(right[np.arange(len(right)), inliers.argmax(axis=1)].sum()),
        },
        "most_inliers_of_a_wrong_pair": int(inliers[~right].max()),
        "confirmed_but_called_different": sorted(confirmed, key=lambda entry: -entry[2]),
    }


def _described(extractor: Extractor, dataset: RetrievalSet, photos: tuple[str, ...]) -> list[LocalFeatures]:
    return [extractor.extract(read_image(dataset.root / photo)) for photo in photos]


def main() -> None:
    dataset = read_place_folder(DATA / "sf_landmarks")
    result: dict[str, Any] = {
        "format": 1,
        "made_by": made_by(),
    }
    for features in METHODS:
        result[features] = measure(dataset, features)
        row = result[features]
        print(features, row["right"], row["wrong"], row["best_is_right"], row["confirmed_but_called_different"][:20])
    (RESULTS / "pair-verdicts.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
