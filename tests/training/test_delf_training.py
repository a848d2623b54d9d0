"""DELF's two steps: heads, loss, clutter, the run that begins from another, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from placeprint import Atlas
from placeprint.cli import app
from placeprint.errors import DatasetError, OptionError, ShapeError, WeightsError
from placeprint.features.resizing import InputRule
from placeprint.networks.weights import find_weights, weights_path
from placeprint.training.data.augmentation import generator_of
from placeprint.training.data.clutter import Clutter
from placeprint.training.data.loading import Photos
from placeprint.training.data.map_cache import cache_key
from placeprint.training.data.prepare import read_data
from placeprint.training.losses.classification_loss import CrossEntropyLoss
from placeprint.training.model.heads import build_head
from placeprint.training.model.trained_network import build_model
from placeprint.training.run.run import load_run, train
from tests.conftest import make_scene
from tests.training.tiny import CHANNELS, tiny_backbone, tiny_recipe, write_classes

FIRST: dict[str, Any] = {"head": {"name": "delf"}, "loss": {"name": "cross-entropy"}}
SECOND: dict[str, Any] = {
    "head": {"name": "delf-attention", "hidden": 8, "local_dim": 4},
    "loss": {"name": "cross-entropy"},
}


@pytest.mark.parametrize(("temperature", "smoothing"), [(1.0, 0.0), (0.5, 0.1)])
def test_cross_entropy_is_that_of_a_plain_loop(temperature: float, smoothing: float) -> None:
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(5, 3)), generator.integers(0, 3, 5)
    expected = 0.0
    for row, label in zip(logits / temperature, labels, strict=True):
        chances = np.exp(row) / np.exp(row).sum()
        worth = np.full(3, smoothing / 3)
        worth[label] += 1 - smoothing
        expected -= float((worth * np.log(chances)).sum()) / 5
    loss = CrossEntropyLoss(temperature=temperature, smoothing=smoothing)
    found = loss(torch.zeros(5, 2), torch.from_numpy(labels), torch.from_numpy(logits))
    assert found.item() == pytest.approx(expected)


def test_cross_entropy_refuses_what_it_cannot_classify() -> None:
    loss = CrossEntropyLoss()
    with pytest.raises(ShapeError, match=r"logits of shape \(2, classes\), got None"):
        loss(torch.zeros(2, 3), torch.tensor([0, 1]))
    with pytest.raises(ShapeError, match="labels must be from 0 to 1, got up to 2"):
        loss(torch.zeros(2, 3), torch.tensor([0, 2]), torch.zeros(2, 2))
    with pytest.raises(OptionError, match="temperature"):
        CrossEntropyLoss(temperature=0.0)
    with pytest.raises(OptionError, match="smoothing must be a number of at least 0 and below 1"):
        CrossEntropyLoss(smoothing=1.0)


def test_the_attention_weighs_the_cells() -> None:
    torch.manual_seed(0)
    head = build_head("delf-attention", CHANNELS, 3, hidden=8, local_dim=4)
    maps = torch.randn(2, CHANNELS, 3, 4)
    descriptors, weighted = head(maps)
    weights = head.attention(maps)  # type: ignore[attr-defined]  # of this head
    assert weighted is not None
    for photo in range(2):
        total = torch.zeros(CHANNELS)
        for y in range(3):
            for x in range(4):
                cell = maps[photo, :, y, x]
                total += weights[photo, 0, y, x] * cell / cell.norm()
        expected = total / 12 * CHANNELS**0.5
        torch.testing.assert_close(weighted[photo], expected)
        torch.testing.assert_close(descriptors[photo], expected / expected.norm())


def test_the_size_of_the_maps_is_taken_out_of_the_attention_before_training() -> None:
    maps = torch.randn(20, CHANNELS, 3, 4)
    found = []
    for size in (1.0, 100.0):
        torch.manual_seed(0)
        head = build_head("delf-attention", CHANNELS, 3, hidden=8, local_dim=4)
        head.begin(size * maps, 0, np.zeros((0, 2), np.int64))
        found.append(head.attention(size * maps))  # type: ignore[attr-defined]  # of this head
    torch.testing.assert_close(found[0], found[1])


def test_the_second_step_trains_no_stage() -> None:
    with pytest.raises(OptionError, match=r"set model.trainable_from = 2, and model.start"):
        options = {"local_dim": 4}
        build_model(backbone=tiny_backbone(), head="delf-attention", head_options=options, trainable_from=1)
    with pytest.raises(OptionError, match="local_dim must be from 1 to 8"):
        build_head("delf-attention", CHANNELS, 3, local_dim=9)


def test_attention_learns_which_cells_tell_the_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 4
    maps = torch.zeros(64, CHANNELS, 4, 4)
    maps[:, 4:] = torch.randn(64, 4, 4, 4, generator=generator)  # what is anywhere
    telling = torch.randint(0, 16, (64,), generator=generator)
    for row, (label, place) in enumerate(zip(labels.tolist(), telling.tolist(), strict=True)):
        maps[row, :, place // 4, place % 4] = 2 * torch.eye(CHANNELS)[label]
    torch.manual_seed(0)
    head = build_head("delf-attention", CHANNELS, 4, hidden=16, local_dim=4)
    head.begin(maps, 0, np.zeros((0, 2), np.int64))
    optimizer = torch.optim.AdamW(head.parameters(), 1e-2)  # type: ignore[attr-defined]  # a module
    for _ in range(150):
        optimizer.zero_grad()
        logits = head.classifier(head(maps)[1])  # type: ignore[attr-defined]  # of this head
        CrossEntropyLoss()(maps, labels, logits).backward()
        optimizer.step()
    weights = head.attention(maps).detach().flatten(1)  # type: ignore[attr-defined]  # of this head
    assert (weights.argmax(dim=1) == telling).float().mean() > 0.95


def test_the_second_step_leaves_the_descriptors_as_they_are(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos")
    train(tiny_recipe(**FIRST), photos, tmp_path / "first", backbone=tiny_backbone(seed=1))
    begun = load_run(tmp_path / "first", backbone=tiny_backbone())[1].backbone.state_dict()
    assert not torch.equal(begun["stages.1.0.weight"], tiny_backbone(seed=0).state_dict()["stages.1.0.weight"])
    second = tiny_recipe(
        **SECOND,
        model={"trainable_from": 2, "start": str(tmp_path / "first"), "cached_copies": 1},
        clutter={"others": 2},
    )
    train(second, photos, tmp_path / "second", backbone=tiny_backbone())
    model = load_run(tmp_path / "second", backbone=tiny_backbone())[1]
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, begun[name]), name


def test_a_run_of_another_backbone_or_none_is_no_beginning(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos")
    train(tiny_recipe(**FIRST), photos, tmp_path / "first", backbone=tiny_backbone())
    other = tiny_backbone()
    other.stages[1] = torch.nn.Conv2d(6, CHANNELS, 3, 2, 1)
    for start, error, said in (("first", WeightsError, "do not fit"), ("nothing", OptionError, "has no run")):
        recipe = tiny_recipe(**SECOND, model={"trainable_from": 2, "start": str(tmp_path / start)})
        with pytest.raises(error, match=said):
            train(recipe, photos, tmp_path / "second", backbone=other)


def test_clutter_keeps_the_photo_and_surrounds_it() -> None:
    photo = np.full((60, 80, 3), 200, np.uint8)
    others = [make_scene(seed, 100, 90) for seed in range(3)]
    clutter = Clutter(sides=(0.5, 0.5), others=3)
    seen = clutter.apply(photo, others, generator_of(0, 1, 2))
    assert seen.shape == photo.shape
    whole = (seen == 200).all(axis=2)
    rows, columns = np.flatnonzero(whole.sum(axis=1) >= 40), np.flatnonzero(whole.sum(axis=0) >= 30)
    assert (len(rows), len(columns)) == (30, 40) and whole[np.ix_(rows, columns)].all()
    np.testing.assert_array_equal(seen, clutter.apply(photo, others, generator_of(0, 1, 2)))
    assert (seen != clutter.apply(photo, others, generator_of(0, 2, 2))).any()
    np.testing.assert_array_equal(replace(clutter, chance=0.0).apply(photo, others, generator_of(0, 1, 2)), photo)


def test_photos_come_cluttered_from_the_copy_one_says(tmp_path: Path) -> None:
    root = write_classes(tmp_path, photos=2)
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    plain, clutter = Photos(root, paths, InputRule(stretch=(32, 32))), Clutter(sides=(0.5, 0.5))
    trained, validated = replace(plain, clutter=clutter), replace(plain, clutter=clutter, cluttered_from=0)
    np.testing.assert_array_equal(trained.picture(0, 0), plain.picture(0, 0))
    assert (trained.picture(0, 1) != plain.picture(0, 0)).any()
    assert (validated.picture(0, 0) != plain.picture(0, 0)).any()
    model = build_model(backbone=tiny_backbone(), head="gem", trainable_from=1)
    keys = {cache_key(photos, model, 0) for photos in (plain, trained, validated)}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"sides": [0.5]}, "sides must be a list of 2 values"),
        ({"sides": [0.8, 0.5]}, "sides must be in increasing order"),
        ({"others": 0}, "others must be a whole number from 1 to 1000, got 0"),
        ({"others": 1.5}, "others must be a whole number from 1 to 1000, got 1.5"),
        ({"chance": 2}, "chance must be a number from 0 to 1, got 2"),
        ({"side": 1}, "clutter has no parameter 'side'; did you mean 'sides'"),
    ],
)
def test_clutter_of_another_kind_is_refused(table: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Clutter.from_table(table)
    assert Clutter.from_table({}) is None


def test_classes_that_are_held_out_have_no_part_in_a_run(tmp_path: Path) -> None:
    root = write_classes(tmp_path, classes=5)
    recipe = tiny_recipe(data={"hold_out_classes": 0.4})
    data = read_data(recipe.data, root, 0)
    assert len(data.train.classes) == 3  # type: ignore[union-attr]  # labeled photos
    assert data.validation.classes == data.train.classes  # type: ignore[union-attr]  # the same
    with pytest.raises(OptionError, match="needs photos with labels, and neither"):
        read_data(replace(recipe.data, validation="class0"), root, 0)
    with pytest.raises(DatasetError):
        read_data(recipe.data, root / "class0", 0)


@pytest.mark.skipif(
    weights_path(find_weights("efficientnet-lite0")) is None, reason=find_weights("efficientnet-lite0").install
)
@pytest.mark.slow
def test_photos_become_an_atlas_of_trained_features(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos", photos=4)
    shared = ["--data", str(photos), "--set", "data.form=folder", "--set", "data.train=", "--set", "data.share=0.3"]
    shared += ["--set", "data.hold_out_classes=0.0", "--set", "model.size=[64, 64]", "--set", "schedule.epochs=1"]
    shared += ["--set", "model.backbone=efficientnet-lite0", "--set", "model.cached_copies=1"]
    shared += ["--set", "batches.classes=3", "--set", "batches.instances=2", "--maps", str(tmp_path / "maps")]
    for name, more in (("descriptors", []), ("attention", ["--set", f"model.start={tmp_path / 'descriptors'}"])):
        arguments = ["train", f"delf-{name}-grocery", "--output", str(tmp_path / name), *shared, *more]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, (done.output, done.exception)
    assert (tmp_path / "attention" / "delf.safetensors").stat().st_size < 3_000_000
    preset = str(tmp_path / "attention" / "preset.toml")
    atlas = Atlas.create(tmp_path / "atlas", preset=preset)
    report = atlas.add([photos])
    assert report.added == 12
    answer = atlas.search(photos / "class1" / "2.png", top=3, rotations=False)
    assert answer.evidence[0].path.endswith("class1/2.png")
    assert answer.features.descriptors.shape[1] == 40
