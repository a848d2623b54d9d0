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
and clutter take the parameters of what they name, which are checked when it is made. A run keeps its recipe, with the
defaults.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from placeprint.errors import OptionError
from placeprint.named_toml import read_named, shipped_names
from placeprint.registry import suggest

PACKAGE = "placeprint.recipes"
FREE = ("head", "loss", "mining", "augmentation", "clutter")
"""Tables that hold the parameters of what they name."""
Values = Mapping[str, Any]
Table = TypeVar("Table")


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

    form: str = "folder"
    train: str = ""
    validation: str = ""
    test: str = ""
    test_share: float = 0.0
    share: float = 0.1
    split_by: str = "photo"
    hold_out_classes: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    limit: int = 0


@dataclass(frozen=True, kw_only=True)
class Model:
    """The network.

    Args:
        backbone: see `networks.stages`.
        last_downsampling: see `networks.stages`.
        last_stage: see `networks.stages`.
        trainable_from: first stage that trains: 0 for all, one more than the last for none.
        train_batch_norm: whether batch normalization follows the batches.
        size: ``(width, height)`` in pixels of the pictures the network sees.
        start: folder of an earlier run, whose best backbone is begun with; the head begins anew. Empty for the backbone
            as it comes.
        cached_copies: augmented copies of each training photo whose maps, of the last frozen stage, are kept on
            disk; 0 to make them anew each time, as is done where all stages train.
    """

    backbone: str = "efficientnet-lite2"
    last_downsampling: bool = True
    last_stage: int = 7
    trainable_from: int = 0
    train_batch_norm: bool = False
    size: tuple[int, int] = (224, 224)
    start: str = ""
    cached_copies: int = 0


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

    classes: int = 16
    instances: int = 4
    tuples: int = 4
    leave_out_lonely: bool = False
    chunk: int = 0
    workers: int = 0
    ahead: int = 4


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
        precision: ``"no"``, ``"bf16"`` or ``"fp16"``: of the products.
    """

    name: str = "adamw"
    learning_rate: float = 1e-3
    backbone_rate: float = 0.1
    loss_rate: float = 1.0
    weight_decay: float = 1e-4
    accumulate: int = 1
    clip: float = 0.0
    precision: str = "no"


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

    epochs: int = 10
    warmup: float = 0.5
    kind: str = "cosine"
    every: int = 5
    factor: float = 0.5


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

    metric: str = "recall@1"
    against: str = "train"
    every: int = 1
    patience: int = 0
    radius: float = 10.0
    nearest: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """What an interruption costs.

    Args:
        minutes: between checkpoints; there is one after each validation, too.
        steps: between checkpoints; 0 for no such rule.
        keep: the last so many are kept, beside the best.
    """

    minutes: float = 5.0
    steps: int = 0
    keep: int = 2


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
    seed: int = 0
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    head: Values = field(default_factory=lambda: {"name": "gem"})
    loss: Values = field(default_factory=lambda: {"name": "triplet"})
    batches: Batches = field(default_factory=Batches)
    mining: Values = field(default_factory=dict)
    augmentation: Values = field(default_factory=dict)
    clutter: Values = field(default_factory=dict)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    validation: Validation = field(default_factory=Validation)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)


TABLES: Mapping[str, type[Any]] = {
    "data": Data,
    "model": Model,
    "batches": Batches,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "validation": Validation,
    "checkpoints": Checkpoints,
}
CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("data", "form"): ("folder", "csv", "list", "clips", "gps", "utm", "positions"),
    ("data", "split_by"): ("photo", "block", "class", "sequence", "area"),
    ("optimizer", "name"): ("adamw", "adam", "sgd"),
    ("optimizer", "precision"): ("no", "bf16", "fp16"),
    ("schedule", "kind"): ("cosine", "step", "constant"),
    ("validation", "metric"): ("recall@1", "mAP"),
    ("validation", "against"): ("train", "validation"),
}
AT_LEAST: Mapping[tuple[str, str], float] = {
    ("data", "test_share"): 0,
    ("data", "hold_out_classes"): 0,
    ("model", "trainable_from"): 0,
    ("model", "cached_copies"): 0,
    ("batches", "classes"): 1,
    ("batches", "instances"): 1,
    ("batches", "tuples"): 1,
    ("batches", "chunk"): 0,
    ("batches", "workers"): 0,
    ("batches", "ahead"): 1,
    ("optimizer", "accumulate"): 1,
    ("optimizer", "clip"): 0,
    ("schedule", "epochs"): 1,
    ("schedule", "warmup"): 0,
    ("schedule", "every"): 1,
    ("validation", "every"): 1,
    ("validation", "patience"): 0,
    ("validation", "nearest"): 0,
    ("checkpoints", "keep"): 1,
}


def recipe_names() -> list[str]:
    """List the recipes that ship with the package."""
    return shipped_names(PACKAGE)


def load_recipe(place: str, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe by its name, or from the path of a TOML file.

    Args:
        place: name or path.
        changes: ``"table.key=value"``, the value as in TOML; words may go without quotes.

    Raises:
        OptionError: there is none, it is not TOML, or it has unknown keys; the message lists the known ones.
    """
    name, _, text = read_named(place, PACKAGE, "recipe")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"the recipe {place!r} is not TOML: {error}") from error
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
    _check_names(tables, [each.name for each in dataclasses.fields(Recipe)], "a recipe")
    values: dict[str, Any] = dict(tables)
    for name in (*TABLES, *FREE):
        if name in values and not isinstance(values[name], Mapping):
            raise OptionError(f"[{name}] of a recipe must be a table, got {values[name]!r}")
    for name, cls in TABLES.items():
        if name in values:
            values[name] = _table(cls, name, values[name])
    for name in ("head", "loss"):
        if name in values and not isinstance(values[name].get("name"), str):
            raise OptionError(f"[{name}] of a recipe needs a name")
    return Recipe(**values)


def as_tables(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as it is written into TOML, with all defaults; `recipe_from` reads it."""
    return dataclasses.asdict(recipe)


def _table(cls: type[Table], name: str, values: Values) -> Table:
    fields: dict[str, Any] = {each.name: each for each in dataclasses.fields(cls)}  # type: ignore[arg-type]  # those of TABLES are dataclasses
    _check_names(values, list(fields), f"[{name}] of a recipe")
    found = {}
    for key, value in values.items():
        default = fields[key].default
        wanted = dict if default is dataclasses.MISSING else type(default)
        fits = isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
        if wanted is tuple and isinstance(value, list | tuple):
            fits = len(value) == len(default) and all(type(each) is int and each > 0 for each in value)
            value = tuple(value)  # noqa: PLW2901  # TOML has lists
        if wanted is float and type(value) is int:
            value, fits = float(value), True  # noqa: PLW2901  # TOML's 1 where 1.0 is meant
        if not fits:
            like = "a table" if wanted is dict else f"like {default!r}"
            raise OptionError(f"{name}.{key} must be {like}, got {value!r}")
        choices = CHOICES.get((name, key), (value,))
        if value not in choices:
            raise OptionError(f"{name}.{key} must be one of {', '.join(choices)}, got {value!r}")
        if value < AT_LEAST.get((name, key), value) if isinstance(value, int | float) else False:
            raise OptionError(f"{name}.{key} must be at least {AT_LEAST[name, key]:g}, got {value}")
        found[key] = value
    return cls(**found)


def _apply(tables: dict[str, Any], change: str) -> None:
    """Set what ``table.key=value`` says."""
    place, equals, text = change.partition("=")
    *above, key = place.strip().split(".")
    if not equals or not key:
        raise OptionError(f"a change must have the form table.key=value, got {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for name in above:
        tables = tables.setdefault(name, {})
        if not isinstance(tables, dict):
            raise OptionError(f"{name!r} of {change!r} is not a table")
    tables[key] = value


def _check_names(given: Values, known: Sequence[str], what: str) -> None:
    for name in given:
        if name not in known:
            raise OptionError(f"{what} has no {name!r}; {suggest(name, known)}")
