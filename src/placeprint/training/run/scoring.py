"""Validate the weights during a run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from placeprint.evaluation.relevance import Relevance
from placeprint.training.data.loading import Maps, describe
from placeprint.training.data.prepare import TrainingData
from placeprint.training.model.blending import Blend
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Recipe
from placeprint.training.run.loop import Setup
from placeprint.training.run.sources import Sources
from placeprint.training.run.validation import score
from placeprint.types import Floats, Ids


def score_of(
    recipe: Recipe,
    data: TrainingData,
    relevant: Relevance,
    sources: Sources,
    described: Callable[[Maps, Ids, str], Floats],
) -> float:
    """Return the recipe's metric on the validation photos."""
    queries = described(sources.validation, np.arange(len(data.validation)), "validating")
    if recipe.validation.against == "validation":
        return score(queries, queries, relevant, recipe.validation.metric)
    database = described(sources.train, np.arange(len(data.train)), "validating")
    return score(queries, database, relevant, recipe.validation.metric)


def blended_score(blend: Blend, model: DescriptorModel, validate: Callable[[], float]) -> float:
    """Return the score of weights blended with the initial ones."""
    with blend.applied(model):
        return validate()


def descriptors_of(setup: Setup, source: Maps, rows: Ids, what: str) -> Floats:
    """Return the descriptors of photos ``(n,)``; each process does its share."""
    processes, rank = setup.accelerator.num_processes, setup.accelerator.process_index
    found = describe(
        setup.model,
        source,
        rows[rank::processes],
        workers=setup.workers,
        progress=lambda done, total: setup.progress(what, done, total),
    )
    if processes == 1:
        return found
    from accelerate.utils import gather_object

    whole = np.zeros((len(rows), found.shape[1]), np.float32)
    for number, part in enumerate(gather_object([found])):
        whole[number::processes] = part
    return whole
