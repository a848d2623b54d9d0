"""Full descriptors compared with shortened ones, with codebook and PCA learned from photos of another place.

    python benchmarks/accuracy/short.py

`placeprint learn` learns both from ie_tower, a building, every second frame or so. sf_landmarks (streets) and corridor
are then measured with what it learned, unchanged. The rows of a preset differ only in the PCA. Writes
benchmarks/results/short.json.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.describing.preset_learning import learn_preset, read_sample
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.retrieval import evaluate_retrieval

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
PRESETS = ("xfeat-vlad", "lite2-vlad")
WAYS = (
    ("none", 0, 0.0),
    ("1024, power 0", 1024, 0.0),
    ("1024, power 0.25", 1024, 0.25),
    ("512, power 0.25", 512, 0.25),
)
SAMPLE = 1300


def main() -> None:
    rows = []
    photos = DATA / "ie_tower" / "processed_frames"
    for preset in PRESETS:
        sample = read_sample([photos], preset, sample=SAMPLE)
        for pca, length, power in WAYS:
            with tempfile.TemporaryDirectory() as folder:
                path = learn_preset(sample, preset, Path(folder) / preset, whiten=length, power=power)
                found = {
                    dataset: evaluate_retrieval(read_place_folder(DATA / dataset), str(path), codebook="shipped")
                    for dataset in ("sf_landmarks", "corridor")
                }
            recalls = {name: result.metrics["recall@1"] or 0.0 for name, result in found.items()}
            dim, kb = found["corridor"].dim, (found["sf_landmarks"].bytes_per_photo or 0) / 1000
            rows.append({"preset": preset, "pca": pca, "dim": dim, "recall@1": recalls, "kb": kb})
            print(preset, pca, {name: round(100 * recall, 1) for name, recall in recalls.items()}, flush=True)
    result = {"format": 1, "made_by": made_by(), "photos": SAMPLE, "rows": rows}
    (RESULTS / "short.json").write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
