"""Tell copies of photos from second photos of the same place.

    python benchmarks/accuracy/duplicates.py [--photos 3000] [--copied 500]

Photos of grocery, ie_tower (frames of videos, whose neighbors show the same place) and sf_landmarks. Each of those that
are copied gets four copies: recompressed (JPEG, quality 30 to 70), resized (to 40 to 80 %), with 10 % of each side cut
away, and rotated (by 90, 180 or 270 degrees, or by up to 20). Pairs of files are counted:

- *recall*: by kind, original and copy in one group "same-shot"; *all*: any two files of one shot.
- *precision*: of all pairs of two files in one group "same-shot", those of one shot. `wrong` lists the first others.
- *corridor*, *gps*: photos of the same places, none copied: pairs called "same-shot", which must be none.

Writes benchmarks/results/duplicates.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image

from placeprint.core.numerics import evenly
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos
from placeprint.places.duplicates import find_copies
from placeprint.store import PhotoRecord

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
SHARES = {"grocery": 0.45, "ie_tower": 0.48, "sf_landmarks": 0.07}
KINDS = ("recompressed", "resized", "cropped", "rotated")


def copy_of(photo: PIL.Image.Image, kind: str, chance: random.Random) -> tuple[PIL.Image.Image, int]:
    """Return a copy and the quality of its JPEG."""
    width, height = photo.size
    if kind == "recompressed":
        return photo, chance.randint(30, 70)
    if kind == "resized":
        factor = chance.uniform(0.4, 0.8)
        return photo.resize((round(width * factor), round(height * factor)), PIL.Image.Resampling.LANCZOS), 85
    if kind == "cropped":
        left, top = (round(chance.uniform(0, 0.1) * side) for side in photo.size)
        return photo.crop((left, top, left + round(0.9 * width), top + round(0.9 * height))), 85
    quarters = {0: None, 1: "ROTATE_90", 2: "ROTATE_180", 3: "ROTATE_270"}[chance.randrange(4)]
    if quarters is not None:
        return photo.transpose(PIL.Image.Transpose[quarters]), 85
    angle = chance.choice([-1, 1]) * chance.uniform(2, 20)
    return photo.rotate(angle, PIL.Image.Resampling.BICUBIC, expand=True), 85


def chosen(count: int) -> list[Path]:
    """Return photos of the three sets; of ie_tower and grocery in runs, so that neighbors are among them."""
    found: list[Path] = []
    for name, share in SHARES.items():
        photos = sorted(find_photos([DATA / name]))
        wanted = min(len(photos), round(share * count))
        starts = evenly(len(photos) - 20, max(1, wanted // 20)) if wanted < len(photos) else [0]
        run = 20 if wanted < len(photos) else len(photos)
        found += list(dict.fromkeys(photo for start in starts for photo in photos[start : start + run]))
    return found


def records(paths: Iterator[Path] | list[Path]) -> list[PhotoRecord]:
    """Return records with distinct hashes, so that every pair is compared by its pixels."""
    return [PhotoRecord(str(path), str(path), path.stat().st_size, 0) for path in paths]


def copied(photos: list[Path], count: int, folder: Path, seed: int) -> dict[str, tuple[int, str]]:
    """Write the copies; return for each path of a file the number of its shot and its kind."""
    chance = random.Random(seed)
    same: dict[bytes, int] = {}  # the data sets have a few files twice
    shots = {str(path): (same.setdefault(path.read_bytes(), n), "original") for n, path in enumerate(photos)}
    for number in sorted(chance.sample(range(len(photos)), count)):
        with PIL.Image.open(photos[number]) as opened:
            photo = opened.convert("RGB")
        for kind in KINDS:
            picture, quality = copy_of(photo, kind, chance)
            path = folder / f"{number:05d}-{kind}.jpg"
            picture.save(path, quality=quality)
            shots[str(path)] = (shots[str(photos[number])][0], kind)
    return shots


def measure(photos: int, count: int, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        shots = copied(chosen(photos), count, Path(place), seed)
        began = time.perf_counter()
        groups = find_copies(records([Path(path) for path in shots])).groups
        seconds = time.perf_counter() - began
    pairs = [pair for group in groups for pair in itertools.combinations(group.paths, 2)]
    right = [pair for pair in pairs if shots[pair[0]][0] == shots[pair[1]][0]]
    wrong = [pair for pair in pairs if shots[pair[0]][0] != shots[pair[1]][0]]
    found = {path for pair in right if "original" in {shots[p][1] for p in pair} for path in pair}
    kinds = Counter(shots[path][1] for path in found)
    sizes = Counter(number for number, _ in shots.values())
    wanted = sum(size * (size - 1) // 2 for size in sizes.values())
    return {
        "files": len(shots),
        "copied": count,
        "recall": {kind: round(kinds[kind] / count, 4) for kind in KINDS},
        "recall_all": round(len(right) / wanted, 4),
        "precision": round(len(right) / max(len(pairs), 1), 4),
        "wrong": [[str(Path(path).name) for path in pair] for pair in wrong[:20]],
        "seconds": round(seconds, 1),
    }


def none_copied(name: str) -> dict[str, int]:
    groups = find_copies(records(list(find_photos([DATA / name])))).groups
    return {"groups": len(groups), "photos": sum(len(group.paths) for group in groups)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--copied", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS / "duplicates.json")
    options = parser.parse_args()
    result: dict[str, Any] = {"format": 1, "made_by": made_by()}
    result |= measure(options.photos, options.copied, options.seed)
    print({key: value for key, value in result.items() if key != "made_by"}, flush=True)
    for name in ("corridor", "gps"):
        result[name] = none_copied(name)
        print(name, result[name], flush=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
