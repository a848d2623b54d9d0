"""Recipes: read, changed, refused, and written back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from placeprint.errors import OptionError
from placeprint.training.data.augmentation import Augmentation
from placeprint.training.losses import loss_params
from placeprint.training.model.heads import head_parameters
from placeprint.training.recipe import as_tables, load_recipe, recipe_from, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_name_what_there_is(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.summary
    assert set(recipe.head) - {"name"} <= set(head_parameters(str(recipe.head["name"])))
    assert set(recipe.loss) - {"name"} <= set(loss_params(str(recipe.loss["name"])))
    assert Augmentation.from_table(recipe.augmentation)


def test_a_recipe_survives_toml() -> None:
    recipe = load_recipe("cgd-grocery", ["mining.queries=10", "data.options.leaf=true"])
    assert recipe_from(tomllib.loads(tomli_w.dumps(as_tables(recipe)))) == recipe


def test_changes_are_toml_and_words_need_no_quotes() -> None:
    changes = ["model.trainable_from=0", "head.name=gem", "optimizer.learning_rate = 2e-4", "model.size=[64, 32]"]
    recipe = load_recipe("cgd-grocery", changes)
    assert (recipe.model.trainable_from, recipe.head["name"]) == (0, "gem")
    assert (recipe.optimizer.learning_rate, recipe.model.size) == (2e-4, (64, 32))


def test_a_change_leaves_the_rest_of_its_table() -> None:
    changed, before = load_recipe("cgd-grocery", ["optimizer.clip=2.0"]), load_recipe("cgd-grocery")
    assert changed.optimizer.clip == 2.0
    assert changed.schedule == before.schedule and changed.optimizer.learning_rate == before.optimizer.learning_rate


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("schedule.epoch=3", "did you mean 'epochs'"),
        ("shedule.epochs=3", "did you mean 'schedule'"),
        ("schedule.epochs=0", "schedule.epochs must be a whole number from 1 to 1000000, got 0"),
        ("schedule.epochs=true", "schedule.epochs must be a whole number from 1 to 1000000, got True"),
        ("schedule.epochs=2.5", "schedule.epochs must be a whole number"),
        ("schedule.kind=cosinus", "must be one of cosine, step, constant"),
        ("model.size=[3]", "model.size must be a list of 2 values, each a whole number from 16 to 4096, got [3]"),
        ("model.size=224", "model.size must be a list of 2 values"),
        ("head.name.x=1", "not a table"),
        ("schedule.epochs", "table.key=value"),
        ("head=gem", "must be a table"),
        ("optimizer.learning_rate=-1", "optimizer.learning_rate must be a number above 0 and at most 100, got -1"),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate must be a number above 0 and at most 100, got nan"),
        (
            "optimizer.learning_rate=fast",
            "optimizer.learning_rate must be a number above 0 and at most 100, got 'fast'",
        ),
        ("data.share=2", "data.share must be a number above 0 and below 1, got 2"),
        ("validation.radius=-3", "validation.radius must be a number above 0"),
        ("seed=-1", "seed must be a whole number from 0"),
        ("batches.classes=0", "batches.classes must be a whole number from 1"),
        ("checkpoints.keep=" + "9" * 5000, "checkpoints.keep must be a whole number"),
        ("schedule.epochs=", "schedule.epochs must be a whole number from 1 to 1000000, got ''"),
        ("=3", "table.key=value"),
    ],
)
def test_what_is_wrong_is_refused_by_name(change: str, message: str) -> None:
    with pytest.raises(OptionError, match=message.replace("[", r"\[")):
        load_recipe("cgd-grocery", [change])


def test_a_head_and_a_loss_need_names() -> None:
    with pytest.raises(OptionError, match=r"loss\.name must be text, got None"):
        recipe_from({"loss": {"margin": 0.1}})


def test_recipes_are_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[schedule]\nepochs = 7\n")
    assert (load_recipe(str(path)).name, load_recipe(str(path)).schedule.epochs) == ("own", 7)
    path.write_text("schedule = [")
    with pytest.raises(OptionError, match="is not TOML"):
        load_recipe(str(path))
    with pytest.raises(OptionError, match=r"known: .*cgd-grocery"):
        load_recipe("cgd")
