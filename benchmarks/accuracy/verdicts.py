"""How often is a verdict wrong? Writes benchmarks/results/verdicts.json.

    python benchmarks/accuracy/verdicts.py

An atlas of the database of sf_landmarks is asked for photos that are in it (its queries) and for photos that are not
(its seven others, frames of ie_tower, photos of grocery), all in all rotations, which give chance twelve tries. This is
where the thresholds ``sure`` and ``possible`` of the presets come from.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from placeprint import Atlas
from placeprint.core.numerics import evenly
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
PRESETS = ("xfeat-vlad", "sift-vlad")
ELSEWHERE = {"ie_tower/processed_frames": 40, "grocery/val": 20, "sf_landmarks/not_in_database": 7}
VERDICTS = ("same place", "possible", "not confirmed")


def elsewhere() -> Iterator[Path]:
    for folder, count in ELSEWHERE.items():
        paths = list(find_photos([DATA / folder]))
        for index in evenly(len(paths), count):
            yield paths[index]


def measure(preset: str) -> dict[str, Any]:
    dataset = read_place_folder(DATA / "sf_landmarks")
    found: dict[str, list[tuple[str, float]]] = {"right": [], "wrong": [], "elsewhere": []}
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        atlas.add([DATA / "sf_landmarks" / "database"])
        for query, wanted in zip(dataset.queries, dataset.positives, strict=True):
            first = atlas.search(DATA / "sf_landmarks" / query, top=1).evidence[0]
            right = any(first.path.endswith(photo) for photo in wanted)
            found["right" if right else "wrong"].append((first.verdict, _strength(first)))
        for path in elsewhere():
            evidence = atlas.search(path, top=1).evidence
            if evidence:
                found["elsewhere"].append((evidence[0].verdict, _strength(evidence[0])))
    return {
        kind: {
            "count": len(rows),
            "verdicts": {verdict: sum(row[0] == verdict for row in rows) for verdict in VERDICTS},
            "strength": dict(zip(("5%", "50%", "95%", "100%"), _percentiles(rows), strict=True)),
        }
        for kind, rows in found.items()
    }


def _strength(evidence: Any) -> float:
    return float(evidence.verification.strength)


def _percentiles(rows: list[tuple[str, float]]) -> list[float]:
    return [round(float(value), 2) for value in np.percentile([row[1] for row in rows], [5, 50, 95, 100])]


def main() -> None:
    result: dict[str, Any] = {
        "format": 1,
        "made_by": made_by(),
    }
    for preset in PRESETS:
        result[preset] = measure(preset)
        print(preset, json.dumps(result[preset]))
    (RESULTS / "verdicts.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
