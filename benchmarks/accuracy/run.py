"""Measure every preset on every place folder and write one JSON file a run into benchmarks/results.

    python benchmarks/accuracy/run.py [--only xfeat-vlad]

PLACEPRINT_DATA says where the benchmark photos are. benchmarks/table.py makes the table of the files.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.evaluation.retrieval import evaluate_retrieval

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results" / "accuracy"
PRESETS = ("xfeat-vlad", "sift-vlad")
OTHERS = (
    "fusion",
    "xfeat-lite2",
    "lite2-vlad",
    "netvlad",
    "lite2-gem",
    "lite2-rmac",
    "cgd",
    "xfeat-fisher",
    "sift-bow",
)
DATASETS = ("sf_landmarks", "corridor")
CODEBOOKS = ("own", "adapted", "shipped")
TURNS = (90, 180, 270, 30)


def runs() -> Iterator[dict[str, Any]]:
    """Yield the options of every run."""
    for preset in PRESETS:
        for dataset in DATASETS:
            run = {"preset": preset, "dataset": dataset, "codebook": "own", "verify": 0, "turn": 0}
            yield from (run | {"codebook": codebook} for codebook in CODEBOOKS)
            yield run | {"verify": 50}
    for preset in OTHERS:
        for dataset in DATASETS:
            for verify in (0, 50):
                yield {"preset": preset, "dataset": dataset, "codebook": "own", "verify": verify, "turn": 0}
    turned = {"preset": "xfeat-vlad", "dataset": "sf_landmarks", "codebook": "own", "verify": 50}
    yield from (turned | {"turn": turn} for turn in TURNS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="runs whose file name contains this")
    only = parser.parse_args().only
    RESULTS.mkdir(parents=True, exist_ok=True)
    for run in runs():
        name = "-".join(str(run[key]) for key in ("dataset", "preset", "codebook", "verify", "turn"))
        if only not in name:
            continue
        dataset = read_place_folder(DATA / run["dataset"])
        result = evaluate_retrieval(
            dataset, run["preset"], verify=run["verify"], codebook=run["codebook"], turn=run["turn"]
        )
        for query in (
            *result["queries"],
            *result["not_in_database"],
        ):  # the first twenty say it all; the whole rankings are megabytes
            for key in ("ranking", "similarities", "scores", "inliers"):
                query[key] = query[key][:20]
        (RESULTS / f"{name}.json").write_text(json.dumps(result, allow_nan=False) + "\n")
        print(f"{name}: R@1 {100 * result['metrics']['recall@1']:.1f}", flush=True)


if __name__ == "__main__":
    main()
