"""Train the grocery recipes with several seeds, and measure every run on held-out photos.

    python benchmarks/accuracy/training.py RUNS [--seeds 3] [--only cgd] [--set schedule.epochs=8]

RUNS is a folder for the runs, about 20 MB each, and for the maps of the frozen stages, which the runs of a seed share.
A run that is there already is not repeated, so the script can be stopped. The photos of grocery/val.txt search those
of train.txt (class retrieval): the test of `placeprint.training.run.testing`. Weights are chosen by mAP of the last
photos of each class of train.txt. "untrained" is the network of ImageNet with the same pooling and pictures, "no step
taken" the same with the projection that training begins with. Writes benchmarks/results/training.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from placeprint.core.threads import num_cores
from placeprint.evaluation.provenance import made_by
from placeprint.training.data.loading import Photos
from placeprint.training.data.map_cache import cached_maps
from placeprint.training.data.photo_sets import read_photos
from placeprint.training.data.plans import make_plan
from placeprint.training.data.prepare import read_data
from placeprint.training.model.preset_export import export_preset
from placeprint.training.model.trained_network import build_model
from placeprint.training.recipe import Recipe, load_recipe
from placeprint.training.run.run import train
from placeprint.training.run.testing import FILE, measure, measure_run

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "grocery"
RESULTS = Path(__file__).parents[1] / "results"
DIM = 336
"""Values of every trained descriptor, so that only the method differs."""
BUDGET = ("model.trainable_from=7", "schedule.epochs=5")
"""Of the methods that are compared with each other: the last stage only, less than a minute a run on a quiet core."""
COMPARED = {
    **{f"cgd {config}": ("cgd-grocery", (f"head.config={config}",)) for config in ("S", "M", "G", "SG", "SM", "SMG")},
    "gem, triplet": ("triplet-grocery", ()),
    "gem, contrastive": ("contrastive-grocery", ()),
    "gem, ProxyNCA++": ("proxynca-grocery", ()),
    "gem, ArcFace": ("arcface-grocery", ()),
    "gem, multi-similarity": ("triplet-grocery", ("loss={name='multi-similarity'}",)),
}
RUNS = {method: (name, (*BUDGET, *changes)) for method, (name, changes) in COMPARED.items()} | {
    "cgd SG, three stages": ("cgd-grocery", ("head.config=SG",)),
}


def untrained(recipe: Recipe, maps: Path) -> list[dict[str, Any]]:
    database, queries = (read_photos(recipe.data, DATA, name) for name in (recipe.data.train, recipe.data.test))
    rows = []
    for head in ("gem", "spoc", "mac"):
        model = build_model(head=head, trainable_from=recipe.model.trainable_from).eval()
        rows.append({"method": f"{head}, untrained", "seed": None} | measure(recipe, model, database, queries, maps))
        print(rows[-1], flush=True)
    train = read_data(recipe.data, DATA, recipe.seed).train
    photos = Photos(train.root, train.paths, recipe.model.input_rule)
    pairs = make_plan(recipe, train, lambda rows: np.zeros((len(rows), 1), np.float32)).pairs(np.arange(len(train)))
    frozen = recipe.model.trainable_from
    for name, head, options in (("gem", "gem", {"dim": DIM}), ("cgd SG", "cgd", {"dim": DIM, "config": "SG"})):
        model = build_model(head=head, head_options=options, trainable_from=frozen).eval()
        cached = cached_maps(maps, photos, model, 0, workers=num_cores())
        parts = np.array_split(np.arange(len(train)), len(train) // 64 + 1)
        with torch.inference_mode():
            ends = [model.backbone(cached.maps(part, np.zeros_like(part)), frozen) for part in parts]
            model.head.begin(torch.cat(ends), recipe.seed, pairs)
        found = measure(recipe, model, database, queries, maps)
        rows.append({"method": f"{name}, no step taken", "seed": None} | found)
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="methods whose name contains this")
    parser.add_argument("--set", action="append", default=[], metavar="CHANGE", help="of all recipes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    maps = options.runs / "maps"
    rows = untrained(load_recipe("cgd-grocery", [*BUDGET, *options.set]), maps)
    for seed in range(options.seeds):
        for method, (name, changes) in RUNS.items():
            if options.only not in method:
                continue
            run = options.runs / f"{method.replace(' ', '-').replace(',', '')}-{seed}"
            recipe = load_recipe(name, [*changes, f"head.dim={DIM}", f"seed={seed}", *options.set])
            if not (run / FILE).is_file():
                train(recipe, DATA, run, resume=True, maps_folder=maps)
                measure_run(run, DATA, maps_folder=maps)
                export_preset(run)
            found = tomllib.loads((run / FILE).read_text())
            rows.append({"method": method, "seed": seed, "epochs": recipe.schedule.epochs} | found)
            print(method, seed, f"R@1 {100 * found['recall_at_1']:.1f}", flush=True)
    result = {"format": 1, "made_by": made_by(), "dim": DIM, "changes": options.set, "rows": rows}
    (RESULTS / "training.json").write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
