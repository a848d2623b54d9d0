"""Photos that had no part in a run, searched among those it learned from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from placeprint.datasets.photos.labeled_photos import read_image_folder
from placeprint.errors import DatasetError, OptionError
from placeprint.features.resizing import InputRule
from placeprint.training.data.prepare import read_data
from placeprint.training.model.trained_network import build_model
from placeprint.training.run.run import train
from placeprint.training.run.testing import measure, measure_run
from tests.training.tiny import tiny_backbone, tiny_recipe, write_classes


def test_the_figures_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    photos = read_image_folder(write_classes(tmp_path / "photos"))
    even = np.arange(len(photos)) % 2 == 0
    database, queries = photos[even], photos[~even]
    recipe = tiny_recipe()
    model = build_model(backbone=tiny_backbone(), head="gem", trainable_from=1).eval()
    found = measure(recipe, model, database, queries, tmp_path / "maps")
    from placeprint.training.data.loading import PhotoMaps, Photos, describe

    rows = [
        describe(
            model, PhotoMaps(Photos(p.root, p.paths, InputRule(stretch=(32, 32))), model), np.arange(len(p)), workers=0
        )
        for p in (database, queries)
    ]
    right, precisions = 0, []
    for label, vector in zip(queries.labels, rows[1], strict=True):
        order = sorted(range(len(database)), key=lambda i, v=vector: -float(v @ rows[0][i]))  # type: ignore[misc]  # mypy cannot infer a lambda's default
        hits = [bool(database.labels[i] == label) for i in order]
        right += hits[0]
        precisions.append(np.mean([sum(hits[: k + 1]) / (k + 1) for k in range(len(hits)) if hits[k]]))
    assert np.isclose(found["recall_at_1"], right / len(queries))
    assert np.isclose(found["mean_average_precision"], np.mean(precisions))
    assert (found["queries"], found["database"]) == (len(queries), len(database))


def test_a_run_is_tested_once_and_the_figures_are_kept(tmp_path: Path) -> None:
    write_classes(tmp_path / "data" / "train")
    write_classes(tmp_path / "data" / "test", photos=2)
    for path in (tmp_path / "data" / "test").rglob("*.png"):  # other bytes, or they would be training photos
        path.write_bytes(path.read_bytes() + b"\0")
    recipe = tiny_recipe(data={"train": "train", "test": "test"})
    train(recipe, tmp_path / "data", tmp_path / "run", backbone=tiny_backbone())
    found = measure_run(tmp_path / "run", tmp_path / "data", backbone=tiny_backbone())
    assert found["queries"] == 6 and found["recall_at_1"] == 1.0  # the same pictures are among the training photos
    assert tomllib.loads((tmp_path / "run" / "test.toml").read_text()) == found


def test_training_photos_are_no_test(tmp_path: Path) -> None:
    write_classes(tmp_path / "data" / "train")
    recipe = tiny_recipe(data={"train": "train", "test": "train"})
    train(recipe, tmp_path / "data", tmp_path / "run", backbone=tiny_backbone())
    with pytest.raises(DatasetError):
        measure_run(tmp_path / "run", tmp_path / "data", backbone=tiny_backbone())


def test_a_recipe_without_test_photos_says_so(tmp_path: Path) -> None:
    write_classes(tmp_path / "data")
    train(tiny_recipe(), tmp_path / "data", tmp_path / "run", backbone=tiny_backbone())
    with pytest.raises(OptionError, match=r"set data\.test"):
        measure_run(tmp_path / "run", tmp_path / "data", backbone=tiny_backbone())


def test_a_block_is_the_last_of_each_class(tmp_path: Path) -> None:
    data = tiny_recipe(data={"split_by": "block", "share": 0.34}).data
    found = read_data(data, write_classes(tmp_path))
    assert found.validation.paths == tuple(f"class{label}/{number}.png" for label in range(3) for number in (4, 5))
    assert len(found.train) == 12
