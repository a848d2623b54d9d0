"""Make tests/golden: what this version writes to disk, small, so that later versions are tested to open it.

    python scripts/make_golden.py

The files are made once per format and then kept: a test opens them with the current code. Make them again only when a
new format is added, into a folder of its own. The photos are the sample photos of installed packages; while the files
are made they lie in /photos, so that no path of a real machine is stored.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from PIL import Image as Pictures

from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import PLACES, read_samples, rephotograph
from placeprint.datasets.protocols import read_retrieval_set
from placeprint.evaluation.result_files import write_result
from placeprint.evaluation.retrieval import evaluate_retrieval
from placeprint.training.model.preset_export import export_preset
from placeprint.training.recipe import load_recipe
from placeprint.training.run.run import train
from placeprint.types import Image

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "format-1"
PHOTOS = Path("/photos")
SIZE = (256, 192)
PRESET = """summary = "few keypoints of upright RootSIFT, for tests"

[extractor]
name = "sift"
max_keypoints = 60
size = 256
upright = true

[aggregator]
name = "vlad"
num_words = 8

[index]
name = "flat"

[verifier]
name = "mutual-geometry"

[codebook]
min_photos = 1000

[store]
local_bits = 6
descriptor_bits = 4
"""
CHANGES = (
    "data.test=",
    "data.share=0.5",
    "data.split_by=photo",
    "model.trainable_from=8",
    "model.cached_copies=1",
    "model.size=[64, 64]",
    "head.dim=8",
    "batches.classes=2",
    "batches.instances=2",
    "schedule.epochs=1",
)


def small(image: Image) -> Pictures.Image:
    return Pictures.fromarray(image).resize(SIZE)


def main() -> None:
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir(parents=True)
    for part in ("database", "queries"):
        (PHOTOS / part).mkdir(parents=True)
    try:
        pairs = ["query,database"]
        for number, (name, image) in enumerate(list(read_samples(PLACES).items())[:6]):
            small(image).save(PHOTOS / "database" / f"{name}.png")
            small(rephotograph(image, seed=number)[0]).save(PHOTOS / "queries" / f"{name}.png")
            pairs.append(f"queries/{name}.png,database/{name}.png")
        (PHOTOS / "positives.csv").write_text("\n".join(pairs) + "\n", encoding="utf-8")
        for folder in (GOLDEN, PHOTOS):
            (folder / "preset.toml").write_text(PRESET, encoding="utf-8")
        make_atlas()
        make_result()
        make_run()
    finally:
        shutil.rmtree(PHOTOS)


def make_atlas() -> None:
    atlas = Atlas.create(GOLDEN / "atlas", preset=str(GOLDEN / "preset.toml"))
    atlas.add([PHOTOS / "database"])
    answer = atlas.search(PHOTOS / "queries" / "temple.png", rotations=False)
    expected = [[each.path, each.similarity, each.verdict] for each in answer.evidence]
    (GOLDEN / "answer.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


def make_result() -> None:
    result = evaluate_retrieval(read_retrieval_set(None, PHOTOS), str(PHOTOS / "preset.toml"))
    write_result(GOLDEN / "result.json", result)


def make_run() -> None:
    classes = PHOTOS / "classes"
    for name, image in list(read_samples(PLACES).items())[:4]:
        (classes / name).mkdir(parents=True)
        for number in range(6):
            small(rephotograph(image, seed=number)[0]).save(classes / name / f"{number}.png")
    run = GOLDEN / "run"
    train(load_recipe("triplet-grocery", ("data.form=folder", "data.train=", *CHANGES)), classes, run)
    export_preset(run)
    for name in ("maps", "checkpoints"):
        shutil.rmtree(run / name, ignore_errors=True)
    for path in [*run.glob("events.*"), *run.glob("*.png")]:
        path.unlink()


if __name__ == "__main__":
    main()
