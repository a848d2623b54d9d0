"""Do contribution maps show which parts of a photo matter? Writes benchmarks/results/occlusion.json.

    python benchmarks/accuracy/occlusion.py [PRESET ...] [--pairs 12]

A square slides over the query (Zeiler and Fergus, ECCV 2014, section 4.2). Each time the similarity to its right photo
falls by something. The contribution map of the whole query says what it should be: the sum of what the keypoints in
the square add. Reported is Spearman's rank correlation of the two over the positions of the square, per pair: the
median and the lowest tenth. The square hides what is in it in three ways:

- *black*: it is black, and the photo is described again. Its border makes keypoints of its own.
- *blurred*: it shows a blurred photo with a soft border, which makes hardly any.
- *removed*: the photo is as it was, and the keypoints in the square are taken away. Nothing else changes, so this says
  how well the map predicts what its keypoints are worth, normalizations included.

The square's side is a third of the photo's shorter side, its step half of that. Pairs are spread evenly over each set.
All rows come from one run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from placeprint.core.numerics import evenly
from placeprint.describing.contributions import Contributions, contributions
from placeprint.describing.describer import Describer
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_image
from placeprint.presets import load_preset
from placeprint.searching.learning import first_state
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


def black(image: Image, square: Square) -> Image:
    """Return a photo with a black square."""
    x, y, side = square
    hidden = image.copy()
    hidden[y : y + side, x : x + side] = 0
    return hidden


def blurred(image: Image, square: Square) -> Image:
    """Return a photo that is blurred in a square, with a soft border."""
    x, y, side = square
    weight = np.zeros(image.shape[:2], np.float32)
    weight[y : y + side, x : x + side] = 1
    soft = np.asarray(cv2.GaussianBlur(weight, (0, 0), side / 12), np.float32)[..., None]
    smooth = cv2.GaussianBlur(image, (0, 0), side / 4)
    return np.asarray(np.rint(image * (1 - soft) + smooth * soft), np.uint8)


def without(features: PhotoFeatures, square: Square) -> PhotoFeatures:
    """Return the features of a photo without those in a square."""
    return tuple(each[~within(each.keypoints, square)] for each in features)


def within(points: Floats, square: Square) -> NDArray[np.bool_]:
    """Return which of ``(n, 2)`` points are in a square."""
    x, y, side = square
    return np.asarray(((points >= (x, y)) & (points < (x + side, y + side))).all(axis=1))


def drops(describer: Describer, image: Image, toward: Floats, places: list[Square]) -> dict[str, NDArray[np.float64]]:
    """Return how much the similarity falls when each of the squares hides what is in it, by the way of hiding."""
    features = described(describer, image)

    def similarity(seen: PhotoFeatures) -> float:
        return float(describer.descriptor(seen) @ toward)

    ways: dict[str, Callable[[Square], PhotoFeatures]] = {
        "black": lambda square: described(describer, black(image, square)),
        "blurred": lambda square: described(describer, blurred(image, square)),
        "removed": lambda square: without(features, square),
    }
    whole = similarity(features)
    return {name: whole - np.array([similarity(way(each)) for each in places]) for name, way in ways.items()}


def inside(found: Contributions, places: list[Square]) -> NDArray[np.float64]:
    """Return the sum of the contributions in each of the squares."""
    points = np.concatenate([part.features.keypoints for part in found.parts])
    values = np.concatenate([part.values for part in found.parts])
    return np.array([float(values[within(points, square)].sum()) for square in places])


def measure(describer: Describer, query: Path, database: Path) -> dict[str, float]:
    """Return the rank correlations of a pair, and by how much the contributions miss its similarity."""
    image = read_image(query)
    features = described(describer, image)
    toward = describer.descriptor(described(describer, read_image(database)))
    found, places = contributions(describer, features, toward), squares(image)
    expected = inside(found, places)
    seen = drops(describer, image, toward, places)
    correlations = {name: float(spearmanr(expected, fall).statistic) for name, fall in seen.items()}
    return correlations | {"error": abs(found.total - float(describer.descriptor(features) @ toward))}


def measure_set(describer: Describer, pairs: list[tuple[Path, Path]]) -> dict[str, Any]:
    """Return the correlations over the pairs of a set."""
    found = [measure(describer, *pair) for pair in pairs]
    row: dict[str, Any] = {"pairs": len(pairs), "largest_error": max(each.pop("error") for each in found)}
    for name in found[0]:
        values = [each[name] for each in found]
        row[name] = {
            "median": round(float(np.median(values)), 3),
            "lowest_tenth": round(float(np.percentile(values, 10)), 3),
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("presets", nargs="*", default=PRESETS)
    parser.add_argument("--pairs", type=int, default=12)
    options = parser.parse_args()
    target = RESULTS / "occlusion.json"
    rows: dict[str, Any] = {}
    for name in options.presets:
        preset = load_preset(name)
        describer = Describer(preset, first_state(preset))
        rows[name] = {}
        for each in SETS:
            pairs = right_pairs(DATA / each)
            rows[name][each] = measure_set(describer, [pairs[i] for i in evenly(len(pairs), options.pairs)])
            print(name, each, rows[name][each], flush=True)
    result = {"format": 2, "made_by": made_by(), "rows": rows}
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
