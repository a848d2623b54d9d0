"""Recipes: everything a training run depends on besides the photos, in one TOML file.

    summary = "one line"
    seed = 0
    [data]          where the photos and their labels or places are, and which are for validation
    [model]         backbone, its trained stages, the size of the pictures
    [head]          name, and parameters of `training.heads`
    [loss]          name, and parameters of `training.losses`
    [batches]       classes and instances of a batch (photos with labels)
    [mining]        tuples (photos with places)
    [augmentation]  parameters of `training.augmentation.Augmentation`
    [clutter]       parameters of `training.clutter.Clutter`; no table, no clutter
    [optimizer]     name, learning rates, accumulation, clipping, precision
    [schedule]      epochs, warm-up, how the learning rate falls
    [validation]    metric, how often, patience
    [checkpoints]   how often, how many

Each table is a dataclass below; missing keys have their defaults. The tables head, loss, mining, augmentation and
clutter take the parameters of the parts they name; `check_parts` checks those. A run keeps its recipe, with the
defaults.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from placeprint.core.named_toml import parse_setting, read_named, shipped_names, toml_tables
from placeprint.core.options import (
    Count,
    CountOrNone,
    NotNegative,
    OneOf,
    Positive,
    Range,
    Seed,
    check_value,
    checked,
    shown,
)
from placeprint.core.table_reading import read_table
from placeprint.errors import OptionError
from placeprint.features.resizing import InputRule

PACKAGE = "placeprint.recipes"
Values = Mapping[str, Any]
PartOf = Annotated[float, Range(0, 1, below=True)]
"""A share below 1."""
Side = Annotated[int, Range(16, 4096)]
"""Side of the network's input in pixels."""


class WithName:
    """Reads a table of a name and the parameters of what it names; `check_parts` checks those."""

    def read(self, base: Any, table: object, path: str) -> Values:
        """Return the table; see `options.PartReader`."""
        found: Values = check_value(path, base, table)
        check_value(f"{path}.name", str, found.get("name"))
        return found


Named = Annotated[Values, WithName()]
"""A table that holds the parameters of what it names."""


@checked
@dataclass(frozen=True, kw_only=True)
class Data:
    """The table ``[data]``: the photos.

    Args:
        form: how they are organized: ``"folder"`` (one folder per class), ``"csv"`` or ``"list"`` (labels);
            ``"clips"``, ``"gps"``, ``"utm"`` or ``"positions"`` (places).
        train: the file or folder of the training photos, below the data folder; empty for the data folder itself.
        validation: likewise for validation photos; empty to take them from the training photos.
        test: likewise for test photos, which are searched once among all training photos at the end; empty for none.
            They need labels, and do not influence any choice.
        test_share: for photos with places, the share of the sequences held out for such a test, before validation
            photos are drawn; 0 for none. See `training.run.place_testing`.
        share: the share of the training photos, or of their classes or sequences, used for validation if `validation`
            is empty.
        split_by: for labels ``"photo"`` (drawn from each class), ``"block"`` (the last listed of each class, because
            successive photos often look nearly the same) or ``"class"`` (whole classes); for places ``"sequence"`` or
            ``"area"``.
        hold_out_classes: for photos with labels, the share of the classes excluded from the run, to measure the result
            on unseen classes; 0 for none.
        options: the options of the form's reader, see `datasets`.
        limit: the most photos for training and for validation each, evenly spaced; 0 for all.
    """

    form: Annotated[str, OneOf("folder", "csv", "list", "clips", "gps", "utm", "positions")] = "folder"
    train: str = ""
    validation: str = ""
    test: str = ""
    test_share: PartOf = 0.0
    share: Annotated[float, Range(0, 1, above=True, below=True)] = 0.1
    split_by: Annotated[str, OneOf("photo", "block", "class", "sequence", "area")] = "photo"
    hold_out_classes: PartOf = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    limit: CountOrNone = 0


@checked
@dataclass(frozen=True, kw_only=True)
class Model:
    """The table ``[model]``: the network.

    Args:
        backbone: see `networks.stages`.
        last_downsampling: see `networks.stages`.
        last_stage: see `networks.stages`.
        trainable_from: the first stage to train: 0 for all, one more than the last for none.
        train_batch_norm: whether batch normalization uses batch statistics.
        size: ``(width, height)`` of the network's input in pixels. Photos are stretched to it, also by the run's
            preset.
        start: folder of an earlier run, whose best backbone is the initialization; the head is initialized anew. Empty
            for the backbone as it comes.
        cached_copies: the number of augmented copies per training photo whose maps of the last frozen stage are cached
            on disk; 0 to compute them each time, as when all stages train.
    """

    backbone: str = "efficientnet-lite2"
    last_downsampling: bool = True
    last_stage: Annotated[int, OneOf(4, 5, 7)] = 7
    trainable_from: Annotated[int, Range(0, 100)] = 0
    train_batch_norm: bool = False
    size: tuple[Side, Side] = (224, 224)
    start: str = ""
    cached_copies: Annotated[int, Range(0, 1000)] = 0

    @property
    def input_rule(self) -> InputRule:
        """The rule that turns a photo into the network's input: in training, in validation, and in the preset."""
        return InputRule(stretch=self.size)


@checked
@dataclass(frozen=True, kw_only=True)
class Batches:
    """The table ``[batches]``: photos or tuples per step.

    Args:
        classes: the number of classes per batch.
        instances: the number of photos per class.
        tuples: for photos with places, the number of tuples per batch.
        leave_out_lonely: whether to exclude classes of one photo; otherwise they are an error.
        chunk: the number of photos through the network at once; less than a batch enables the gradient cache; 0 for
            all.
        workers: the number of threads that prepare photos ahead; 0 for one per core.
        ahead: the number of batches prepared ahead.
    """

    classes: Annotated[int, Range(1, 100_000)] = 16
    instances: Annotated[int, Range(1, 100_000)] = 4
    tuples: Annotated[int, Range(1, 100_000)] = 4
    leave_out_lonely: bool = False
    chunk: CountOrNone = 0
    workers: Annotated[int, Range(0, 256)] = 0
    ahead: Annotated[int, Range(1, 1000)] = 4


@checked
@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """The table ``[optimizer]``.

    Args:
        name: ``"adamw"``, ``"adam"`` or ``"sgd"`` (momentum 0.9).
        learning_rate: the learning rate of the head.
        backbone_rate: the learning rate of the backbone, in units of `learning_rate`.
        loss_rate: the learning rate of the loss's own weights, such as proxies, in units of `learning_rate`.
        weight_decay: the weight decay, except for biases, exponents and batch normalization.
        accumulate: the number of batches per step.
        clip: the largest length of the gradient; 0 for no clipping.
        blend: the share, above 0, of the learned weights in the blend with the initial ones that validation and the
            preset use; 1 for the learned ones. See `training.model.blending`.
        precision: the precision of products, ``"no"``, ``"bf16"`` or ``"fp16"``.
    """

    name: Annotated[str, OneOf("adamw", "adam", "sgd")] = "adamw"
    learning_rate: Annotated[float, Range(0, 100, above=True)] = 1e-3
    backbone_rate: Annotated[float, Range(0, 10_000)] = 0.1
    loss_rate: Annotated[float, Range(0, 10_000)] = 1.0
    weight_decay: Annotated[float, Range(0, 100)] = 1e-4
    accumulate: Annotated[int, Range(1, 100_000)] = 1
    clip: NotNegative = 0.0
    blend: Annotated[float, Range(0, 1, above=True)] = 1.0
    precision: Annotated[str, OneOf("no", "bf16", "fp16")] = "no"


@checked
@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The table ``[schedule]``: how long to train, and how the learning rate changes.

    Args:
        epochs: the most rounds over the photos.
        warmup: the epochs in which the rate rises from 0; may be a fraction.
        kind: ``"cosine"`` falls to 0 at the end, ``"step"`` falls by `factor` every `every` epochs, ``"constant"``.
        every: see `kind`.
        factor: see `kind`.
    """

    epochs: Annotated[int, Range(1, 1_000_000)] = 10
    warmup: Annotated[float, Range(0, 1_000_000)] = 0.5
    kind: Annotated[str, OneOf("cosine", "step", "constant")] = "cosine"
    every: Count = 5
    factor: Annotated[float, Range(0, 1, above=True)] = 0.5


@checked
@dataclass(frozen=True, kw_only=True)
class Validation:
    """The table ``[validation]``: how the best weights are chosen.

    Args:
        metric: ``"recall@1"``, or ``"mAP"``, which still distinguishes runs if nearly every nearest photo is right.
        against: where to search a validation photo: ``"train"``, the training photos, or ``"validation"``, the other
            validation photos.
        every: the number of epochs between validations.
        patience: the number of validations without an improvement after which training stops; 0 for never.
        radius: for photos with places, the distance in meters within which a photo shows the same place.
        nearest: for photos with places, if above 0: also search a photo in its own sequence, excluding photos within
            this many meters, and count places instead of areas.
    """

    metric: Annotated[str, OneOf("recall@1", "mAP")] = "recall@1"
    against: Annotated[str, OneOf("train", "validation")] = "train"
    every: Count = 1
    patience: CountOrNone = 0
    radius: Positive = 10.0
    nearest: NotNegative = 0.0


@checked
@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The table ``[checkpoints]``.

    Args:
        minutes: the time between checkpoints; there is also one after each validation.
        steps: the number of steps between checkpoints; 0 to ignore steps.
        keep: the number of latest checkpoints to keep, besides the best.
    """

    minutes: NotNegative = 5.0
    steps: CountOrNone = 0
    keep: Annotated[int, Range(1, 1_000_000)] = 2


@checked
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe with all its tables, see the module.

    Args:
        name: the name of the recipe.
        summary: one line.
        seed: the seed of all randomness.
        data: the table ``[data]``.
        model: the table ``[model]``.
        head: the name and parameters of the head.
        loss: the name and parameters of the loss.
        batches: the table ``[batches]``.
        mining: the parameters of mining.
        augmentation: the parameters of the augmentation.
        clutter: the parameters of the clutter.
        optimizer: the table ``[optimizer]``.
        schedule: the table ``[schedule]``.
        validation: the table ``[validation]``.
        checkpoints: the table ``[checkpoints]``.
    """

    name: str = "recipe"
    summary: str = ""
    seed: Seed = 0
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    head: Named = field(default_factory=lambda: {"name": "gem"})
    loss: Named = field(default_factory=lambda: {"name": "triplet"})
    batches: Batches = field(default_factory=Batches)
    mining: Values = field(default_factory=dict)
    augmentation: Values = field(default_factory=dict)
    clutter: Values = field(default_factory=dict)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    validation: Validation = field(default_factory=Validation)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)


def recipe_names() -> list[str]:
    """List the recipes that ship with the package."""
    return shipped_names(PACKAGE)


def recipe_summaries() -> dict[str, str]:
    """Return the one-line summaries of the recipes that ship with the package, by name."""
    return {name: load_recipe(name).summary for name in recipe_names()}


def load_recipe(place: str, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe by its name, or from the path of a TOML file.

    Args:
        place: a name or a path.
        changes: settings ``"table.key=value"``, the value as in TOML; words need no quotes.

    Raises:
        OptionError: the recipe does not exist, is not TOML, or has unknown keys; the message lists the known ones.
    """
    name, _, text = read_named(place, PACKAGE, "recipe")
    tables = toml_tables(text, f"the recipe {place!r}")
    for change in changes:
        _apply(tables, change)
    return recipe_from({"name": name} | tables)


def recipe_from(tables: Values) -> Recipe:
    """Return a recipe from its tables.

    Raises:
        OptionError: a table or key is unknown, or a value has the wrong type or is out of range.

    Example:
        >>> recipe_from({"schedule": {"epochs": 3}}).schedule.epochs
        3
    """
    return read_table(Recipe, tables, what="a recipe")


def check_parts(recipe: Recipe) -> None:
    """Check the tables with the parameters of named parts, before reading any photo.

    Raises:
        OptionError: a name or parameter is unknown, or a value has the wrong type or is out of range.
    """
    from placeprint.training.data.augmentation import Augmentation
    from placeprint.training.data.clutter import Clutter
    from placeprint.training.data.mining import MiningOptions
    from placeprint.training.losses import checked_loss
    from placeprint.training.model.heads import checked_head

    for table, check in (("head", checked_head), ("loss", checked_loss)):
        values = dict(getattr(recipe, table))
        check(str(values.pop("name")), values)
    MiningOptions.from_table(recipe.mining)
    Augmentation.from_table(recipe.augmentation)
    Clutter.from_table(recipe.clutter)


def as_tables(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as a TOML document with all defaults; `recipe_from` reads it."""
    return dataclasses.asdict(recipe)


def _apply(tables: dict[str, Any], change: str) -> None:
    """Apply a setting ``table.key=value``."""
    place, value = parse_setting(change, "table.key=value")
    *above, key = place.split(".")
    for name in above:
        tables = tables.setdefault(name, {})
        if not isinstance(tables, dict):
            raise OptionError(f"{name!r} of {shown(change)} is not a table")
    tables[key] = value
