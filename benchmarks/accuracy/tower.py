"""Train NetVLAD on walks through a tower, and measure it on held-out clips.

    python benchmarks/accuracy/tower.py RUNS [--seeds 1] [--set schedule.epochs=8]

RUNS is a folder for the runs and for the maps of the frozen stages. An existing run is not repeated. The recipe is
netvlad-tower; the measures are those of `placeprint.training.run.place_testing`. A seed holds out other clips. Beside
the trained descriptor stand those of the same map before training: VLAD with as many words (hard assignment, each V_k
to unit length), NetVLAD as k-means begins it, that with PCA, and that with the whitening from pairs that training
begins with, all learned from the training clips. Writes benchmarks/results/tower.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from placeprint.aggregation.vlad import VLAD
from placeprint.core.threads import num_cores
from placeprint.evaluation.provenance import made_by
from placeprint.kernels.vectors import unit
from placeprint.networks.stages import load_stages
from placeprint.training.data.loading import Photos
from placeprint.training.data.map_cache import cached_maps
from placeprint.training.data.plans import make_plan
from placeprint.training.data.prepare import read_data
from placeprint.training.model.preset_export import export_preset
from placeprint.training.model.trained_network import DescriptorModel, build_model
from placeprint.training.recipe import Recipe, load_recipe
from placeprint.training.run.place_testing import place_recalls
from placeprint.training.run.run import train
from placeprint.training.run.testing import FILE, held_out, measure_run
from placeprint.types import LocalFeatures

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "ie_tower"
RESULTS = Path(__file__).parents[1] / "results"


def _model(recipe: Recipe, dim: int, begin: str = "photos") -> DescriptorModel:
    settings = recipe.model
    head = {key: value for key, value in recipe.head.items() if key != "name"} | {"dim": dim, "begin": begin}
    backbone = load_stages(settings.backbone, last_stage=settings.last_stage)
    return build_model(
        backbone=backbone, head="netvlad", head_options=head, trainable_from=settings.trainable_from
    ).eval()


@torch.inference_mode()
def untrained(recipe: Recipe, maps_folder: Path) -> list[dict[str, Any]]:
    whole, held = held_out(recipe, DATA)
    train = read_data(recipe.data, DATA, recipe.seed).train
    learned = torch.tensor([whole.paths.index(path) for path in train.paths])
    pairs = make_plan(recipe, train, lambda rows: np.zeros((len(rows), 1), np.float32)).pairs(np.arange(len(train)))
    model = _model(recipe, 0)
    photos = Photos(whole.root, whole.paths, recipe.model.input_rule)
    cached = cached_maps(maps_folder, photos, model, 0, workers=num_cores())
    rows = np.arange(len(whole))
    parts = [cached.maps(part, np.zeros(len(part), np.int64)) for part in np.array_split(rows, len(rows) // 64 + 1)]
    maps = torch.cat([model.backbone(part, model.trainable_from) for part in parts])

    def described(made: DescriptorModel) -> np.ndarray[Any, np.dtype[np.float32]]:
        made.head.begin(maps[learned], recipe.seed, pairs)
        return torch.cat([made.head(part)[0] for part in torch.split(maps, 64)]).numpy()

    found = [("NetVLAD, not trained", described(model))]
    begun: Any = model.head
    vlad = VLAD(num_words=len(begun.centers), residual_normalization=False, power=1.0, intra_normalization=True)
    cells = unit(maps.flatten(2).transpose(1, 2).flatten(0, 1)).view(len(maps), -1, maps.shape[1]).numpy()
    points, scores = np.zeros((cells.shape[1], 2), np.float32), np.ones(cells.shape[1], np.float32)
    features = [LocalFeatures(points, each, scores, recipe.model.size) for each in cells]
    # the centers of NetVLAD, so that only the assignment differs
    vlad.fit(features[: len(begun.centers)]).codebook_ = begun.centers.numpy()
    found.append(("VLAD", np.stack([vlad.aggregate(each) for each in features])))
    if dim := int(recipe.head.get("dim", 0)):
        found.append(("NetVLAD with PCA, not trained", described(_model(recipe, dim))))
        found.append(("NetVLAD with whitening from pairs, no step taken", described(_model(recipe, dim, "pairs"))))
    return [
        {"method": name, "seed": recipe.seed, "dim": rows.shape[1]} | place_recalls(rows, whole, held)
        for name, rows in found
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="CHANGE", help="of the recipe")
    options = parser.parse_args()
    torch.set_num_threads(1)
    maps, rows = options.runs / "maps", []
    for seed in range(options.seeds):
        recipe = load_recipe("netvlad-tower", [f"seed={seed}", *options.set])
        run, began = options.runs / f"netvlad-{seed}", (time.monotonic(), time.process_time())
        if not (run / FILE).is_file():
            train(recipe, DATA, run, resume=True, maps_folder=maps)
            measure_run(run, DATA, maps_folder=maps)
            export_preset(run)
        spent = {"seconds": round(time.monotonic() - began[0]), "cpu_seconds": round(time.process_time() - began[1])}
        named = {"method": "NetVLAD, trained", "seed": seed, "epochs": recipe.schedule.epochs}
        rows += [*untrained(recipe, maps), named | spent | tomllib.loads((run / FILE).read_text())]
    for row in rows:
        areas, places = row["area_recall_at_1"], row["place_recall_at_1"]
        print(f"{row['method']:40} seed {row['seed']}  area {100 * areas:.1f} %  place {100 * places:.1f} %")
    result = {"format": 1, "made_by": made_by(), "changes": options.set, "rows": rows}
    result["data"] = dataclasses.asdict(recipe.data)
    (RESULTS / "tower.json").write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
