"""Train a map for places in general, and measure it on data sets it was not trained on.

    python benchmarks/accuracy/general.py RUNS [--set schedule.epochs=8]

RUNS is a folder for the run. The photos are every second frame of ie_tower, 8 of them in a row being a class, and those
of grocery/train.txt with their own classes; the recipe is general-place. Measured are sf_landmarks and corridor, search
only, with the trained map and with that of ImageNet, in two ways each: as NetVLAD with what the run brought or ships,
and as the preset lite2-vlad, which learns its codebook from the database photos. Writes
benchmarks/results/general.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path

import torch

from placeprint.datasets.photos.labeled_photos import read_label_list
from placeprint.datasets.photos.placed_photos import read_clips
from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.evaluation.measures import in_words
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.retrieval import evaluate_retrieval
from placeprint.presets import CodebookSpec, ComponentSpec, load_preset, write_preset
from placeprint.training.model.preset_export import export_preset
from placeprint.training.recipe import load_recipe
from placeprint.training.run.run import train

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
FRAMES = 8
"""Frames in a row that are a class."""


def write_list(path: Path) -> int:
    """Write the training photos and their classes, paths relative to the data folder; return their count."""
    walks = read_clips(DATA / "ie_tower" / "dataset.csv", every=2, without=("f22_central_alt",))
    products = read_label_list(DATA / "grocery" / "train.txt")
    rows = []
    for place in range(len(walks)):
        part = int(walks.positions[place, 0] // (2 * FRAMES))
        rows.append((f"ie_tower/{walks.paths[place]}", f"walk {walks.sequences[place]} part {part}"))
    for name, label in zip(products.paths, products.labels, strict=True):
        rows.append((f"grocery/{name}", products.classes[label]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label"))
        writer.writerows(rows)
    return len(rows)


def with_map(preset: str, extractor: ComponentSpec, path: Path) -> str:
    """Write a preset that ships with the package with another map, and no codebook, as that is of the usual map."""
    chosen = load_preset(preset)
    names = ("backbone", "stride", "size", "max_keypoints", "min_contrast")
    trained = {name: extractor.options[name] for name in names if name in extractor.options}
    fusion = [
        replace(each, extractor=(each.extractor or chosen.extractor).with_options(**trained)) for each in chosen.fusion
    ]
    summary, codebook = f"{preset} with a trained map", CodebookSpec(min_photos=50)
    write_preset(replace(chosen, summary=summary, fusion=tuple(fusion), codebook=codebook), path)
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="CHANGE", help="of the recipe")
    options = parser.parse_args()
    torch.set_num_threads(1)
    listed, run = (options.runs / "general.csv").resolve(), options.runs / "general"
    photos = write_list(listed)
    changes = [f"data.train={json.dumps(str(listed))}", f"data.options.root={json.dumps(str(DATA.resolve()))}"]
    recipe = load_recipe("general-place", [*changes, *options.set])
    if not (run / "preset.toml").is_file():
        train(recipe, DATA, run, resume=True)
        export_preset(run)
    facts = tomllib.loads((run / "preset.toml").read_text())
    trained = load_preset(str(run / "preset.toml"))
    extractor = trained.fusion[0].extractor or trained.extractor
    presets = {
        "netvlad": "netvlad",
        "netvlad, trained": str(run / "preset.toml"),
        "lite2-vlad": "lite2-vlad",
        "lite2-vlad, trained map": with_map("lite2-vlad", extractor, options.runs / "lite2-vlad-trained.toml"),
    }
    rows = []
    for name, preset in presets.items():
        for dataset in ("sf_landmarks", "corridor"):
            codebook = "shipped" if name.startswith("netvlad") else "own"
            found = evaluate_retrieval(read_place_folder(DATA / dataset), preset, codebook=codebook)
            metrics, intervals = found.metrics, found.intervals
            rows.append({"method": name, "dataset": dataset, "metrics": metrics, "intervals": intervals})
            recall = " ".join(f"R@{k} {in_words(f'recall@{k}', metrics[f'recall@{k}'])}" for k in (1, 5))
            print(f"{name:30} {dataset:14} {recall}")
    result = {"format": 1, "made_by": made_by(), "photos": photos, "changes": options.set, "run": facts["summary"]}
    (RESULTS / "general.json").write_text(json.dumps(result | {"rows": rows}, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
