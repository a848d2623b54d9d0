"""Measure every preset on every place folder; writes a summary of each run into benchmarks/results/accuracy.json.

    python benchmarks/accuracy/run.py [--only xfeat-vlad] [--output build/accuracy]

PLACEPRINT_DATA says where the benchmark photos are. benchmarks/table.py makes the table of the file. The whole results,
with the ranking of every query, are written to the output.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.evaluation.measures import in_words
from placeprint.evaluation.result_files import as_data, write_result
from placeprint.evaluation.retrieval import evaluate_retrieval

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
SUMMARY = Path(__file__).parents[1] / "results" / "accuracy.json"
KEPT = (
    "dataset",
    "protocol",
    "preset",
    "options",
    "metrics",
    "intervals",
    "timing",
    "dim",
    "bytes_per_photo",
    "made_by",
)
"""Parts of a result that stand in the summary."""
PRESETS = ("xfeat-vlad", "sift-vlad")
OTHERS = (
    "balanced",
    "fast",
    "best",
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
ROTATIONS = (90, 180, 270, 30)


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
    yield from (turned | {"turn": turn} for turn in ROTATIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="runs whose name contains this")
    parser.add_argument("--output", type=Path, default=Path("build") / "accuracy", help="folder of the whole results")
    options = parser.parse_args()
    summary: dict[str, Any] = json.loads(SUMMARY.read_text()) if SUMMARY.is_file() else {"format": 2, "runs": {}}
    for run in runs():
        name = "-".join(str(run[key]) for key in ("dataset", "preset", "codebook", "verify", "turn"))
        if options.only not in name:
            continue
        dataset = read_place_folder(DATA / run["dataset"])
        result = evaluate_retrieval(
            dataset, run["preset"], verify=run["verify"], codebook=run["codebook"], turn=run["turn"]
        )
        write_result(options.output / f"{name}.json", result)
        data = as_data(result)
        summary["runs"][name] = {key: data[key] for key in KEPT}
        SUMMARY.write_text(json.dumps(summary, allow_nan=False, indent=1) + "\n")
        print(f"{name}: R@1 {in_words('recall@1', result.metrics['recall@1'])}", flush=True)


if __name__ == "__main__":
    main()
