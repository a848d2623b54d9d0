"""The loop: what it computes, what it refuses, and what it says."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from placeprint.core.numerics import normalize
from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError, OptionError, TrainingError
from placeprint.evaluation.metrics import Hits, average_precisions
from placeprint.features.resizing import InputRule
from placeprint.training.data.augmentation import Augmentation
from placeprint.training.data.batches import Batch, pack, unpack
from placeprint.training.data.loading import PhotoMaps, Photos, prefetch
from placeprint.training.data.map_cache import cache_key, cached_maps
from placeprint.training.data.plans import make_plan
from placeprint.training.data.prepare import TrainingData, read_data
from placeprint.training.losses import make_loss
from placeprint.training.model.trained_network import DescriptorModel, build_model
from placeprint.training.recipe import Optimizer, Schedule, Validation
from placeprint.training.run.checkpoint import latest_checkpoint, read_checkpoint
from placeprint.training.run.journal import read_log
from placeprint.training.run.loop import Setup, backward
from placeprint.training.run.objectives import Objective
from placeprint.training.run.optimizer import make_optimizer, rate_factor
from placeprint.training.run.run import train
from placeprint.training.run.validation import relevance, score
from placeprint.types import Ids
from tests.training.tiny import tiny_backbone, tiny_recipe, write_classes, write_walk

NO_TUPLES = np.zeros((0, 2), np.int64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("photos"))


def setup_of(chunk: int, head: str, loss: str) -> Setup:
    """Return what `backward` needs, for a batch of six photos of three classes."""
    from accelerate import Accelerator

    torch.manual_seed(1)
    options = {"dim": 6} if head == "cgd" else {}
    model = build_model(backbone=tiny_backbone(), head=head, head_options=options, num_classes=3).train()
    classifier = getattr(model.head, "classifier", None)
    labels = None if loss == "weak-ranking" else np.array([0, 0, 1, 1, 2, 2])
    objective = Objective(make_loss(loss, 3, model.head.dim), labels, classifier)
    unused: Any = None
    return Setup(
        run=Path(),
        recipe=tiny_recipe(batches={"chunk": chunk}),
        accelerator=Accelerator(cpu=True),
        model=model,
        objective=objective,
        optimizer=unused,
        source=unused,
        paths=[],
        plan=unused,
        validate=lambda: 0.0,
        facts=unused,
        workers=0,
        progress=lambda *_: None,
    )


@pytest.mark.parametrize(
    ("head", "loss"), [("cgd", "cgd"), ("gem", "triplet"), ("gem", "arcface"), ("gem", "weak-ranking")]
)
def test_the_gradient_cache_gives_the_gradient_of_the_whole_batch(head: str, loss: str) -> None:
    tuples = np.array([[1, 1], [1, 1]]) if loss == "weak-ranking" else NO_TUPLES
    batch = Batch(np.arange(6), np.zeros(6, np.int64), tuples)
    pictures = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    found = []
    for chunk in (0, 4):
        setup = setup_of(chunk, head, loss)
        value = backward(setup, batch, pictures)
        both = (*setup.model.parameters(), *setup.objective.parameters())
        found.append([torch.tensor(value), *(each.grad for each in both if each.grad is not None)])
    assert len(found[0]) > 3
    for whole, cached in zip(*found, strict=True):
        torch.testing.assert_close(cached, whole, rtol=1e-3, atol=5e-5)


def test_several_batches_make_one_step_of_their_mean_gradient() -> None:
    setup = setup_of(0, "gem", "triplet")
    batch = Batch(np.arange(6), np.zeros(6, np.int64), NO_TUPLES)
    pictures = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    backward(setup, batch, pictures)
    once = [each.grad.clone() for each in setup.model.parameters() if each.grad is not None]
    setup.model.zero_grad()
    for _ in range(2):
        backward(setup, batch, pictures, 0.5)
    for single, summed in zip(once, (p.grad for p in setup.model.parameters() if p.grad is not None), strict=True):
        torch.testing.assert_close(summed, single)


def test_batches_survive_packing() -> None:
    batches = [
        Batch(np.array([3, 1]), np.array([0, 2]), NO_TUPLES),
        Batch(np.array([5, 6, 7, 8]), np.array([1, 1, 1, 1]), np.array([[1, 2]])),
    ]
    for before, after in zip(batches, unpack(pack(batches)), strict=True):
        for name in ("rows", "copies", "tuples"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    assert unpack(pack([])) == []


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(epochs=4, warmup=1.0, kind="constant"), [0, 0.5, 1, 1, 1]),
        (Schedule(epochs=4, warmup=0.0, kind="step", every=1, factor=0.1), [1, 1, 0.1, 0.01, 1e-4]),
        (Schedule(epochs=4, warmup=0.0), [1, (1 + math.cos(math.pi / 8)) / 2, (1 + math.sqrt(0.5)) / 2, 0.5, 0]),
    ],
)
def test_learning_rates_follow_the_schedule(schedule: Schedule, expected: list[float]) -> None:
    assert [rate_factor(schedule, at) for at in (0, 0.5, 1, 2, 4)] == pytest.approx(expected)


def test_head_backbone_and_loss_have_rates_of_their_own() -> None:
    model = build_model(backbone=tiny_backbone(), head="gem", head_options={"dim": 4}, trainable_from=1)
    loss = make_loss("proxy-nca", 3, 4)
    settings = Optimizer(learning_rate=1.0, backbone_rate=0.1, loss_rate=10.0, weight_decay=0.5)
    groups = make_optimizer(settings, model, loss).param_groups
    rates = {id(each): (group["lr"], group["weight_decay"]) for group in groups for each in group["params"]}
    head: Any = model.head
    filters, norm = model.backbone.get_submodule("stages.1").children()
    assert rates[id(filters.weight)] == (0.1, 0.5)
    assert rates[id(filters.bias)] == (0.1, 0.0)
    assert rates[id(head.projection.weight)] == (1.0, 0.5)
    assert rates[id(next(loss.parameters()))] == (10.0, 0.5)
    assert id(norm.weight) not in rates
    assert len(rates) == 5  # and GeM's exponent


def test_prefetched_results_come_in_order_and_no_more_are_made_than_asked_for() -> None:
    started: list[int] = []

    def jobs() -> Iterator[int]:
        for number in range(20):
            started.append(number)
            yield number

    def load(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    found = prefetch(load, jobs(), workers=3, ahead=4)
    assert next(found) == (0, 0)
    assert len(started) <= 6
    assert list(found) == [(number, number * number) for number in range(1, 20)]
    assert list(prefetch(load, range(3), workers=0, ahead=1)) == [(0, 0), (1, 1), (2, 4)]


def test_cached_maps_are_those_of_the_photos(folder: Path, tmp_path: Path) -> None:
    photos = read_data(tiny_recipe().data, folder).train
    pictures = Photos(photos.root, photos.paths, InputRule(stretch=(32, 32)), Augmentation(size=(32, 32)), 3)
    model = build_model(backbone=tiny_backbone(), head="gem", trainable_from=1)
    cached = cached_maps(tmp_path, pictures, model, 2, workers=2)
    rows, copies = np.array([4, 0, 4]), np.array([0, 2, 1])
    np.testing.assert_allclose(cached.maps(rows, copies), PhotoMaps(pictures, model).maps(rows, copies), atol=2e-3)
    assert not np.array_equal(cached.array[0, 4], cached.array[1, 4])
    made = cached.path.stat().st_mtime_ns
    assert cached_maps(tmp_path, pictures, model, 2, workers=2).path.stat().st_mtime_ns == made
    keys = {
        cache_key(pictures, model, 2),
        cache_key(pictures, model, 1),
        cache_key(dataclasses.replace(pictures, rule=InputRule(stretch=(64, 64))), model, 2),
        cache_key(dataclasses.replace(pictures, seed=4), model, 2),
        cache_key(dataclasses.replace(pictures, augment=Augmentation(size=(32, 32), flip=0.5)), model, 2),
        cache_key(pictures, build_model(backbone=tiny_backbone(1), head="gem", trainable_from=1), 2),
        cache_key(pictures, build_model(backbone=tiny_backbone(), head="gem", trainable_from=2), 2),
    }
    assert len(keys) == 7


def test_a_cache_that_was_interrupted_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    photos = read_data(tiny_recipe().data, folder).train
    pictures = Photos(photos.root, photos.paths, InputRule(stretch=(32, 32)), Augmentation(size=(32, 32)), 3)
    model = build_model(backbone=tiny_backbone(), head="gem", trainable_from=1)

    def stop(done: int, _: int) -> None:
        if done > 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_maps(tmp_path / "broken", pictures, model, 4, workers=1, progress=stop)
    (part,) = (tmp_path / "broken").glob("*.part")
    with part.open("ab") as file:
        file.write(b"half a map")
    told: list[int] = []
    found = cached_maps(tmp_path / "broken", pictures, model, 4, workers=1, progress=lambda done, _: told.append(done))
    whole = cached_maps(tmp_path / "whole", pictures, model, 4, workers=1)
    np.testing.assert_array_equal(found.array, whole.array)
    assert told[0] > 32 and not part.exists()


def test_recall_at_1_by_hand() -> None:
    def labeled(names: tuple[str, ...], labels: list[int], classes: tuple[str, ...]) -> LabeledPhotos:
        return LabeledPhotos(Path(), names, np.array(labels), classes)

    data = TrainingData(
        labeled(("a", "b", "c"), [0, 0, 1], ("oak", "pine")),
        labeled(("d", "e", "f"), [1, 0, 2], ("fir", "oak", "pine")),
    )
    database = np.eye(3, dtype=np.float32)
    # d (oak) is nearest to a (oak): right; f (pine) to b (oak): wrong; e (fir) has nothing to be found
    queries = np.array([[1, 0, 0], [1, 0, 0], [0.1, 0.9, 0.2]], np.float32)
    assert score(queries, database, relevance(data, Validation())) == 0.5
    with pytest.raises(DatasetError, match="none of 3 validation photos"):
        relevance(data, Validation(against="validation"))


def test_photos_with_places_are_searched_in_other_sequences() -> None:
    def placed(positions: list[list[float]], sequences: list[int]) -> PlacedPhotos:
        names = tuple(map(str, range(len(positions))))
        return PlacedPhotos(Path(), names, np.array(positions), np.array(sequences))

    photos = placed([[0, 0], [1, 0], [0, 3], [90, 0]], [0, 0, 1, 1])
    relevant = relevance(TrainingData(photos, photos), Validation(against="validation", radius=5.0))
    # 0 and 1 look alike, as do 1 and 3; of another sequence, 0 finds 2, 1 finds 3, 2 finds 0, and 3 has nothing to find
    similar = np.array([[1, 0.9, 0.5, 0], [0.9, 1, 0, 0.5], [0.5, 0, 1, 0.9], [0, 0.5, 0.9, 1]], np.float32)
    assert score(np.eye(4, dtype=np.float32), similar, relevant) == pytest.approx(2 / 3)


def test_with_nearest_photos_are_searched_in_their_own_sequence_by_place() -> None:
    positions = np.array([[0, 0], [1, 0], [4, 0], [90, 0]], np.float64)
    photos = PlacedPhotos(Path(), ("a", "b", "c", "d"), positions, np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    validation = Validation(against="validation", radius=5.0, nearest=2.0)
    relevant = relevance(TrainingData(photos, photos), validation)
    # a and b are too near each other; c is in reach of both; d is of the same area, and far from all
    assert relevant.answerable().tolist() == [True, True, True, False]
    similar = np.array([[1, 1, 0.5, 0], [1, 1, 0, 0.5], [0.5, 0.4, 1, 0.9], [0, 0, 1, 1]], np.float32)
    assert score(np.eye(4, dtype=np.float32), similar.T, relevant) == pytest.approx(1 / 3)


def test_mean_average_precision_agrees_with_the_evaluation() -> None:
    generator = np.random.default_rng(0)
    database, queries = (normalize(generator.normal(size=(count, 5)).astype(np.float32)) for count in (40, 9))
    labels = np.arange(40) % 7
    names = tuple(map(str, range(7)))
    data = TrainingData(
        LabeledPhotos(Path(), tuple(map(str, range(40))), labels, names),
        LabeledPhotos(Path(), tuple(f"q{row}" for row in range(9)), np.arange(9) % 7, names),
    )
    order = np.argsort(-(queries @ database.T), axis=1, kind="stable").tolist()
    positives = [set(np.flatnonzero(labels == row % 7).tolist()) for row in range(9)]
    expected = float(average_precisions(Hits.of(order, positives)).mean())
    assert score(queries, database, relevance(data, Validation()), "mAP") == pytest.approx(expected)


def test_training_makes_classes_easier_to_tell_apart(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(schedule={"epochs": 8}, optimizer={"learning_rate": 0.02, "backbone_rate": 1.0})
    told: list[tuple[str, int, int]] = []
    outcome = train(recipe, folder, tmp_path, progress=lambda *said: told.append(said), backbone=tiny_backbone())
    losses = [row["loss"] for row in read_log(tmp_path, "epochs")]
    assert losses[-1] < losses[1]
    assert len(losses) == 9 and outcome.epochs == 8 and outcome.score >= outcome.first_score
    assert [done for what, done, total in told if what == "training"] == list(range(1, outcome.steps + 1))
    assert {total for what, _, total in told if what == "training"} == {outcome.steps}


def test_all_stages_train_without_a_cache(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(model={"trainable_from": 0, "cached_copies": 2}, schedule={"epochs": 1})
    assert train(recipe, folder, tmp_path, backbone=tiny_backbone()).epochs == 1
    assert not (tmp_path / "maps").exists()
    first, last = (read_checkpoint(tmp_path / "checkpoints" / f"step-{step:08d}").weights for step in (0, 2))
    assert not torch.equal(first["model.backbone.stages.0.0.weight"], last["model.backbone.stages.0.0.weight"])


def test_training_stops_early_when_validation_does_not_get_better(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(schedule={"epochs": 50}, optimizer={"learning_rate": 1e-9}, validation={"patience": 2})
    outcome = train(recipe, folder, tmp_path, backbone=tiny_backbone())
    assert (outcome.stopped_early, outcome.epochs, outcome.best_step) == (True, 2, 0)


class Diverging(nn.Module):
    """A head whose second step is not a number."""

    def __init__(self) -> None:
        super().__init__()
        self.dim, self.calls = 8, 0
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, None]:
        self.calls += self.training
        factor = math.nan if self.calls > 2 else 1.0  # the first is the dry run's
        return maps.mean((2, 3)) * self.weight * factor, None

    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Learn nothing."""


def test_a_loss_that_is_not_a_number_names_the_photos_and_keeps_the_checkpoint(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(**_: object) -> DescriptorModel:
        return DescriptorModel(tiny_backbone(), Diverging(), trainable_from=1)

    monkeypatch.setattr("placeprint.training.run.run.build_model", build)
    with pytest.raises(TrainingError, match=r"not a number for the batch of class\d/"):
        train(tiny_recipe(checkpoints={"steps": 1}, loss={"name": "arcface"}), folder, tmp_path)
    last = latest_checkpoint(tmp_path)
    assert last is not None
    found = read_checkpoint(last)
    assert found.step == 1
    assert all(bool(torch.isfinite(value).all()) for value in found.weights.values())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"batches": {"instances": 1}}, OptionError, "instances of at least 2"),
        ({"loss": {"name": "cgd"}}, OptionError, "set head.name to 'cgd'"),
        ({"loss": {"name": "weak-ranking"}}, OptionError, "needs photos with places"),
        ({"loss": {"name": "triplets"}}, OptionError, "no loss called 'triplets'"),
        ({"loss": {"margins": 1}}, OptionError, "no parameter 'margins'"),
        ({"head": {"width": 1}}, OptionError, "no parameter 'width'"),
        ({"augmentation": {"blurr": 1.0}}, OptionError, "no parameter 'blurr'"),
        ({"model": {"trainable_from": 9}}, OptionError, "model.trainable_from must be from 0"),
        ({"augmentation": {"size": [32, 32]}}, OptionError, "is model.size"),
        ({"data": {"options": {"deep": True}}}, OptionError, "no parameter 'deep'; known: leaf"),
        ({"data": {"split_by": "sequence"}}, OptionError, "split by photo, block or class"),
        ({"data": {"train": "missing"}}, DatasetError, "there is no folder"),
        ({"data": {"split_by": "class"}}, DatasetError, "set validation.against"),
        ({"model": {"train_batch_norm": True}, "batches": {"chunk": 2}}, OptionError, "to be frozen"),
        ({"optimizer": {"precision": "fp16"}}, OptionError, "needs a GPU"),
    ],
)
def test_what_cannot_work_is_told_before_the_first_epoch(
    folder: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    if torch.cuda.is_available() and "GPU" in message:
        pytest.skip("there is a GPU")
    with pytest.raises(error, match=message):
        train(tiny_recipe(**changes), folder, tmp_path / "run", backbone=tiny_backbone())
    assert not (tmp_path / "run").exists()


def test_a_network_that_cannot_take_the_size_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    network = tiny_backbone()
    network.stages.append(nn.Unflatten(1, (3, -1)))  # of 8 channels
    with pytest.raises(TrainingError, match=r"of 32 x 32: .*; check model.size and \[batches\]"):
        train(tiny_recipe(), folder, tmp_path / "run", backbone=network)


def test_one_photo_classes_are_told_or_left_out(tmp_path: Path) -> None:
    write_classes(tmp_path / "photos", classes=2)
    lonely = write_classes(tmp_path / "more", classes=3, photos=1) / "class2"
    lonely.rename(tmp_path / "photos" / "lonely")
    with pytest.raises(DatasetError, match="1 of 3 classes have one training photo and make no pair: 'lonely'"):
        train(tiny_recipe(batches={"classes": 2}), tmp_path / "photos", tmp_path / "run", backbone=tiny_backbone())
    recipe = tiny_recipe(batches={"classes": 2, "leave_out_lonely": True}, schedule={"epochs": 1})
    assert train(recipe, tmp_path / "photos", tmp_path / "run", backbone=tiny_backbone()).epochs == 1


def test_mined_tuples_have_a_near_photo_and_far_ones(tmp_path: Path) -> None:
    data = tiny_recipe(data={"form": "clips", "train": "walks.csv", "split_by": "sequence", "share": 0.3}).data
    photos = read_data(data, write_walk(tmp_path)).train
    assert isinstance(photos, PlacedPhotos)
    options = {"nearest": 0.5, "positive": 2.0, "negative": 3.0, "used": 2}
    loss = {"name": "weak-ranking", "margin": 4.0}
    recipe = tiny_recipe(mining=options | {"queries": 5}, loss=loss, batches={"tuples": 2})
    random = np.random.default_rng(0).normal(size=(len(photos), 4)).astype(np.float32)
    units = random / np.linalg.norm(random, axis=1, keepdims=True)
    plan = make_plan(recipe, photos, lambda rows: units[rows])
    batches = plan.epoch(0)
    assert [len(each.tuples) for each in batches] == [2, 2, 1]
    for batch in batches:
        start = 0
        for near, far in batch.tuples:
            query, *rest = batch.rows[start : start + 1 + near + far]
            apart = np.linalg.norm(photos.positions[rest] - photos.positions[query], axis=1)
            assert (near, far) == (1, 2)
            assert 0.5 < apart[0] <= 2 and (apart[1:] > 3).all()
            start += 1 + near + far
    assert not np.array_equal(plan.epoch(1)[0].rows, batches[0].rows)


def test_mining_takes_the_margin_of_the_loss(tmp_path: Path) -> None:
    data = tiny_recipe(data={"form": "clips", "train": "walks.csv", "split_by": "sequence", "share": 0.3}).data
    photos = read_data(data, write_walk(tmp_path)).train
    loss = {"name": "weak-ranking", "margin": 0.7}

    def margin(**mining: float) -> float:
        distances = {"nearest": 0.5, "positive": 2.0, "negative": 3.0}
        plan: Any = make_plan(
            tiny_recipe(loss=loss, mining=distances | mining), photos, lambda _: np.zeros((0, 1), np.float32)
        )
        return float(plan.miner.options.margin)

    assert margin() == 0.7
    assert margin(margin=0.7) == 0.7  # as recipes of earlier versions say it
    with pytest.raises(OptionError, match=r"mining.margin 0.1 differs from loss.margin 0.7; set only loss.margin"):
        margin(margin=0.1)


def test_pairs_are_of_one_class_or_one_place() -> None:
    labels = np.array([1, 0, 1, 0, 1, 2, 2])
    photos = LabeledPhotos(Path(), tuple("abcdefg"), labels, ("x", "y", "z"))
    recipe = tiny_recipe(batches={"classes": 2, "instances": 2})
    rows = np.array([0, 1, 2, 4, 5])  # labels 1, 0, 1, 1, 2
    found = make_plan(recipe, photos, lambda _: np.zeros((0, 1), np.float32)).pairs(rows)
    assert sorted(map(tuple, np.sort(found, axis=1).tolist())) == [(0, 2), (0, 3), (2, 3)]
    positions = np.column_stack([np.array([0, 4, 8, 12, 100]), np.zeros(5)])
    walk = PlacedPhotos(Path(), tuple("abcde"), positions.astype(np.float64), np.zeros(5, np.int64))
    recipe = tiny_recipe(loss={"name": "weak-ranking"}, mining={"nearest": 5.0})
    near = make_plan(recipe, walk, lambda _: np.zeros((0, 1), np.float32)).pairs(np.array([0, 2, 3, 4]))
    assert sorted(map(tuple, near.tolist())) == [(0, 1), (1, 0)]  # a and c; a and d are too far, c and d too near
