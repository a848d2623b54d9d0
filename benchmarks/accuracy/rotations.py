"""How long a photo of an unknown place takes, and how many rotated photos are recognized.

    python benchmarks/accuracy/rotations.py [--queries 25] [--presets balanced fast] [--every-rotation]

- *time*: CPU seconds of a query whose place is in the atlas, of one whose place is not, and the ratio of the medians;
  both kinds alternate in one run. Known are those that are confirmed upright. The estimate which way is up was learned
  from photos of ie_tower, grocery and gps, but not of sf_landmarks and corridor, so the ratio is also given by place.
- *found*: recall@1 of the queries of each folder in its own atlas, rotated by each angle; those between the quarters
  have black corners then, but "30, cropped" has none.
- *accepted*: queries of one folder that an atlas of another calls "same place": photos of sf_landmarks, grocery, gps
  and ie_tower asked of an atlas of corridor, and the others of one of sf_landmarks.

Writes benchmarks/results/rotations.json. With --every-rotation, all rotations get a whole look.
`match` is measured in the same way on right and wrong pairs of sf_landmarks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from placeprint import Atlas, match
from placeprint.core.numerics import evenly
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.evaluation.provenance import made_by
from placeprint.features.rotating import ROTATIONS
from placeprint.photos import crop_image, find_photos, read_image, rotate_image
from placeprint.types import Answer, Image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
FOLDERS = ("sf_landmarks", "corridor")
ANGLES = (0, 30, 45, 90, 180, 270, 17, 137, 221)
TILT = 30
ELSEWHERE = {
    "sf_landmarks": ("corridor/queries", "grocery/val", "gps", "ie_tower/processed_frames"),
    "corridor": ("sf_landmarks/queries", "grocery/val"),
}


def spread(folder: str, count: int) -> list[Image]:
    paths = list(find_photos([DATA / folder]))
    return [read_image(paths[index]) for index in evenly(len(paths), count)]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result and the processor's seconds: the machine may be busy with other things."""
    began = time.process_time()
    return work(), time.process_time() - began


def tilted(image: Image, degrees: float) -> Image:
    """Rotate an image, and crop the largest part of its shape that has no black corners: as a tilted camera sees it."""
    height, width = image.shape[:2]
    whole = rotate_image(image, degrees)
    factor = min(width / whole.shape[1], height / whole.shape[0])
    x, y = (
        (outside - inside * factor) / 2 for outside, inside in zip(whole.shape[1::-1], (width, height), strict=True)
    )
    return crop_image(whole, (x, y, whole.shape[1] - x, whole.shape[0] - y))


def rotated(atlas: Atlas, folder: str, count: int, angles: Sequence[int]) -> dict[str, float]:
    """Return recall@1 in percent at each angle, and of photos that were taken tilted by `TILT`."""
    dataset = read_place_folder(DATA / folder)
    chosen = evenly(len(dataset.queries), count)
    views = {str(angle): partial(rotate_image, degrees=angle) for angle in angles}
    found = {}
    for name, view in (views | {f"{TILT}, cropped": partial(tilted, degrees=TILT)}).items():
        right = 0
        for index in chosen:
            evidence = atlas.search(view(read_image(DATA / folder / dataset.queries[index])), top=1).evidence
            right += bool(evidence) and any(evidence[0].path.endswith(photo) for photo in dataset.positives[index])
        found[name] = round(100 * right / len(chosen), 1)
        print(folder, name, found[name], flush=True)
    return found


def unknown(atlas: Atlas, folder: str, count: int) -> dict[str, Any]:
    """Return the times of known and unknown queries, and how many of the unknown are taken for known."""
    strange = [(place, image) for place in ELSEWHERE[folder] for image in spread(place, count)]
    known = spread(f"{folder}/queries", len(strange))
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    by_place: dict[str, list[float]] = {place: [] for place in ELSEWHERE[folder]}
    accepted = 0
    atlas.search(known[0])
    for inside, (place, outside) in zip(np.resize(np.arange(len(known)), len(strange)), strange, strict=True):
        answer, seconds = timed(partial(atlas.search, known[inside]))
        if answer.best is not None and not answer.rotation:
            times["known"].append(seconds)
        answer, seconds = timed(partial(atlas.search, outside))
        times["unknown"].append(seconds)
        by_place[place].append(seconds)
        accepted += isinstance(answer, Answer) and answer.best is not None
    usual = np.mean(times["known"])
    places = {place: round(float(np.mean(spent) / usual), 2) for place, spent in by_place.items()}
    return {"accepted": accepted, "asked": len(strange)} | ratio(times) | {"ratio_of_means_by_place": places}


def ratio(times: dict[str, list[float]]) -> dict[str, float]:
    middle = {kind: float(np.median(values)) for kind, values in times.items()}
    mean = {kind: float(np.mean(values)) for kind, values in times.items()}
    return {
        "known_ms": round(1000 * middle["known"], 1),
        "unknown_ms": round(1000 * middle["unknown"], 1),
        "ratio": round(middle["unknown"] / middle["known"], 2),
        "ratio_of_means": round(mean["unknown"] / mean["known"], 2),
    }


def pairs(count: int) -> dict[str, Any]:
    """Return the times of `match` on right and on wrong pairs, and what it confirms of rotated and of wrong ones."""
    dataset = read_place_folder(DATA / "sf_landmarks")
    chosen = evenly(len(dataset.queries), count)
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    confirmed = {"upright": 0, "rotated by 90": 0, "wrong": 0}
    for index in chosen:
        query = read_image(DATA / "sf_landmarks" / dataset.queries[index])
        right = read_image(DATA / "sf_landmarks" / next(iter(dataset.positives[index])))
        wrong = read_image(DATA / "sf_landmarks" / next(iter(dataset.positives[(index + 50) % len(dataset.queries)])))
        for kind, first, second in (("upright", query, right), ("wrong", query, wrong)):
            answer, seconds = timed(partial(match, first, second))
            confirmed[kind] += answer.verdict == "same place"
            if kind == "wrong" or (answer.verdict == "same place" and not answer.rotation):
                times["unknown" if kind == "wrong" else "known"].append(seconds)
        confirmed["rotated by 90"] += match(rotate_image(query, 90), right).verdict == "same place"
    return {"asked": len(chosen), "confirmed": confirmed} | ratio(times)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for preset in options.presets:
        for folder in options.folders:
            with tempfile.TemporaryDirectory() as place:
                atlas = Atlas.create(Path(place) / "atlas", preset)
                atlas.add([DATA / folder / "database"])
                row = unknown(atlas, folder, min(options.queries, 25))
                print(preset, folder, row, flush=True)
                row["found"] = rotated(atlas, folder, options.queries, options.angles)
                result[f"{preset} {folder}"] = row
    result["match"] = pairs(min(options.queries, 25))
    print("match", result["match"], flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=101, help="of each folder and angle")
    parser.add_argument("--angles", type=int, nargs="*", default=list(ANGLES))
    parser.add_argument("--presets", nargs="*", default=["balanced", "fast", "sift-vlad"])
    parser.add_argument("--folders", nargs="*", default=list(FOLDERS), choices=FOLDERS)
    parser.add_argument("--every-rotation", action="store_true", help="look at all rotations, without steerers")
    parser.add_argument("--output", type=Path, default=RESULTS / "rotations.json")
    options = parser.parse_args()
    with contextlib.ExitStack() as patches:
        if options.every_rotation:
            patches.enter_context(mock.patch("placeprint.searching.search.Rotations.promising", lambda *_: ROTATIONS))
            patches.enter_context(mock.patch("placeprint.pairs.steerer_name", lambda _: None))
        result = {"format": 1, "made_by": made_by(), "every_rotation": options.every_rotation} | measure(options)
    options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
