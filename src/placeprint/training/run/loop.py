"""The training loop.

    for each epoch: plan its batches; for each batch: prepare (ahead), describe, loss, gradient, step; then validate

All randomness is in the plan and in the copies of the photos, and depends on the seed and the epoch; the rest of the
plan is part of a checkpoint. So an interrupted run ends with the same weights as an uninterrupted one (on a CPU; GPUs
add in varying order).

*Gradient cache* (Gao et al., "Scaling deep contrastive learning batch size under memory limited setup", 2021): a batch
too large for memory is described in chunks without storing activations; the gradient of the loss with respect to the
descriptors is computed; then each chunk is described again and gets its part. The sum equals that of the whole batch,
because only the head's classifier, which gets the whole batch, depends on other photos.

*Several devices* (``accelerate launch``): each process takes every n-th batch, gradients are averaged once per step,
and validation is shared. The model needs no wrapper for it, so the gradient cache works there as well.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from placeprint.errors import TrainingError
from placeprint.training.data.batches import Batch, pack, unpack
from placeprint.training.data.loading import Maps, prefetch
from placeprint.training.data.plans import Plan
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Recipe
from placeprint.training.run.checkpoint import Checkpoint, weights_of, write_checkpoint
from placeprint.training.run.facts import CheckpointFacts, Metrics, RunFacts
from placeprint.training.run.journal import Journal
from placeprint.training.run.objectives import Objective
from placeprint.training.run.optimizer import rate_factor

Progress = Callable[[str, int, int], None]
"""Called with the current task, how much of it is done, and the total."""
SHOWN = 8
"""Most photos of a batch that an error names."""


@dataclass(frozen=True, eq=False)
class Setup:
    """The parts of a run.

    Args:
        run: folder.
        recipe: the recipe of the run.
        accelerator: the accelerator of accelerate.
        model: the model, on its device.
        objective: the objective, on its device.
        optimizer: the result of `make_optimizer`, prepared by the accelerator.
        source: the maps of the training photos.
        paths: the paths of the training photos.
        plan: the plan of the batches, with its memory.
        validate: a function that returns the validation metric of the current model.
        facts: what its checkpoints say of it.
        workers: threads that prepare photos.
        progress: the progress callback.
    """

    run: Path
    recipe: Recipe
    accelerator: Any
    model: DescriptorModel
    objective: Objective
    optimizer: Any
    source: Maps
    paths: Sequence[str]
    plan: Plan
    validate: Callable[[], float]
    facts: RunFacts
    workers: int
    progress: Progress


@dataclass(eq=False)
class Position:
    """The progress of a run.

    Args:
        epoch: the number of completed epochs.
        step: the number of optimizer steps.
        left: the remaining batches of the epoch; None before it is planned.
        planned: the number of batches in the epoch.
        losses: the sum of the losses of the epoch, and their number.
        first: the metric before training, below 0 before the first validation.
        best: the metric of the best weights, below 0 before the first validation.
        best_step: the step of the best weights.
        stale: the number of validations since.
        seconds: the time spent, over all resumed runs.
    """

    epoch: int = 0
    step: int = 0
    left: list[Batch] | None = None
    planned: int = 0
    losses: tuple[float, int] = (0.0, 0)
    first: float = -1.0
    best: float = -1.0
    best_step: int = 0
    stale: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    Args:
        score: the validation metric of the best weights.
        best_step: the step of the best weights.
        first_score: the validation metric before the first step.
        epochs: the number of epochs done.
        steps: the number of steps done.
        seconds: the time spent, including validation.
        stopped_early: whether training stopped because validation did not improve.
        notes: sentences for the user about the photos, such as which were skipped and why.
    """

    score: float
    best_step: int
    first_score: float
    epochs: int
    steps: int
    seconds: float
    stopped_early: bool
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Clock:
    """The clock of a run and its checkpoints."""

    before: float
    began: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    saved_step: int = 0

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.began


def fit(setup: Setup, position: Position, journal: Journal | None) -> Outcome:
    """Train from a position to the end of the recipe; see the module.

    Args:
        setup: the parts of the run.
        position: the progress, updated in place.
        journal: the log of the main process; None in others.

    Raises:
        TrainingError: the loss is not a number; the message names the photos, and the last checkpoint stays.
        PhotoError: a photo cannot be read.
        WriteError: the disk is full or the folder cannot be written.
    """
    schedule, patience = setup.recipe.schedule, setup.recipe.validation.patience
    clock = _Clock(position.seconds, saved_step=position.step)
    if position.best < 0:
        _validate(setup, position, journal, clock, math.nan)
    while position.epoch < schedule.epochs and not (patience and position.stale >= patience):
        if position.left is None:
            position.left = _shared_out(setup, setup.plan.epoch(position.epoch))
            position.planned, position.losses = len(position.left), (0.0, 0)
        _epoch(setup, position, journal, clock)
        position.epoch, position.left = position.epoch + 1, None
        total, count = position.losses
        if position.epoch % setup.recipe.validation.every == 0 or position.epoch == schedule.epochs:
            _validate(setup, position, journal, clock, total / max(count, 1))
    stopped = bool(patience and position.stale >= patience)
    return Outcome(
        position.best, position.best_step, position.first, position.epoch, position.step, clock.seconds, stopped
    )


def save(setup: Setup, position: Position, *, best: bool = False) -> Path:
    """Write a checkpoint of the current progress; return its folder."""
    metrics = Metrics(setup.recipe.validation.metric, position.best, position.best_step, position.first)
    facts = CheckpointFacts(setup.facts, position.step, position.epoch, metrics)
    state: dict[str, Any] = {
        "optimizer": _on_cpu(setup.optimizer.state_dict()),
        "random": torch.get_rng_state(),
        "losses": list(position.losses),
        "planned": position.planned,
        "stale": position.stale,
        "seconds": position.seconds,
        "memory": setup.plan.memory(),
    }
    if position.left is not None:
        state["left"] = pack(position.left)
    checkpoint = Checkpoint(facts, weights_of(setup.model, setup.objective.loss), state)
    return write_checkpoint(setup.run, checkpoint, keep=setup.recipe.checkpoints.keep, best=best)


def restore_position(setup: Setup, checkpoint: Checkpoint) -> Position:
    """Return the progress of a checkpoint, and restore the optimizer; weights are loaded separately."""
    facts, state = checkpoint.facts, checkpoint.state
    setup.optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    setup.plan.remember(state["memory"])
    total, count = state["losses"]
    return Position(
        epoch=facts.epoch,
        step=facts.step,
        left=unpack(state["left"]) if "left" in state else None,
        planned=int(state["planned"]),
        losses=(float(total), int(count)),
        first=facts.metrics.first_score,
        best=facts.metrics.score,
        best_step=facts.metrics.best_step,
        stale=int(state["stale"]),
        seconds=float(state["seconds"]),
    )


def backward(setup: Setup, batch: Batch, maps: torch.Tensor, share: float = 1.0) -> float:
    """Add the gradient of a batch's loss to the weights; return the loss.

    Args:
        setup: the parts of the run.
        batch: the photos of the batch.
        maps: their maps, from the source.
        share: the share of the loss, if several batches make a step.
    """
    model, accelerator, chunk = setup.model, setup.accelerator, setup.recipe.batches.chunk
    maps = maps.to(accelerator.device)
    if not 0 < chunk < len(batch):
        with accelerator.autocast():
            output = model(maps)
        loss = setup.objective(output, batch)
        accelerator.backward(loss * share)
        return float(loss.detach())
    parts = torch.split(maps, chunk)
    with torch.no_grad(), accelerator.autocast():
        found = [model(part) for part in parts]
    # descriptors, and the classifier's input if there is one, as the leaves of the loss
    leaves = [torch.cat(each).requires_grad_() for each in zip(*found, strict=True) if each[0] is not None]
    loss = setup.objective((leaves[0], leaves[1] if len(leaves) > 1 else None), batch)
    accelerator.backward(loss * share)
    gradients = [torch.split(leaf.grad, chunk) for leaf in leaves if leaf.grad is not None]
    for number, part in enumerate(parts):
        with accelerator.autocast():
            outputs = [each for each in model(part) if each is not None]
        torch.autograd.backward(outputs[: len(gradients)], [each[number] for each in gradients])
    return float(loss.detach())


def _epoch(setup: Setup, position: Position, journal: Journal | None, clock: _Clock) -> None:
    """Go through the rest of the plan, each process with its share of every step."""
    assert position.left is not None  # `fit` planned it
    processes, rank = setup.accelerator.num_processes, setup.accelerator.process_index
    size, schedule = setup.recipe.optimizer.accumulate * processes, setup.recipe.schedule
    groups = [position.left[start : start + size] for start in range(0, len(position.left), size)]
    setup.model.train()
    last = time.monotonic()

    def load(group: list[Batch]) -> list[torch.Tensor]:
        return [setup.source.maps(batch.rows, batch.copies) for batch in group[rank::processes]]

    for group, maps in prefetch(load, groups, workers=setup.workers, ahead=setup.recipe.batches.ahead):
        epoch = position.epoch + 1 - len(position.left) / position.planned
        middle = epoch + len(group) / 2 / position.planned  # so that neither the first nor the last step is lost
        loss, gradient = _step(setup, group[rank::processes], maps, rate_factor(schedule, middle))
        position.step += 1
        position.left = position.left[len(group) :]
        position.losses = (position.losses[0] + loss, position.losses[1] + 1)
        now = time.monotonic()
        if journal is not None:
            row = {
                "step": position.step,
                "epoch": epoch,
                "loss": loss,
                "gradient": gradient,
                "learning_rate": max(each["lr"] for each in setup.optimizer.param_groups),
                "photos_per_second": sum(len(batch) for batch in group) / max(now - last, 1e-9),
            }
            journal.add("steps", row)
            _save_when_due(setup, position, clock)
        last = now
        steps = math.ceil(position.planned / size)
        done = (position.epoch + 1) * steps - math.ceil(len(position.left) / size)
        setup.progress("training", done, schedule.epochs * steps)


def _step(setup: Setup, group: Sequence[Batch], maps: Sequence[torch.Tensor], factor: float) -> tuple[float, float]:
    """Take a step of the optimizer; return the loss and the length of the gradient.

    Raises:
        TrainingError: one of them is not a number; the weights do not change.
    """
    accelerator, optimizer, clip = setup.accelerator, setup.optimizer, setup.recipe.optimizer.clip
    for parameters in optimizer.param_groups:
        parameters["lr"] = parameters["initial_lr"] * factor
    optimizer.zero_grad()
    losses = []
    for batch, inputs in zip(group, maps, strict=True):
        losses.append(backward(setup, batch, inputs, 1 / len(group)))
        if not math.isfinite(losses[-1]):
            raise _not_a_number(setup, "loss", [batch])
    moved = [each for parameters in optimizer.param_groups for each in parameters["params"]]
    _average_gradients(accelerator, moved)
    length = float(accelerator.clip_grad_norm_(moved, clip or math.inf))
    # with float16, the gradient scaler skips such a step and scales less afterwards
    if not math.isfinite(length) and setup.recipe.optimizer.precision != "fp16":
        raise _not_a_number(setup, "gradient", group)
    optimizer.step()
    return sum(losses) / len(losses), length


def _average_gradients(accelerator: Any, parameters: Sequence[torch.nn.Parameter]) -> None:
    if accelerator.num_processes == 1:
        return
    for each in parameters:
        if each.grad is None:
            each.grad = torch.zeros_like(each)
    whole = torch.cat([each.grad.flatten() for each in parameters if each.grad is not None])
    whole = accelerator.reduce(whole, "mean")
    parts = torch.split(whole, [each.numel() for each in parameters])
    for each, part in zip(parameters, parts, strict=True):
        each.grad = part.reshape(each.shape).clone()


def _validate(setup: Setup, position: Position, journal: Journal | None, clock: _Clock, loss: float) -> None:
    """Measure the weights, remember the best, and write a checkpoint."""
    score = setup.validate()
    if position.first < 0:
        position.first = score
    better = score > position.best
    position.stale = 0 if better else position.stale + 1
    if better:
        position.best, position.best_step = score, position.step
    position.seconds = clock.seconds
    if journal is not None:
        row = {"step": position.step, "epoch": position.epoch, "loss": loss, "score": score}
        journal.add("epochs", row | {"seconds": clock.seconds})
        save(setup, position, best=better)
        clock.saved, clock.saved_step = time.monotonic(), position.step
    setup.accelerator.wait_for_everyone()


def _save_when_due(setup: Setup, position: Position, clock: _Clock) -> None:
    rule = setup.recipe.checkpoints
    steps_due = rule.steps and position.step - clock.saved_step >= rule.steps
    if steps_due or time.monotonic() - clock.saved >= 60 * rule.minutes:
        position.seconds = clock.seconds
        save(setup, position)
        clock.saved, clock.saved_step = time.monotonic(), position.step


def _shared_out(setup: Setup, batches: list[Batch]) -> list[Batch]:
    """Return equally many batches for each process; possibly none."""
    count = setup.accelerator.num_processes
    kept = batches[: len(batches) // count * count]
    if batches and not kept:
        raise TrainingError(f"an epoch has {len(batches)} batches, too few for {count} processes; use smaller batches")
    return kept


def _not_a_number(setup: Setup, what: str, group: Sequence[Batch]) -> TrainingError:
    names = list(dict.fromkeys(setup.paths[row] for batch in group for row in batch.rows))
    listed = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return TrainingError(
        f"the {what} is not a number for the batch of {listed}; the last checkpoint is kept. Check these photos, or "
        "continue with a lower optimizer.learning_rate or with optimizer.clip"
    )


def _on_cpu(value: Any) -> Any:
    """Return nested dicts and lists with their tensors on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(each) for key, each in value.items()}
    return [_on_cpu(each) for each in value] if isinstance(value, list | tuple) else value
