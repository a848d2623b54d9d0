"""What weights of visual words add: do keypoints that never verify across an atlas harm its descriptors?

    python benchmarks/accuracy/verified_words.py [--tower] [--atlases FOLDER]

Each set is an atlas whose links give weights (`places.verified_words`). Photos are ranked by similarity alone, with and
without weights: recall@1 and @5 in percent.

- *corridor*: the second walk in an atlas of the first; right are frames up to two apart.
- *lund*, *brighton_beach*: each photo among the others; right are photos up to 25 m away.
- *ie_tower*, with ``--tower``: every fourth query in an atlas of every fourth gallery frame, whose frames of the same
  clip are skipped; right is the floor.

Writes benchmarks/results/verified-words.json. With --atlases, atlases are kept there.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint import Atlas
from placeprint.core.plane import distances
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos, read_image
from placeprint.places.verified_words import learned_weights
from placeprint.types import Floats, PhotoFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
FRAMES, METERS, EVERY = 2, 25.0, 4
Table = NDArray[np.bool_]
Right = Callable[[Path, Path], bool | None]
"""Whether a photo of the atlas is right for a query; None if it is left out."""


def table_of(queries: Sequence[Path], photos: Sequence[Path], right: Right) -> tuple[Table, Table]:
    """Return which photos are right for which queries, and which are skipped."""
    said = [[right(query, photo) for photo in photos] for query in queries]
    left = np.array([[each is None for each in row] for row in said])
    return np.array([[bool(each) for each in row] for row in said]), left


def recall(queries: Floats, photos: Floats, right: Table, left: Table) -> dict[str, float]:
    order = np.argsort(-np.where(left, -2.0, queries @ photos.T), axis=1)
    hits = np.take_along_axis(right, order, axis=1)[right.any(axis=1)]
    return {f"recall@{k}": round(100 * float(hits[:, :k].any(axis=1).mean()), 1) for k in (1, 5)}


def descriptors(describer: Describer, photos: Sequence[PhotoFeatures]) -> Floats:
    return np.stack([describer.descriptor(features) for features in photos])


def measure(atlas: Atlas, queries: Sequence[Path], right: Right) -> dict[str, Any]:
    now, describer = atlas.snapshot(), atlas.describer
    ids = now.usable().ids.tolist()
    paths = [Path(now.usable()[photo].path) for photo in ids]
    stored = dict(now.features(ids))
    known = dict(zip(paths, (stored[photo] for photo in ids), strict=True))
    asked = [
        known[query] if query in known else describer.query_features(read_image(query), 0)
        for query in (query.resolve() for query in queries)
    ]
    table = table_of([query.resolve() for query in queries], paths, right)

    def row() -> dict[str, float]:
        return recall(descriptors(describer, asked), descriptors(describer, list(known.values())), *table)

    found: dict[str, Any] = {"photos": len(ids), "queries": len(queries), "plain": row()}
    try:
        describer.word_weights, found["links"] = learned_weights(atlas)
    except OptionError as error:
        return found | {"not weighed": str(error)}
    return found | {"weighted": row()}


def by_frame(query: Path, photo: Path) -> bool:
    return abs(int(query.stem) - int(photo.stem)) <= FRAMES


def by_position(atlas: Atlas) -> Right:
    places = {Path(record.path): record.location for record in atlas.snapshot().usable().values()}

    def right(query: Path, photo: Path) -> bool | None:
        one, other = places[query], places[photo]
        if query == photo or one is None or other is None:
            return None
        return bool(distances(np.array([one]), np.array(other))[0] <= METERS)

    return right


def tower() -> tuple[list[Path], list[Path], Right]:
    """Return photos of the gallery, queries, and which are right."""
    root = DATA / "ie_tower"
    with (root / "dataset.csv").open(encoding="utf-8") as file:
        rows = {(root / row["image_path"]).resolve(): row for row in csv.DictReader(file)}
    clips: dict[str, list[Path]] = {}
    for path, row in sorted(rows.items()):
        if row["split"] == "gallery":
            clips.setdefault(clip_of(path), []).append(path)
    queries = [path for path, row in sorted(rows.items()) if row["split"] != "gallery"][::EVERY]

    def right(query: Path, photo: Path) -> bool | None:
        return None if clip_of(query) == clip_of(photo) else rows[query]["label"] == rows[photo]["label"]

    return [path for paths in clips.values() for path in paths[::EVERY]], queries, right


def clip_of(path: Path) -> str:
    return path.name.partition("_frame_")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tower", action="store_true", help="also measure ie_tower, which takes long")
    parser.add_argument("--atlases", type=Path, help="folder of the atlases, kept")
    chosen = parser.parse_args()
    data: dict[str, Any] = {"format": 1, "preset": "balanced", "made_by": made_by(), "sets": {}}
    with tempfile.TemporaryDirectory() as folder:

        def atlas_of(name: str, photos: Sequence[Path]) -> Atlas:
            atlas = Atlas.open_or_create((chosen.atlases or Path(folder)) / name, "balanced")
            atlas.add(list(photos))
            return atlas

        def note(name: str, row: dict[str, Any]) -> None:
            data["sets"][name] = row
            print(name, json.dumps(row), flush=True)

        for name in ("lund", "brighton_beach"):
            photos = list(find_photos([DATA / "gps" / name]))
            note(name, measure(made := atlas_of(name, photos), photos, by_position(made)))
        corridor = DATA / "corridor"
        atlas = atlas_of("cordb", list(find_photos([corridor / "database"])))
        note("corridor", measure(atlas, sorted(find_photos([corridor / "queries"])), by_frame))
        if chosen.tower:
            photos, queries, right = tower()
            note("ie_tower", measure(atlas_of("tower", photos), queries, right))
    (RESULTS / "verified-words.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
