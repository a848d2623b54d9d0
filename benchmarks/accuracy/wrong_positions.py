"""Wrong positions among right ones: how many are detected, and by how much located photos move.

    python benchmarks/accuracy/wrong_positions.py [--trials 50]

Photos of gps/lund (a walk) and gps/brighton_beach (a drone), each set as an atlas of its own. In each trial one
position in ten is replaced by one at a random distance, 150 m to 100 km, in a random direction.

- *found*: wrong positions among those that `doctor` reports; *false alarms*: right ones that it reports.
- *none wrong*: right positions that it reports when all are right.
- *moved*: meters between where a photo is located from the others with the wrong positions and without, the median and
  the 90th percentile over all photos and trials.
- *radius*: the radius with the wrong positions by that without, the same.

Writes benchmarks/results/wrong-positions.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from placeprint import Atlas
from placeprint.core.plane import distances, from_plane
from placeprint.evaluation.provenance import made_by
from placeprint.places.doctor import misplaced
from placeprint.places.survey import Survey, neighbors_of, pair_table, survey_atlas
from placeprint.places.whereabouts import KNOWN, Whereabouts
from placeprint.store import PhotoRecord
from placeprint.types import Location

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
SETS = ("lund", "brighton_beach")
NEAREST, FARTHEST = 150.0, 100_000.0
Photos = Mapping[int, PhotoRecord]


def injected(photos: Photos, generator: np.random.Generator) -> tuple[dict[int, PhotoRecord], set[int]]:
    """Return the photos with one wrong position in ten, and which are wrong."""
    ids = sorted(photos)
    wrong = {int(each) for each in generator.choice(ids, max(1, round(len(ids) / 10)), replace=False)}
    changed = dict(photos)
    for photo in sorted(wrong):
        meters = np.exp(generator.uniform(np.log(NEAREST), np.log(FARTHEST)))
        angle = generator.uniform(0, 2 * np.pi)
        offset = meters * np.array([[np.cos(angle), np.sin(angle)]])
        latitude, longitude = from_plane(offset, np.array(photos[photo].location))[0]
        changed[photo] = replace(photos[photo], location=(float(latitude), float(longitude)))
    return changed, wrong


def located(photos: Photos, survey: Survey) -> dict[int, Location]:
    """Return where each photo is located from the others."""
    where, found = Whereabouts(photos, survey), {}
    for photo, seen in survey.items():
        place = where.locate(seen.others, seen.pairs, [photo]) if seen.confidence >= KNOWN else None
        if place is not None:
            found[photo] = place
    return found


def meters_between(one: Location, other: Location) -> float:
    return float(distances(np.array([[one.latitude, one.longitude]]), np.array([other.latitude, other.longitude]))[0])


def measure(name: str, trials: int, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.create(Path(folder) / "atlas")
        atlas.add([DATA / "gps" / name])
        survey, photos = survey_atlas(atlas), dict(atlas.snapshot().usable().items())
    neighbors = neighbors_of(pair_table(survey), list(photos))
    ids, before = {record.path: photo for photo, record in photos.items()}, located(photos, survey)
    generator = np.random.default_rng(seed)
    counts, moved, grown = np.zeros(4, int), list[float](), list[float]()
    for _ in range(trials):
        changed, wrong = injected(photos, generator)
        said = {ids[finding.photo] for finding in misplaced(changed, neighbors)}
        counts += len(said & wrong), len(wrong), len(said - wrong), len(photos) - len(wrong)
        after = located(changed, survey)
        both = sorted(before.keys() & after.keys())
        moved += [meters_between(before[each], after[each]) for each in both]
        grown += [after[each].radius / before[each].radius for each in both]
    return {
        "photos": len(photos),
        "trials": trials,
        "found": round(float(counts[0] / counts[1]), 3),
        "false_alarms": round(float(counts[2] / counts[3]), 4),
        "none_wrong": len(misplaced(photos, neighbors)),
        "moved_median_m": round(float(np.median(moved)), 2),
        "moved_90_m": round(float(np.percentile(moved, 90)), 2),
        "radius_times_median": round(float(np.median(grown)), 2),
        "radius_times_90": round(float(np.percentile(grown, 90)), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS / "wrong-positions.json")
    options = parser.parse_args()
    result: dict[str, Any] = {"format": 1, "made_by": made_by()}
    for name in SETS:
        result[name] = measure(name, options.trials, options.seed)
        print(name, result[name], flush=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
