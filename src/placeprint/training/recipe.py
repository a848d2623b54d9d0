"""Recipes: everything a training run depends on besides the photos, in one TOML file.

    summary = "one line"
    seed = 0
    [data]          where the photos and their labels or places are, and which of them validate
    [model]         backbone, its stages that train, the size of the pictures
    [head]          name, and parameters of `training.heads`
    [loss]          name, and parameters of `training.losses`
    [batches]       classes and instances of a batch (photos with labels)
    [mining]        tuples (photos with places)
    [augmentation]  parameters of `training.augmentation.Augmentation`
    [clutter]       parameters of `training.clutter.Clutter`; without the table there is none
    [optimizer]     name, learning rates, accumulation, clipping, precision
    [schedule]      epochs, warm-up, how the learning rate falls
    [validation]    metric, how often, patience
    [checkpoints]   how often, how many

Each table is a dataclass below; what is left out has its default. The tables head, loss, mining, augmentation
and clutter take the parameters of what they name; `check_parts` checks those. A run keeps its recipe, with
the defaults.
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
"""A share that leaves something over."""
Side = Annotated[int, Range(16, 4096)]
"""Pixels of a side of the pictures that the network sees."""


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
    """The photos.

    Args:
        form: how they are described: ``"folder"`` (a folder a class), ``"csv"`` or ``"list"`` (labels); ``"clips"``,
            ``"gps"``, ``"utm"`` or ``"positions"`` (places).
        train: file or folder below the data folder; empty for the data folder itself.
        validation: likewise, of the photos that validate; empty to take them from the training photos.
        test: likewise, of the photos that are searched among all training photos once, when all is done; empty for
            none. They have labels, and no part in choosing anything.
        test_share: of photos with places: share of the training sequences that is held out for such a test before
            those that validate are drawn; 0 for none. See `training.place_testing`.
        share: of the training photos, or of their classes or sequences, that validate where `validation` is empty.
        split_by: of labels ``"photo"`` (drawn from each class), ``"block"`` (the last of each class as they are listed:
            photos taken one after the other are often nearly the same) or ``"class"`` (whole classes); of places
            ``"sequence"`` or ``"area"``.
        hold_out_classes: share of the classes of photos with labels that have no part in the run at all, so that what
            comes of it can be measured on classes it has not seen; 0 for none.
        options: of the reader of that form, see `datasets`.
        limit: photos at most, of training and of validation each, evenly spaced; 0 for all.
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
    """The network.

    Args:
        backbone: see `networks.stages`.
        last_downsampling: see `networks.stages`.
        last_stage: see `networks.stages`.
        trainable_from: first stage that trains: 0 for all, one more than the last for none.
        train_batch_norm: whether batch normalization follows the batches.
        size: ``(width, height)`` in pixels of the pictures the network sees. Photos are stretched to it, and the preset
            of the run does the same.
        start: folder of an earlier run, whose best backbone is begun with; the head begins anew. Empty for the backbone
            as it comes.
        cached_copies: augmented copies of each training photo whose maps, of the last frozen stage, are kept on
            disk; 0 to make them anew each time, as is done where all stages train.
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
        """How a photo becomes a picture that the network sees: in training, in validation, and in the preset."""
        return InputRule(stretch=self.size)


@checked
@dataclass(frozen=True, kw_only=True)
class Batches:
    """Photos of a step, or tuples of a step.

    Args:
        classes: different ones in a batch.
        instances: photos of each.
        tuples: of photos with places, in a batch.
        leave_out_lonely: whether classes of one photo are left out; otherwise they are refused.
        chunk: photos that go through the network at once; fewer than the batch has for the gradient cache; 0 for all.
        workers: threads that prepare photos ahead; 0 for one a core.
        ahead: batches prepared ahead.
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
    """How weights move.

    Args:
        name: ``"adamw"``, ``"adam"`` or ``"sgd"`` (momentum 0.9).
        learning_rate: of the head.
        backbone_rate: of the backbone, in units of `learning_rate`.
        loss_rate: of the loss's own weights, such as proxies, in units of `learning_rate`.
        weight_decay: not of biases, exponents and batch normalization.
        accumulate: batches a step.
        clip: length the gradient is cut to; 0 for none.
        blend: share, above 0, of the way from the weights before the first step to the learned ones that validation
            and the preset take; 1 for the learned ones. See `training.blending`.
        precision: ``"no"``, ``"bf16"`` or ``"fp16"``: of the products.
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
    """How long, and how the learning rate changes.

    Args:
        epochs: rounds over the photos at most.
        warmup: epochs in which the rate rises from 0, which may be a fraction.
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
    """How the best weights are chosen.

    Args:
        metric: ``"recall@1"``, or ``"mAP"``, which still tells runs apart where nearly every nearest photo is right.
        against: what a validation photo is searched in: ``"train"``, the training photos, or ``"validation"``, the
            other validation photos.
        every: epochs.
        patience: validations in a row without a better one after which training stops; 0 for never.
        radius: of photos with places: meters within which a photo shows the same place.
        nearest: of photos with places: when above 0, a photo is also searched in its own sequence, without the photos
            at most so many meters away, and places count, not areas.
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
    """What an interruption costs.

    Args:
        minutes: between checkpoints; there is one after each validation, too.
        steps: between checkpoints; 0 for no such rule.
        keep: the last so many are kept, beside the best.
    """

    minutes: NotNegative = 5.0
    steps: CountOrNone = 0
    keep: Annotated[int, Range(1, 1_000_000)] = 2


@checked
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All tables, see the module.

    Args:
        name: of the recipe.
        summary: one line.
        seed: of everything random.
        data: table.
        model: table.
        head: name and parameters.
        loss: name and parameters.
        batches: table.
        mining: parameters.
        augmentation: parameters.
        clutter: parameters.
        optimizer: table.
        schedule: table.
        validation: table.
        checkpoints: table.
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
    """Return the recipes that ship with the package: the one line that says what each is for, by name."""
    return {name: load_recipe(name).summary for name in recipe_names()}


def load_recipe(place: str, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe by its name, or from the path of a TOML file.

    Args:
        place: name or path.
        changes: ``"table.key=value"``, the value as in TOML; words may go without quotes.

    Raises:
        OptionError: there is none, it is not TOML, or it has unknown keys; the message lists the known ones.
    """
    name, _, text = read_named(place, PACKAGE, "recipe")
    tables = toml_tables(text, f"the recipe {place!r}")
    for change in changes:
        _apply(tables, change)
    return recipe_from({"name": name} | tables)


def recipe_from(tables: Values) -> Recipe:
    """Return a recipe from its tables.

    Raises:
        OptionError: a table or key is unknown, or a value is of the wrong kind or out of range.

    Example:
        >>> recipe_from({"schedule": {"epochs": 3}}).schedule.epochs
        3
    """
    return read_table(Recipe, tables, what="a recipe")


def check_parts(recipe: Recipe) -> None:
    """Check the tables that hold the parameters of what they name, before a photo is read.

    Raises:
        OptionError: a name or parameter is unknown, or a value is of the wrong kind or out of range.
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
    """Return a recipe as it is written into TOML, with all defaults; `recipe_from` reads it."""
    return dataclasses.asdict(recipe)


def _apply(tables: dict[str, Any], change: str) -> None:
    """Set what ``table.key=value`` says."""
    place, value = parse_setting(change, "table.key=value")
    *above, key = place.split(".")
    for name in above:
        tables = tables.setdefault(name, {})
        if not isinstance(tables, dict):
            raise OptionError(f"{name!r} of {shown(change)} is not a table")
    tables[key] = value
