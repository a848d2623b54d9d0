"""A run: recipe and photos in, a folder with the best weights out.

    RUN/recipe.toml     with all defaults
    RUN/skipped.csv     excluded photos, and why; see `training.data.sifting`
    RUN/checkpoints/    see `training.run.checkpoint`
    RUN/steps.csv ...   see `training.run.journal`

Mistakes are found before the first epoch: the whole recipe, the photos and the labels are checked, and one trial batch
goes forward and backward, without side effects.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch

from placeprint.core.files import write_atomically
from placeprint.core.packages import required
from placeprint.core.threads import num_cores
from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.errors import DatasetError, OptionError, PackageError, PlaceprintError, TrainingError, WeightsError
from placeprint.evaluation.provenance import commit
from placeprint.evaluation.relevance import Relevance
from placeprint.networks.devices import device
from placeprint.networks.fitting import fit_into
from placeprint.networks.staged_backbone import StagedBackbone
from placeprint.renamed import renamed_arguments
from placeprint.training.data.loading import Maps
from placeprint.training.data.notes import notes_of
from placeprint.training.data.photo_sets import PhotoSet
from placeprint.training.data.plans import make_plan
from placeprint.training.data.prepare import TrainingData, read_data
from placeprint.training.data.sifting import read_skipped, sift, write_skipped
from placeprint.training.losses import NEEDS_CLASSIFIER, make_loss
from placeprint.training.model.blending import read_blend, write_start
from placeprint.training.model.trained_network import DescriptorModel, build_model
from placeprint.training.recipe import Recipe, as_tables, check_parts, recipe_from
from placeprint.training.run.checkpoint import (
    best_checkpoint,
    data_fingerprint,
    latest_checkpoint,
    load_into,
    read_checkpoint,
    readable_checkpoint,
    weights_of,
)
from placeprint.training.run.facts import Metrics, PhotoSetFacts, RunFacts
from placeprint.training.run.journal import Journal, draw_curves
from placeprint.training.run.loop import Outcome, Position, Progress, Setup, backward, fit, restore_position
from placeprint.training.run.objectives import Objective
from placeprint.training.run.optimizer import make_optimizer
from placeprint.training.run.scoring import blended_score, descriptors_of, score_of
from placeprint.training.run.sources import Sources, sources_of
from placeprint.training.run.validation import relevance
from placeprint.types import Floats, Ids

RECIPE = "recipe.toml"
SAMPLE = 2048
"""Most training photos for the initialization of the head."""
MAY_CHANGE = ("name", "summary", "checkpoints")
"""Settings of a recipe that may change when a run continues."""


@renamed_arguments(tell="progress")
def train(
    recipe: Recipe,
    data_folder: Path,
    run: Path,
    *,
    resume: bool = False,
    maps_folder: Path | None = None,
    progress: Progress | None = None,
    backbone: StagedBackbone | None = None,
) -> Outcome:
    """Train by a recipe; see the module.

    Args:
        recipe: the recipe.
        data_folder: the folder above the recipe's photos.
        run: folder of the run.
        resume: whether to continue from the last checkpoint of the folder, if any.
        maps_folder: the folder of cached maps; None for one in the run's folder.
        progress: called with what is done, how much of it is, and how much there is.
        backbone: a network that replaces the recipe's.

    Raises:
        OptionError: the recipe does not fit the photos or itself, or the folder has a run and `resume` is not set.
        DatasetError: the photos do not have the documented form.
        WeightsError: weights are not installed, or a checkpoint does not fit.
        TrainingError: the loss is not a number.
        PackageError: accelerate is not installed.
        PhotoError: a photo can no longer be read.
        WriteError: the disk is full or the folder cannot be written.
    """
    report = progress or (lambda *_: None)
    if recipe.model.trainable_from == 0:  # nothing is frozen, so there are no maps to cache
        recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, cached_copies=0))
    check_parts(recipe)
    last = _last(run, recipe, resume)
    workers = recipe.batches.workers or num_cores()
    skipped = read_skipped(run) if last is not None else _sifted(recipe, data_folder, workers, report)
    data = read_data(recipe.data, data_folder, recipe.seed, skipped)
    relevant = relevance(data, recipe.validation)
    accelerator = _accelerator(recipe)
    torch.manual_seed(recipe.seed)
    setup = _setup(recipe, data, run, accelerator, backbone, workers, report)
    _dry_run(setup)
    if accelerator.is_main_process:
        write_atomically(run / RECIPE, tomli_w.dumps(as_tables(recipe)).encode())
        write_skipped(run, skipped)
    with accelerator.main_process_first():
        sources = sources_of(recipe, data, setup.model, workers, maps_folder or run / "maps", report)
    setup = _with_sources(setup, data, sources, relevant)
    position = _begun(setup, len(data.train)) if last is None else _restore(setup)
    outcome = _fitted(setup, position)
    if accelerator.is_main_process:
        try:
            draw_curves(run)
        except PackageError:
            report("no curves, matplotlib is missing", 1, 1)
    return dataclasses.replace(outcome, notes=notes_of(recipe, data, skipped))


def _setup(
    recipe: Recipe,
    data: TrainingData,
    run: Path,
    accelerator: Any,
    backbone: StagedBackbone | None,
    workers: int,
    progress: Progress,
) -> Setup:
    """Return what a run works with, as far as it can be made before maps are cached: enough for a dry run."""
    model, objective = _network(recipe, data, backbone)
    if recipe.model.start:
        _begin_from(Path(recipe.model.start), model, backbone)
    model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
    objective.to(accelerator.device)
    return Setup(
        run=run,
        recipe=recipe,
        accelerator=accelerator,
        model=model,
        objective=objective,
        optimizer=accelerator.prepare(make_optimizer(recipe.optimizer, model, objective)),
        source=sources_of(recipe, data, model, workers, None, progress).train,
        paths=data.train.paths,
        plan=make_plan(recipe, data.train, lambda rows: np.zeros((len(rows), 1), np.float32)),
        validate=lambda: 0.0,
        facts=_facts(recipe, data),
        workers=workers,
        progress=progress,
    )


def _with_sources(setup: Setup, data: TrainingData, sources: Sources, relevant: Relevance) -> Setup:
    """Return the setup with cached maps, and with plans and validation that describe photos by them."""

    def described(source: Maps, rows: Ids, what: str) -> Floats:
        return descriptors_of(setup, source, rows, what)

    return dataclasses.replace(
        setup,
        source=sources.train,
        plan=make_plan(setup.recipe, data.train, lambda rows: described(sources.train, rows, "mining")),
        validate=lambda: score_of(setup.recipe, data, relevant, sources, described),
    )


def _fitted(setup: Setup, position: Position) -> Outcome:
    """Train from a position on, with a journal."""
    blend, validate = read_blend(setup.run, setup.recipe.optimizer.blend), setup.validate
    if blend is not None:
        setup = dataclasses.replace(setup, validate=lambda: blended_score(blend, setup.model, validate))
    journal = Journal(setup.run, position.step) if setup.accelerator.is_main_process else None
    try:
        return fit(setup, position, journal)
    finally:
        if journal is not None:
            journal.close()


def load_run(run: Path, *, backbone: StagedBackbone | None = None) -> tuple[Recipe, DescriptorModel, Metrics]:
    """Return the recipe of a run, its best model in eval mode, and how good that is.

    Raises:
        WeightsError: there is no validated checkpoint, or it does not fit the recipe.
        OptionError: the recipe is damaged.
    """
    recipe = read_run_recipe(run)
    path = best_checkpoint(run)
    if path is None:
        raise WeightsError(f"{str(run)!r} has no validated checkpoint yet; let it train")
    checkpoint = read_checkpoint(path)
    model = _model(recipe, len(checkpoint.facts.run.classes) or None, backbone)
    load_into(checkpoint.weights, model=model)
    blend = read_blend(run, recipe.optimizer.blend)
    if blend is not None:
        blend.apply(model)
    return recipe, model.eval(), checkpoint.facts.metrics


def read_run_recipe(run: Path) -> Recipe:
    """Return the recipe stored in a run.

    Raises:
        OptionError: the folder has no run.
    """
    import tomllib

    try:
        return recipe_from(tomllib.loads((run / RECIPE).read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"{str(run)!r} has no run: its {RECIPE} cannot be read") from error


def _last(run: Path, recipe: Recipe, resume: bool) -> Path | None:
    """Return the checkpoint to continue from, or None to start."""
    last = latest_checkpoint(run)
    if last is None:
        return None
    if not resume:
        raise OptionError(f"{str(run)!r} already has a run; continue with --resume, or name another folder")
    kept, given = as_tables(read_run_recipe(run)), as_tables(recipe)
    differ = [name for name in given if name not in MAY_CHANGE and not _same(kept[name], given[name])]
    if differ:
        raise OptionError(
            f"the run {str(run)!r} was started with another recipe: {', '.join(differ)} differ; "
            f"give it {str(run / RECIPE)!r}, or name another folder"
        )
    return last


def _sifted(recipe: Recipe, data_folder: Path, workers: int, progress: Progress) -> dict[str, str]:
    if not data_folder.is_dir():
        raise DatasetError(f"there is no folder {str(data_folder)!r}; set --data to the folder of the photos")
    return sift(
        recipe.data, data_folder, workers=workers, progress=lambda done, total: progress("checking photos", done, total)
    )


def _same(first: Any, second: Any) -> bool:
    """Return whether two values are equal in TOML, where a pair is a list."""
    return tomli_w.dumps({"value": first}) == tomli_w.dumps({"value": second})


def _accelerator(recipe: Recipe) -> Any:
    with required("training needs accelerate", "training"):
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
    AcceleratorState._reset_state()  # an earlier run of this process may have set another precision
    precision = recipe.optimizer.precision
    if precision == "fp16" and device() != "cuda":
        raise OptionError("optimizer.precision 'fp16' needs a GPU; use 'no' or 'bf16' here")
    return Accelerator(mixed_precision=precision, cpu=device() == "cpu")


def _network(recipe: Recipe, data: TrainingData, backbone: StagedBackbone | None) -> tuple[DescriptorModel, Objective]:
    """Return the model and the objective, checked against the photos."""
    batches = recipe.batches
    if batches.chunk and recipe.model.train_batch_norm:
        raise OptionError("batches.chunk needs batch normalization to be frozen; set model.train_batch_norm = false")
    labeled = isinstance(data.train, LabeledPhotos)
    classes = len(data.train.classes) if isinstance(data.train, LabeledPhotos) else 0
    model = _model(recipe, classes or None, backbone)
    parameters = {key: value for key, value in recipe.loss.items() if key != "name"}
    loss = make_loss(str(recipe.loss["name"]), classes, model.head.dim, **parameters)
    labels = data.train.labels if isinstance(data.train, LabeledPhotos) and labeled else None
    return model, Objective(loss, labels, getattr(model.head, "classifier", None))


def _model(recipe: Recipe, classes: int | None, backbone: StagedBackbone | None) -> DescriptorModel:
    settings = recipe.model
    # a classifier that no loss uses would only get in the way
    classifies = classes if recipe.loss["name"] in NEEDS_CLASSIFIER else None
    return build_model(
        backbone=backbone if backbone is not None else settings.backbone,
        head=str(recipe.head["name"]),
        head_options={key: value for key, value in recipe.head.items() if key != "name"},
        num_classes=classifies,
        trainable_from=settings.trainable_from,
        last_downsampling=settings.last_downsampling,
        last_stage=settings.last_stage,
        train_batch_norm=settings.train_batch_norm,
    )


def _begin_from(earlier: Path, model: DescriptorModel, backbone: StagedBackbone | None) -> None:
    """Load the best backbone of an earlier run into a model."""
    begun = load_run(earlier, backbone=copy.deepcopy(backbone))[1].backbone
    if (begun.description, str(begun)) != (model.backbone.description, str(model.backbone)):
        raise OptionError(f"the run {str(earlier)!r} of model.start trained another backbone; use the same [model]")
    fit_into(model.backbone, begun.state_dict())


def _facts(recipe: Recipe, data: TrainingData) -> RunFacts:
    tables = as_tables(recipe)
    return RunFacts(
        architecture={"model": tables["model"], "head": tables["head"]},
        classes=tuple(data.train.classes) if isinstance(data.train, LabeledPhotos) else (),
        train=_photo_set_facts(data.train),
        validation=_photo_set_facts(data.validation),
        commit=commit() or "",
    )


def _photo_set_facts(photos: PhotoSet) -> PhotoSetFacts:
    about = photos.labels if isinstance(photos, LabeledPhotos) else photos.positions
    return PhotoSetFacts(data_fingerprint(photos.root, photos.paths, about), len(photos))


def _dry_run(setup: Setup) -> None:
    """Run one batch forward and backward, and undo its effects on the weights."""
    before = weights_of(setup.model, setup.objective.loss)
    batch = setup.plan.first()
    setup.model.train()
    try:
        loss = backward(setup, batch, setup.source.maps(batch.rows, batch.copies))
    except PlaceprintError:
        raise
    except (RuntimeError, ValueError) as error:  # such as from a network that needs other sizes, or too little memory
        width, height = setup.recipe.model.size
        raise TrainingError(
            f"the network cannot learn from a batch of {len(batch)} pictures of {width} x {height}: "
            f"{' '.join(str(error).split())[:160]}; check model.size and [batches]"
        ) from error
    setup.optimizer.zero_grad()
    load_into(before, model=setup.model, loss=setup.objective.loss)
    if not math.isfinite(loss):
        raise TrainingError("the loss of the first batch is not a number; check the recipe's [loss] and [head]")


def _begun(setup: Setup, count: int) -> Position:
    """Initialize the head, and save the initial weights if later ones are blended with them."""
    _begin(setup, count)
    if setup.accelerator.is_main_process and setup.recipe.optimizer.blend < 1:
        write_start(setup.run, setup.model)
    setup.accelerator.wait_for_everyone()
    return Position()


@torch.no_grad()
def _begin(setup: Setup, count: int) -> None:
    """Let the head learn what it can before training."""
    rows = np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(np.int64))
    parts, found = np.array_split(rows, math.ceil(len(rows) / 32)), []
    setup.model.eval()
    for number, part in enumerate(parts):
        maps = setup.source.maps(part, np.zeros(len(part), np.int64)).to(setup.accelerator.device)
        found.append(setup.model.backbone(maps, setup.model.trainable_from).float())
        setup.progress("initialization", number + 1, len(parts))
    setup.model.head.begin(torch.cat(found), setup.recipe.seed, setup.plan.pairs(rows))
    if setup.accelerator.num_processes > 1:
        from accelerate.utils import broadcast

        for each in (*setup.model.parameters(), *setup.objective.parameters()):
            each.copy_(broadcast(each.detach().clone()))


def _restore(setup: Setup) -> Position:
    checkpoint = readable_checkpoint(setup.run)
    assert checkpoint is not None  # `_last` found one
    begun, now = checkpoint.facts.run, setup.facts
    for name, before, photos in (
        ("train", begun.train, now.train),
        ("validation", begun.validation, now.validation),
    ):
        if before.fingerprint != photos.fingerprint:
            raise OptionError(f"the {name} photos differ from those that {str(setup.run)!r} was started with")
    load_into(checkpoint.weights, model=setup.model, loss=setup.objective.loss)
    return restore_position(setup, checkpoint)
