"""What training steps gain on a small folder: 10 classes of 20 photos, drawn from grocery.

    python benchmarks/accuracy/few_photos.py RUNS [--seeds 3] [--only NAME]

Each seed draws 10 classes. Their first 20 photos are the folder that `places-from-folders` trains on, 16 to learn from
and 4 to validate. Measured on the photos of these classes that are left ("held-out photos", searched in the folder),
and on up to 8 photos of each of the other 71 classes, each searched among the others ("held-out classes"): the model
before the first step, after the last, and the one that is kept, the best by validation.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch

from placeprint.datasets.photos.labeled_photos import LabeledPhotos, read_label_list
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.relevance import Relevance
from placeprint.training.data.loading import Photos, describe
from placeprint.training.data.map_cache import cached_maps
from placeprint.training.model.blending import read_blend
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Recipe, load_recipe
from placeprint.training.run.checkpoint import latest_checkpoint, load_into, read_checkpoint
from placeprint.training.run.run import load_run, train
from placeprint.training.run.validation import score
from placeprint.types import Floats, Ids

DATA = Path(os.environ.get("PLACEPRINT_DATA", "../shared/data")) / "grocery"
RESULTS = Path(__file__).resolve().parents[1] / "results"
CLASSES, PHOTOS, OTHERS = 10, 20, 8
SIZE = "model.size=[192,192]"
PLAIN = ["head.shrinkage=0.1", "head.signal=1.0", "optimizer.blend=1.0", "validation.patience=0"]
"""As other recipes are: nothing is done for few photos."""
GENTLE = ["optimizer.blend=1.0", "validation.patience=0"]
RUNS = {
    "no regularization": PLAIN,
    "gentle start": GENTLE,
    "gentle start, head only": [*GENTLE, "model.trainable_from=8"],
    "gentle start, learning rate / 5": [*GENTLE, "optimizer.learning_rate=2e-4"],
    "gentle start, strong augmentation": [*GENTLE, "augmentation.preset=strong"],
    "gentle start, blend 0.5 (the recipe)": ["validation.patience=0"],
}


def draw(seed: int, folder: Path) -> tuple[LabeledPhotos, LabeledPhotos, LabeledPhotos]:
    """Link the photos of a seed into a folder of classes; return the folder's, held-out photos, held-out classes."""
    whole = read_label_list(DATA / "train.txt")
    chosen = np.random.default_rng(seed).choice(np.flatnonzero(whole.counts() >= PHOTOS + 6), CLASSES, replace=False)
    inside, photos, classes = [], [], []
    for label in range(len(whole.classes)):
        rows = np.flatnonzero(whole.labels == label)
        if label in chosen:
            inside += rows[:PHOTOS].tolist()
            photos += rows[PHOTOS:].tolist()
        else:
            classes += rows[np.unique(np.linspace(0, len(rows) - 1, OTHERS).round().astype(int))].tolist()
    for row in inside:
        link = folder / whole.classes[whole.labels[row]] / Path(whole.paths[row]).name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to((whole.root / whole.paths[row]).resolve())
    parts = [whole[np.array(rows)] for rows in (inside, photos, classes)]
    return parts[0], parts[1], parts[2]


def measured(
    recipe: Recipe, model: DescriptorModel, parts: tuple[LabeledPhotos, LabeledPhotos, LabeledPhotos], maps: Path
) -> dict[str, float]:
    """Return recall@1 and mAP of held-out photos and of held-out classes."""

    def described(photos: LabeledPhotos) -> Floats:
        source = cached_maps(maps, Photos(photos.root, photos.paths, recipe.model.input_rule), model, 0, workers=2)
        return describe(model, source, np.arange(len(photos)), workers=0)

    inside, photos, classes = parts
    itself: Ids = np.arange(len(classes))
    asked = {
        "photos": (photos, inside, Relevance(photos.labels_among(inside.classes), inside.labels)),
        "classes": (classes, classes, Relevance(classes.labels, classes.labels, (itself, itself))),
    }
    found = {}
    for name, (wanted, searched, relevant) in asked.items():
        queries, database = described(wanted), described(searched)
        for metric in ("recall@1", "mAP"):
            found[f"{name} {metric}"] = score(queries, database, relevant, metric)
    return found


def last_model(run: Path, recipe: Recipe) -> DescriptorModel:
    """Return the model after the last step."""
    model, last = load_run(run)[1], latest_checkpoint(run)
    assert last is not None
    load_into(read_checkpoint(last).weights, model=model)
    blend = read_blend(run, recipe.optimizer.blend)
    if blend is not None:
        blend.apply(model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="methods whose name contains this")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    maps = options.runs / "maps"
    for seed in range(options.seeds):
        parts = draw(seed, options.runs / f"photos-{seed}")
        for number, (method, changes) in enumerate(RUNS.items()):
            if options.only not in method:
                continue
            # the others begin as the second does
            for when in ("before", "after") if number < 2 else ("after",):
                run = options.runs / f"{number}-{seed}-{when}"
                still = ["optimizer.learning_rate=1e-9", "schedule.epochs=1"] if when == "before" else []
                recipe = load_recipe("places-from-folders", [SIZE, f"seed={seed}", *changes, *still])
                train(recipe, options.runs / f"photos-{seed}", run, resume=True, maps_folder=maps)
                states = {when: last_model(run, recipe)}
                if when == "after":
                    states["kept"] = load_run(run)[1]
                for state, model in states.items():
                    row = {"method": method, "seed": seed, "state": state}
                    rows.append(row | measured(recipe, model.eval(), parts, maps))
                    print(rows[-1], flush=True)
    result = {"format": 1, "made_by": made_by(), "rows": rows}
    (RESULTS / "few-photos.json").write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
