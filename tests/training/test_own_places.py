"""Training on one's own photos: what is skipped and said, how batches adapt, and a preset one can search with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from placeprint import Atlas
from placeprint.cli import app
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError, OptionError
from placeprint.training.data.plans import make_plan
from placeprint.training.data.prepare import read_data
from placeprint.training.data.sifting import read_skipped, sift
from placeprint.training.model.blending import Blend
from placeprint.training.model.preset_export import export_preset
from placeprint.training.model.trained_network import build_model
from placeprint.training.recipe import Data, load_recipe, recipe_names
from placeprint.training.run.checkpoint import latest_checkpoint, load_into, read_checkpoint, readable_checkpoint
from placeprint.training.run.loop import Outcome
from placeprint.training.run.run import load_run, train
from tests.conftest import make_scene, write_photo
from tests.datasets.test_placed_photos import write_gps
from tests.training.test_preset_export import small_efficientnet
from tests.training.tiny import tiny_backbone, tiny_recipe, write_classes

FOLDERS = {"form": "folder", "options": {"skip_loose": True}, "split_by": "block"}


def train_tiny(photos: Path, run: Path, **changes: dict[str, Any]) -> Outcome:
    """Train for an epoch on a folder of classes, with the data table of the recipe for one's own places."""
    tables: dict[str, Any] = {
        "data": FOLDERS,
        "batches": {"classes": 16, "leave_out_lonely": True},
        "schedule": {"epochs": 1},
    }
    return train(tiny_recipe(**(tables | changes)), photos, run, backbone=tiny_backbone())


def test_junk_broken_photos_and_copies_are_skipped_counted_and_explained(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=5)
    (photos / "class0").rename(photos / "[b]Café \U0001f600")
    (photos / "class1" / "2.png").write_bytes(b"broken")
    (photos / "class1" / "notes.txt").write_text("no photo")
    shutil.copy(photos / "class2" / "0.png", photos / "class2" / "9.png")
    shutil.copy(photos / "class2" / "1.png", photos / "cover.png")
    write_photo(photos / "loose.png", make_scene(9, 64, 64))
    (photos / "empty").mkdir()
    write_classes(tmp_path / "more", classes=5, photos=4)
    (photos / "linked").symlink_to(tmp_path / "more" / "class4")
    outcome = train_tiny(photos, tmp_path / "run")
    assert read_skipped(tmp_path / "run") == {
        "class1/2.png": "not a picture, or in an unsupported format",
        "class2/9.png": "a copy of class2/0.png",
        "cover.png": "it is in no folder of a class",
        "loose.png": "it is in no folder of a class",
    }
    assert outcome.notes[0].startswith("skipped 4 of 22 photos: 'class1/2.png': not a picture")
    assert outcome.notes[0].endswith("; and 1 more; all are in skipped.csv")
    assert "a batch has 4 classes, not batches.classes = 16" in outcome.notes[1]
    assert (
        train(
            tiny_recipe(data=FOLDERS, batches={"classes": 16, "leave_out_lonely": True}, schedule={"epochs": 1}),
            photos,
            tmp_path / "run",
            resume=True,
            backbone=tiny_backbone(),
        ).notes[0]
        == outcome.notes[0]
    )


def test_a_class_in_nested_folders_is_the_first_one(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=3)
    (photos / "class0" / "summer" / "day 1").mkdir(parents=True)
    (photos / "class0" / "1.png").rename(photos / "class0" / "summer" / "day 1" / "1.png")
    data = read_data(tiny_recipe(data=FOLDERS).data, photos)
    assert "class0/summer/day 1/1.png" in data.train.paths + data.validation.paths
    assert (len(data.train), len(data.validation)) == (6, 3)


def test_photos_that_are_all_broken_are_told_with_a_reason(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=2)
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        path.write_bytes(b"broken %d" % number)
    with pytest.raises(DatasetError, match=r"none of 6 photos can be used, as 'class0/0.png', .*: not a picture"):
        train_tiny(photos, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("counts", "held"),
    [([3, 2], [1, 0]), ([4, 4, 4], [1, 1, 1]), ([20, 1], [4, 0]), ([2, 2, 2, 2], 1), ([5, 5], [1, 1])],
)
def test_what_is_held_back_leaves_pairs_to_learn_from(tmp_path: Path, counts: list[int], held: list[int] | int) -> None:
    for label, count in enumerate(counts):
        for number in range(count):
            write_photo(tmp_path / f"class{label}" / f"{number:02d}.png", make_scene(10 * label + number, 20, 20))
    data = read_data(Data(share=0.2, split_by="block"), tmp_path)
    found = [sum(path.startswith(f"class{label}/") for path in data.validation.paths) for label in range(len(counts))]
    assert (found if isinstance(held, list) else sum(found)) == held


@pytest.mark.parametrize(
    ("counts", "share", "message"),
    [
        ([1, 1, 1, 1], 0.2, "the 4 photos of 4 classes are too few .* needs 3 or more photos of a class"),
        ([2, 2], 0.2, "too few to hold some back"),
        ([5], 0.2, r"at least 2 classes, got 'class0' only; put the photos of each class into a separate folder"),
        ([5, 1], 0.2, "2 or more classes with 2 or more photos each, .* there are 1 of 2"),
        ([4, 4], 0.0, "data.share must be a number above 0 and below 1, got 0.0"),
    ],
)
def test_what_is_too_little_is_told_with_what_to_do(
    tmp_path: Path, counts: list[int], share: float, message: str
) -> None:
    for label, count in enumerate(counts):
        for number in range(count):
            write_photo(tmp_path / f"class{label}" / f"{number}.png", make_scene(10 * label + number, 20, 20))
    with pytest.raises((DatasetError, OptionError), match=message):
        train_tiny(tmp_path, tmp_path / "run", data=FOLDERS | {"share": share})


def test_photos_with_gps_in_one_folder_are_divided_by_photo(tmp_path: Path) -> None:
    for number in range(10):
        write_gps(tmp_path / f"{number}.jpg", 55.7 + number * 1e-4, 13.2)
    write_photo(tmp_path / "no_gps.jpg", make_scene(3, 64, 48))
    (tmp_path / "bad.jpg").write_bytes(b"bad")
    recipe = load_recipe("places-from-gps")
    assert sift(recipe.data, tmp_path) == {
        "bad.jpg": "not a picture, or in an unsupported format",
        "no_gps.jpg": "it has no GPS",
    }
    data = read_data(recipe.data, tmp_path)
    assert isinstance(data.train, PlacedPhotos)
    assert (len(data.train), len(data.validation)) == (8, 2)


def test_photos_that_are_all_at_one_point_are_refused(tmp_path: Path) -> None:
    for number in range(6):
        write_gps(tmp_path / f"{number}.jpg", 55.7 + number * 1e-9, 13.2)
    recipe = load_recipe("places-from-gps")
    photos = read_data(recipe.data, tmp_path).train
    with pytest.raises(DatasetError, match=r"no two of the 5 training photos are more than mining.negative = 50 m"):
        make_plan(recipe, photos, lambda rows: np.zeros((len(rows), 1), np.float32))


def test_the_preset_of_a_small_folder_can_be_searched_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeprint.training.model.trained_network.load_stages", lambda *_, **__: small_efficientnet())
    photos = write_classes(tmp_path / "photos", photos=4)
    changes = ["model.size=[64,64]", "model.trainable_from=5", "model.backbone=efficientnet-lite0", "head.dim=16"]
    run = tmp_path / "run"
    train(load_recipe("places-from-folders", [*changes, "model.last_stage=5", "schedule.epochs=1"]), photos, run)
    atlas = Atlas.create(tmp_path / "atlas", preset=str(export_preset(run)))
    atlas.add([photos])
    found = atlas.search(photos / "class1" / "3.png", rotations=False).evidence
    assert len(atlas) == 12
    nearest = max(found, key=lambda each: each.similarity)
    assert nearest.path.endswith("class1/3.png")


def test_blended_weights_are_a_share_of_the_way() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1.0)
    learned = {name: value.clone() for name, value in model.state_dict().items()}
    with Blend(start, 0.25).applied(model):
        torch.testing.assert_close(model[0].weight, start["0.weight"] + 0.25)
    for name, value in model.state_dict().items():
        assert torch.equal(value, learned[name])


def test_a_run_keeps_learned_weights_and_gives_blended_ones(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=4)
    for share in (1.0, 0.5):
        changes: dict[str, Any] = {"optimizer": {"learning_rate": 0.05, "blend": share}, "schedule": {"epochs": 2}}
        train_tiny(photos, tmp_path / f"{share}", head={"name": "gem", "dim": 4}, **changes)
    found = []
    for share in (1.0, 0.5):
        last = latest_checkpoint(tmp_path / f"{share}")
        assert last is not None
        found.append(read_checkpoint(last).weights)
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name]), name  # so that a run goes on from them
    model = build_model(backbone=tiny_backbone(), head="gem", head_options={"dim": 4}, trainable_from=1)
    load_into(found[1], model=model)
    best = load_run(tmp_path / "0.5", backbone=tiny_backbone())[1]
    assert not torch.equal(best.head.projection.weight, model.head.projection.weight)  # type: ignore[attr-defined]  # heads differ
    (tmp_path / "0.5" / "start.safetensors").write_bytes(b"half")
    with pytest.raises(Exception, match="the weights before the first step"):
        load_run(tmp_path / "0.5", backbone=tiny_backbone())


def test_the_beginning_can_be_gentler(tmp_path: Path) -> None:
    from placeprint.training.model.heads import build_head

    maps = torch.randn(60, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    pairs = np.array([(first, first + 1) for first in range(0, 60, 2)])
    found = []
    for options in ({}, {"shrinkage": 5.0, "signal": 0.0}):
        head: Any = build_head("gem", 8, None, dim=4, **options)
        head.begin(maps, 0, pairs)
        found.append(head.projection.weight.detach())
    assert not torch.allclose(*found)
    for wrong in (-1.0, float("nan"), "much"):
        with pytest.raises(OptionError, match=r"head\.signal must be a number from 0"):
            build_head("gem", 8, None, dim=4, signal=wrong)


def test_a_damaged_checkpoint_is_passed_over_and_one_laid_aside_counts(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=4)
    train_tiny(photos, tmp_path / "run", checkpoints={"steps": 1}, schedule={"epochs": 3})
    last = latest_checkpoint(tmp_path / "run")
    assert last is not None
    (last / "weights.safetensors").write_bytes(b"half")
    found = readable_checkpoint(tmp_path / "run")
    assert found is not None and found.path is not None and found.path < last
    aside = last.with_name(f".{last.name}.old.tmp")
    last.rename(aside)
    assert latest_checkpoint(tmp_path / "run") == last and not aside.exists()


def test_recipes_are_listed_with_a_line_each() -> None:
    done = CliRunner().invoke(app, ["train", "--list"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    assert any(line.startswith("places-from-folders ") and "one folder per place" in line for line in lines)
