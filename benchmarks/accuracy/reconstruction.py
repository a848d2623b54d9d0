"""Models from the pairs of an atlas, compared with COLMAP's own SIFT on all pairs of the same photos.

Each set of photos is indexed; its match graph gives the pairs; `placeprint.reconstruction.mapping` makes the model. The
yardstick is ``pycolmap.extract_features``, ``match_exhaustive`` and both mappers; the larger model is kept. Then each
of some photos is taken out of the atlas and the model, which is made again without it, and located in it; the distance
is that to its GPS.

    python benchmarks/accuracy/reconstruction.py
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from placeprint import Atlas
from placeprint.core.files import write_atomically
from placeprint.core.plane import distances
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_photo
from placeprint.places.graph import match_graph
from placeprint.reconstruction.localizing import Localizer
from placeprint.reconstruction.mapping import reconstruct

RESULT = Path(__file__).parents[1] / "results" / "reconstruction.json"
SETS = ("gps/lund", "gps/brighton_beach", "ie_tower")
CLIP = 40
"""Frames of the longest clip of ie_tower that are mapped."""


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--left-out", type=int, default=4, help="photos of gps/lund that are located")
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    rows = []
    for name in given.sets:
        with tempfile.TemporaryDirectory() as folder:
            photos = copied(given.data, name, Path(folder) / "photos")
            rows.append({"photos": name} | measured(photos, Path(folder)))
        print(json.dumps(rows[-1]), flush=True)
    located = left_out(given.data / "gps" / "lund", given.left_out) if given.left_out else []
    result = {"made_by": made_by(pycolmap=pycolmap.__version__), "rows": rows, "located": located}
    write_atomically(given.json, (json.dumps(result, indent=1) + "\n").encode())


def copied(data: Path, name: str, target: Path) -> Path:
    """Copy the photos of a set into a folder; of ie_tower, frames of one clip."""
    target.mkdir()
    photos = sorted(path for path in (data / name).rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if name == "ie_tower":
        counts = Counter(path.name.rpartition("_frame_")[0] for path in photos)
        longest = max(sorted(counts), key=lambda clip: counts[clip])
        photos = [path for path in photos if path.name.startswith(f"{longest}_frame_")][:CLIP]
    for path in photos:
        shutil.copy(path, target)
    return target


def measured(photos: Path, folder: Path) -> dict[str, Any]:
    """Return the figures of our model and of the yardstick."""
    atlas = Atlas.create(folder / "atlas")
    atlas.add(photos)
    began = time.perf_counter()
    model = reconstruct(atlas, match_graph(atlas), folder / "model")
    ours = {
        "registered": model.registered,
        "of": model.photos,
        "pairs": model.pairs,
        "points": model.points,
        "reprojection_px": round(model.reprojection_error, 3),
        "position_error_m": None if model.position_error is None else round(model.position_error, 2),
        "seconds": round(time.perf_counter() - began, 1),
    }
    return {"ours": ours, "exhaustive": exhaustive(photos, folder / "exhaustive")}


def exhaustive(photos: Path, folder: Path) -> dict[str, Any]:
    """Return the figures of COLMAP's SIFT on all pairs."""
    folder.mkdir()
    database, began = folder / "database.db", time.perf_counter()
    pycolmap.extract_features(database, photos)
    pycolmap.match_exhaustive(database)
    models: list[Any] = []
    for name, mapper in (("global", pycolmap.global_mapping), ("incremental", pycolmap.incremental_mapping)):
        (folder / name).mkdir()
        pycolmap.set_random_seed(0)
        models += mapper(database, photos, folder / name).values()
    with pycolmap.Database.open(database) as opened:
        pairs = opened.num_matched_image_pairs()
    best = max(models, key=lambda model: model.num_reg_images())
    return {
        "registered": best.num_reg_images(),
        "pairs": pairs,
        "points": best.num_points3D(),
        "reprojection_px": round(best.compute_mean_reprojection_error(), 3),
        "seconds": round(time.perf_counter() - began, 1),
    }


def left_out(photos: Path, count: int) -> list[dict[str, Any]]:
    """Return for some photos how far their pose in a model without them is from their GPS, in meters."""
    paths = sorted(photos.glob("*.jpg"))
    chosen = [paths[number] for number in np.linspace(2, len(paths) - 3, count).round().astype(int)]
    found = []
    for query in chosen:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "photos").mkdir()
            for path in paths:
                if path != query:
                    shutil.copy(path, folder / "photos")
            atlas = Atlas.create(folder / "atlas")
            atlas.add(folder / "photos")
            model = reconstruct(atlas, match_graph(atlas), folder / "model")
            pose, truth = Localizer(atlas, model.folder).localize(query), read_photo(query).location
            row: dict[str, Any] = {"photo": query.name, "inliers": 0 if pose is None else pose.inliers}
            if pose is not None and pose.location is not None and truth is not None:
                row["meters"] = round(float(distances(np.array([pose.location]), np.array(truth))[0]), 1)
            found.append(row)
        print(json.dumps(found[-1]), flush=True)
    return found


if __name__ == "__main__":
    main()
