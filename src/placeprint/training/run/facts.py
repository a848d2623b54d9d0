"""The facts of a checkpoint: what ``checkpoint.toml`` holds, as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class PhotoSetFacts:
    """The photos a run learns from, or is validated on.

    Args:
        fingerprint: of the photos and their labels or places (`checkpoint.data_fingerprint`).
        count: the number of photos.
    """

    fingerprint: str
    count: int


@dataclass(frozen=True)
class RunFacts:
    """What stays the same during a run.

    Args:
        architecture: the tables ``model`` and ``head`` of the recipe.
        classes: the names of the classes of the training photos; empty if they have places instead.
        train: the training photos.
        validation: the validation photos.
        commit: the commit of the code, or empty.
    """

    architecture: Mapping[str, Any]
    classes: tuple[str, ...]
    train: PhotoSetFacts
    validation: PhotoSetFacts
    commit: str = ""


@dataclass(frozen=True)
class Metrics:
    """How good the best weights so far are.

    Args:
        name: the name of the validation metric.
        score: its value.
        best_step: the step of the best weights.
        first_score: its value before training.
    """

    name: str
    score: float
    best_step: int
    first_score: float


@dataclass(frozen=True)
class CheckpointFacts:
    """What a checkpoint says of itself, besides tensors.

    Args:
        run: what stays the same during the run.
        step: the number of optimizer steps so far.
        epoch: the number of completed epochs.
        metrics: how good the best weights so far are.
    """

    run: RunFacts
    step: int
    epoch: int
    metrics: Metrics

    def as_tables(self) -> dict[str, Any]:
        """Return the values of ``checkpoint.toml``."""
        run, metrics = self.run, self.metrics
        return {
            "architecture": dict(run.architecture),
            "classes": list(run.classes),
            "data": {"train": run.train.fingerprint, "validation": run.validation.fingerprint},
            "photos": {"train": run.train.count, "validation": run.validation.count},
            "commit": run.commit,
            "first_score": metrics.first_score,
            "step": self.step,
            "epoch": self.epoch,
            "metrics": {"name": metrics.name, "score": metrics.score, "best_step": metrics.best_step},
        }

    @classmethod
    def from_tables(cls, tables: Mapping[str, Any]) -> Self:
        """Return the facts that `as_tables` wrote.

        Raises:
            KeyError: a value is missing.
            TypeError, ValueError: a value has the wrong type.
        """
        metrics = tables["metrics"]
        train, validation = (
            PhotoSetFacts(str(tables["data"][name]), int(tables["photos"][name])) for name in ("train", "validation")
        )
        return cls(
            RunFacts(
                dict(tables["architecture"]),
                tuple(map(str, tables["classes"])),
                train,
                validation,
                str(tables["commit"]),
            ),
            step=int(tables["step"]),
            epoch=int(tables["epoch"]),
            metrics=Metrics(
                str(metrics["name"]),
                float(metrics["score"]),
                int(metrics["best_step"]),
                float(tables["first_score"]),
            ),
        )
