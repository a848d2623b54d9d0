"""Photos decoded as smaller copies (JPEG's draft mode) against whole ones: time, descriptors and places found.

    python benchmarks/scale/smaller.py [--photos 12] [--preset balanced] [--json benchmarks/results/scale-smaller.json]

There are no photos of phones here, so they are made. Mosaics of 7 x 7 photos of sf_landmarks have 4032 x 3024 pixels,
and the fine detail of real photos. For comparison, their descriptors are also measured after the file was saved again
with another quality. The database of sf_landmarks, enlarged to that size, is indexed in both ways and searched.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # the command is called by its path

from benchmarks.scale.growing import DATA
from benchmarks.scale.measuring import queries
from placeprint import Atlas
from placeprint.core.threads import one_core_each
from placeprint.describing import describer as describing
from placeprint.describing.describer import Describer
from placeprint.evaluation.provenance import made_by
from placeprint.photos import list_photos, read_image, read_photo
from placeprint.presets import load_preset
from placeprint.searching.learning import first_state
from placeprint.types import Image

RESULTS = Path(__file__).parents[1] / "results"
TILES = 7
SIZE = 4032, 3024
QUALITY, AGAIN = 92, 95
"""Of the JPEG files, and of those that are saved again."""
SET = "sf_landmarks"


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description="Compare photos decoded as smaller copies with whole ones.")
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--json", type=Path, default=RESULTS / "scale-smaller.json")
    asked = parser.parse_args()
    preset = load_preset(asked.preset)
    describer = Describer(preset, first_state(preset))
    database = [read_image(str(path)) for path in list_photos([DATA / SET / "database"])]
    random = np.random.default_rng(0)
    with one_core_each():
        figures = _compared(describer, [_mosaic(database, random) for _ in range(asked.photos)])
    figures |= {"photos": asked.photos, "enough_pixels": describer.enough_pixels}
    with tempfile.TemporaryDirectory() as folder:
        figures["recall@1"] = _recalls(Path(folder), asked.preset)
    asked.json.write_text(json.dumps({**figures, "preset": asked.preset, "made_by": made_by()}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _compared(describer: Describer, pictures: Iterable[Image]) -> dict[str, Any]:
    """Return how similar pictures are to themselves when they are read or saved otherwise, and median times."""
    similar: dict[str, list[float]] = {"smaller": [], "saved_again": []}
    times: dict[str, list[float]] = {"whole": [], "smaller": [], "describe": []}
    for picture in pictures:
        file = _saved(picture, QUALITY)
        began = time.process_time()
        photo = read_photo(file)
        read = time.process_time()
        row = describer.descriptor(describer.features_of(photo))
        times["describe"].append(time.process_time() - read)
        times["whole"].append(read - began)
        began = time.process_time()
        smaller = read_photo(file, describer.enough_pixels)
        times["smaller"].append(time.process_time() - began)
        again = read_photo(_saved(photo.image, AGAIN))
        for name, other in (("smaller", smaller), ("saved_again", again)):
            similar[name].append(float(row @ describer.descriptor(describer.features_of(other))))
    figures: dict[str, Any] = {f"similarity_{name}_median": float(np.median(each)) for name, each in similar.items()}
    return figures | {f"{name}_cpu_ms": 1000 * float(np.median(each)) for name, each in times.items()}


def _recalls(folder: Path, preset: str) -> dict[str, float]:
    """Return the verified recall@1 of the queries of sf_landmarks among its enlarged database, read in both ways."""
    originals = list_photos([DATA / SET / "database"])
    for path in originals:
        (folder / f"{path.stem}.jpg").write_bytes(_saved(_resized(read_image(str(path)), SIZE), QUALITY))
    asked = [each for each in queries() if each.benchmark == SET]
    found = {}
    for name in ("smaller", "whole"):
        describing.ENOUGH = describing.ENOUGH if name == "smaller" else 0.0
        atlas = Atlas.create(folder / name, preset)
        atlas.add(sorted(folder.glob("*.jpg")), learn=False)
        hits = 0
        for query in asked:
            first = atlas.search(str(query.path), top=1, rotations=False).evidence[0]
            hits += Path(first.path).stem in {Path(path).stem for path in query.right}
        found[name] = hits / len(asked)
    return found


def _saved(picture: Image, quality: int) -> bytes:
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def _mosaic(photos: Sequence[Image], random: np.random.Generator) -> Image:
    side = SIZE[0] // TILES, SIZE[1] // TILES
    chosen = random.integers(len(photos), size=(TILES, TILES))
    return np.concatenate([np.concatenate([_resized(photos[n], side) for n in row], axis=1) for row in chosen])


def _resized(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


if __name__ == "__main__":
    main()
