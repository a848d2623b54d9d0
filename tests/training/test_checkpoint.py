"""Checkpoints: whole or not there, and a run that was interrupted ends like one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from placeprint.errors import OptionError, WeightsError
from placeprint.training.recipe import Recipe
from placeprint.training.run.checkpoint import (
    FOLDER,
    Checkpoint,
    best_checkpoint,
    data_fingerprint,
    latest_checkpoint,
    load_into,
    read_checkpoint,
    weights_of,
    write_checkpoint,
)
from placeprint.training.run.facts import CheckpointFacts, Metrics, PhotoSetFacts, RunFacts
from placeprint.training.run.journal import read_log
from placeprint.training.run.run import train
from tests.training.tiny import tiny_backbone, tiny_recipe, write_classes, write_walk


def checkpoint(step: int, value: float = 0.0) -> Checkpoint:
    photos = PhotoSetFacts("abc", 5)
    run = RunFacts({"model": {}, "head": {"name": "gem"}}, ("cat", "dog"), photos, photos, "1234")
    facts = CheckpointFacts(run, step, 2, Metrics("recall@1", 0.5, 1, 0.25))
    return Checkpoint(facts, {"model.weight": torch.full((2,), value)}, {"rows": torch.arange(3)})


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / FOLDER).iterdir())


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, checkpoint(3, 1.5), keep=2)
    found = read_checkpoint(path)
    assert (found.step, found.facts) == (3, checkpoint(3).facts)
    assert found.weights["model.weight"].tolist() == [1.5, 1.5]
    assert found.state["rows"].tolist() == [0, 1, 2]


def test_the_last_ones_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(5):
        write_checkpoint(tmp_path, checkpoint(step), keep=2, best=step == 1)
    assert names(tmp_path) == ["step-00000001", "step-00000003", "step-00000004"]
    best, last = best_checkpoint(tmp_path), latest_checkpoint(tmp_path)
    assert best is not None and last is not None
    assert (best.name, last.name) == ("step-00000001", "step-00000004")


def test_one_of_the_same_step_takes_the_place_of_the_other(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        path = write_checkpoint(tmp_path, checkpoint(1, value), keep=2)
    assert read_checkpoint(path).weights["model.weight"].tolist() == [2.0, 2.0]
    assert names(tmp_path) == ["step-00000001"]


def test_half_a_checkpoint_is_none(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint(1), keep=2)
    (tmp_path / FOLDER / ".step-00000002.99.tmp").mkdir()
    (tmp_path / FOLDER / "step-00000003").mkdir()
    last = latest_checkpoint(tmp_path)
    assert last is not None and last.name == "step-00000001"
    write_checkpoint(tmp_path, checkpoint(4), keep=2)
    assert not list((tmp_path / FOLDER).glob(".*"))


@pytest.mark.parametrize("file", ["weights.safetensors", "state.pt", "checkpoint.toml"])
def test_damage_is_told(tmp_path: Path, file: str) -> None:
    path = write_checkpoint(tmp_path, checkpoint(1), keep=2)
    (path / file).write_bytes(b"\x00broken")
    with pytest.raises(WeightsError, match="is damaged"):
        read_checkpoint(path)


def test_another_architecture_is_refused_with_the_keys_named() -> None:
    weights = weights_of(nn.Linear(2, 3), nn.Identity())
    with pytest.raises(WeightsError, match=r"missing 0\.bias, 0\.weight, unexpected bias, weight"):
        load_into(weights, model=nn.Sequential(nn.Linear(2, 3)))
    with pytest.raises(WeightsError, match=r"'weight' has shape \(3, 2\), expected \(4, 2\)"):
        load_into(weights, model=nn.Linear(2, 4))


def test_the_fingerprint_sees_photos_and_labels(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12")
    labels = np.array([1])
    first = data_fingerprint(tmp_path, ("a",), labels)
    assert data_fingerprint(tmp_path, ("a",), labels.copy()) == first
    assert data_fingerprint(tmp_path, ("a",), labels + 1) != first
    (tmp_path / "a").write_bytes(b"123")
    assert data_fingerprint(tmp_path, ("a",), labels) != first


class StoppedError(Exception):
    """Ends a run from within."""


def train_until(step: int, recipe: Recipe, photos: Path, run: Path, *, resume: bool = False) -> None:
    """Train, but stop right after a step, as an interruption would."""
    seen = 0

    def tell(what: str, done: int, _: int) -> None:
        nonlocal seen
        seen = done if what == "training" else seen
        if what == "training" and done == step:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(recipe, photos, run, progress=tell, resume=resume, backbone=tiny_backbone())


@pytest.mark.parametrize("kind", ["labels", "places"])
def test_an_interrupted_run_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, kind: str) -> None:
    if kind == "labels":
        photos = write_classes(tmp_path / "photos")
        recipe = tiny_recipe(
            head={"name": "cgd", "dim": 8},
            loss={"name": "cgd"},
            checkpoints={"steps": 1},
            schedule={"epochs": 3},
        )
    else:
        photos = write_walk(tmp_path / "photos")
        recipe = tiny_recipe(
            data={"form": "clips", "train": "walks.csv", "split_by": "sequence", "share": 0.3},
            head={"name": "netvlad", "num_clusters": 3},
            loss={"name": "weak-ranking", "margin": 1.0},
            mining={"nearest": 0.5, "positive": 2.0, "negative": 3.0, "margin": 1.0, "sampled": 6, "used": 3},
            batches={"tuples": 3},
            checkpoints={"steps": 1},
            schedule={"epochs": 2},
        )
    outcome = train(recipe, photos, tmp_path / "whole", backbone=tiny_backbone())
    assert outcome.steps > 4
    train_until(3, recipe, photos, tmp_path / "broken")
    train_until(4, recipe, photos, tmp_path / "broken", resume=True)
    again = train(recipe, photos, tmp_path / "broken", resume=True, backbone=tiny_backbone())
    found = []
    for run in ("whole", "broken"):
        last = latest_checkpoint(tmp_path / run)
        assert last is not None
        found.append(read_checkpoint(last))
    assert found[0].step == found[1].step == outcome.steps
    for name, value in found[0].weights.items():
        assert torch.equal(value, found[1].weights[name]), name
    assert (again.score, again.best_step) == (outcome.score, outcome.best_step)
    logs = [[(row["step"], row["loss"]) for row in read_log(tmp_path / run, "steps")] for run in ("whole", "broken")]
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos")
    code = (
        "from pathlib import Path; from tests.training.tiny import *; from placeprint.training.run.run import train;"
        "recipe = tiny_recipe(checkpoints={'steps': 1}, schedule={'epochs': 5000});"
        f"train(recipe, Path({str(photos)!r}), Path({str(tmp_path / 'run')!r}), backbone=tiny_backbone())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 120
        last = None
        while time.monotonic() < deadline and (last is None or read_step(last) < 3):
            assert process.poll() is None
            time.sleep(0.02)
            last = latest_checkpoint(tmp_path / "run")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = latest_checkpoint(tmp_path / "run")
    assert last is not None
    step = read_checkpoint(last).step
    assert step >= 3
    logged = int(read_log(tmp_path / "run", "steps")[-1]["step"])
    assert logged - step <= 1  # a step at most is lost
    recipe = tiny_recipe(checkpoints={"steps": 1}, schedule={"epochs": 5000})
    train_until(step + 2, recipe, photos, tmp_path / "run", resume=True)
    assert [row["step"] for row in read_log(tmp_path / "run", "steps")] == list(range(1, step + 3))


def read_step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def test_a_run_is_not_overwritten_nor_mixed_with_another(tmp_path: Path) -> None:
    photos = write_classes(tmp_path / "photos")
    train(tiny_recipe(), photos, tmp_path / "run", backbone=tiny_backbone())
    with pytest.raises(OptionError, match="continue with --resume"):
        train(tiny_recipe(), photos, tmp_path / "run", backbone=tiny_backbone())
    other = tiny_recipe(optimizer={"learning_rate": 0.5})
    with pytest.raises(OptionError, match="another recipe: optimizer differ"):
        train(other, photos, tmp_path / "run", resume=True, backbone=tiny_backbone())
    (photos / "class0" / "0.png").write_bytes((photos / "class1" / "1.png").read_bytes())
    with pytest.raises(OptionError, match="photos differ from those"):
        train(tiny_recipe(), photos, tmp_path / "run", resume=True, backbone=tiny_backbone())
