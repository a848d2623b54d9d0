"""Do contribution maps say which parts of a photo matter? Writes benchmarks/results/occlusion.json.

    python benchmarks/accuracy/occlusion.py [PRESET ...] [--pairs 12]

A black square slides over the query (Zeiler and Fergus, ECCV 2014, section 4.2). Each time the photo is described
again, and the similarity to its right photo falls by something. The contribution map of the whole query says what it
should be: the sum of what the keypoints in the square add. Reported is Spearman's rank correlation of the two over the
positions of the square, per pair: the median and the lowest tenth. The square's side is a third of the photo's
shorter side, its step half of that. Pairs are spread evenly over each set. Presets that are not named keep
their rows.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from placeprint.atlas.learning import first_state
from placeprint.core.numerics import evenly
from placeprint.describing.contributions import Contributions, contributions
from placeprint.describing.describer import Describer
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_image
from placeprint.presets import load_preset
from placeprint.types import Floats, Image, PhotoFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
SETS = ("sf_landmarks", "corridor")
PRESETS = ("xfeat-vlad", "sift-vlad", "lite2-vlad", "balanced", "best")
"""`fast` describes as `xfeat-vlad` does."""
Square = tuple[int, int, int]
"""Left, top and side, in pixels."""


def described(describer: Describer, image: Image) -> PhotoFeatures:
    """Return the features that the descriptor of a photo is made of, without those that only verify."""
    return describer.query_features(image, 0)


def squares(image: Image) -> list[Square]:
    """Return the positions of the square, row by row."""
    height, width = image.shape[:2]
    side = min(height, width) // 3
    return [(x, y, side) for y in range(0, height - side + 1, side // 2) for x in range(0, width - side + 1, side // 2)]


def drops(describer: Describer, image: Image, toward: Floats, places: list[Square]) -> NDArray[np.float64]:
    """Return how much the similarity falls when each of the squares is black."""
    whole = float(describer.descriptor(described(describer, image)) @ toward)
    left = []
    for x, y, side in places:
        hidden = image.copy()
        hidden[y : y + side, x : x + side] = 0
        left.append(float(describer.descriptor(described(describer, hidden)) @ toward))
    return whole - np.array(left)


def inside(found: Contributions, places: list[Square]) -> NDArray[np.float64]:
    """Return the sum of the contributions in each of the squares."""
    points = np.concatenate([part.features.keypoints for part in found.parts])
    values = np.concatenate([part.values for part in found.parts])
    sums = []
    for x, y, side in places:
        within = (points[:, 0] >= x) & (points[:, 0] < x + side) & (points[:, 1] >= y) & (points[:, 1] < y + side)
        sums.append(float(values[within].sum()))
    return np.array(sums)


def measure(describer: Describer, query: Path, database: Path) -> tuple[float, float]:
    """Return the rank correlation of a pair, and by how much the contributions miss its similarity."""
    image = read_image(query)
    features = described(describer, image)
    toward = describer.descriptor(described(describer, read_image(database)))
    found, places = contributions(describer, features, toward), squares(image)
    correlation = spearmanr(inside(found, places), drops(describer, image, toward, places)).statistic
    return float(correlation), abs(found.total - float(describer.descriptor(features) @ toward))


def measure_set(describer: Describer, pairs: list[tuple[Path, Path]]) -> dict[str, Any]:
    """Return the correlations over the pairs of a set."""
    found = np.array([measure(describer, *pair) for pair in pairs])
    return {
        "pairs": len(pairs),
        "median": round(float(np.median(found[:, 0])), 3),
        "lowest_tenth": round(float(np.percentile(found[:, 0], 10)), 3),
        "largest_error": float(found[:, 1].max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("presets", nargs="*", default=PRESETS)
    parser.add_argument("--pairs", type=int, default=12)
    options = parser.parse_args()
    target = RESULTS / "occlusion.json"
    rows: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))["rows"] if target.exists() else {}
    for name in options.presets:
        preset = load_preset(name)
        describer = Describer(preset, first_state(preset))
        rows[name] = {}
        for each in SETS:
            pairs = right_pairs(DATA / each)
            rows[name][each] = measure_set(describer, [pairs[i] for i in evenly(len(pairs), options.pairs)])
            print(name, each, rows[name][each], flush=True)
        result = {"format": 1, "made_by": made_by(), "rows": rows}
        target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def right_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return a right photo for each query of a place folder, the first named."""
    found: dict[Path, Path] = {}
    with (folder / "positives.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(folder / row["query"], folder / row["database"])
    return list(found.items())


if __name__ == "__main__":
    main()
