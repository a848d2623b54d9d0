"""ALIKED's models on rotated photos: pairs of one place confirmed without trying rotations.

    python benchmarks/accuracy/aliked_rotations.py [--pairs 12] [--models aliked-n16 aliked-n16rot aliked-n32]

Queries of sf_landmarks are rotated (with black corners between the quarters) and matched with a photo of the same
place, by mutual nearest neighbors with a ratio test and one robust model; and with the photo of the next pair, which
shows another place. Confirmed means "same place". Writes benchmarks/results/aliked-rotations.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from placeprint.core.numerics import evenly
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.evaluation.provenance import made_by
from placeprint.features.aliked import ALIKED
from placeprint.pairs import MATCHERS
from placeprint.photos import read_image, rotate_image
from placeprint.types import LocalFeatures
from placeprint.verification.two_view import TwoView

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results" / "aliked-rotations.json"
ANGLES = (0, 15, 30, 45, 90, 180)
MODELS = ("aliked-n16", "aliked-n16rot", "aliked-n32")


def pairs(count: int) -> list[tuple[Path, Path]]:
    """Return queries with a photo of their place, evenly spread."""
    folder = DATA / "sf_landmarks"
    dataset = read_place_folder(folder)
    known = [(query, min(found)) for query, found in zip(dataset.queries, dataset.positives, strict=True) if found]
    return [(folder / known[place][0], folder / known[place][1]) for place in evenly(len(known), count)]


def measure(model: str, chosen: list[tuple[Path, Path]]) -> dict[str, Any]:
    """Return the share of right pairs confirmed by angle, of wrong pairs, and CPU seconds per photo."""
    extractor, verifier = ALIKED(model=model), TwoView(matcher=dict(MATCHERS["mutual-ratio"]))
    began = time.process_time()
    database = [extractor.extract(read_image(path)) for _, path in chosen]
    seconds = (time.process_time() - began) / len(chosen)
    right: dict[str, int] = {}
    wrong = 0

    def confirmed(query: LocalFeatures, place: int) -> bool:
        return verifier.verdict(verifier.verify(query, [database[place]])[0]) == "same place"

    for angle in ANGLES:
        queries = [extractor.extract(rotate_image(read_image(path), angle)) for path, _ in chosen]
        right[str(angle)] = sum(confirmed(query, place) for place, query in enumerate(queries))
        wrong += sum(confirmed(query, (place + 1) % len(chosen)) for place, query in enumerate(queries))
    return {"confirmed": right, "wrong_confirmed": wrong, "pairs": len(chosen), "cpu_seconds": round(seconds, 2)}


def main() -> None:
    """Measure the models; results of others are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))["models"] if RESULTS.is_file() else {}
    for model in options.models:
        kept[model] = measure(model, pairs(options.pairs))
        print(model, json.dumps(kept[model]), flush=True)
        RESULTS.write_text(json.dumps({"made_by": made_by(), "models": kept}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
