"""Plan the batches of an epoch: classes and instances for photos with labels, mined tuples for photos with places.

Copy c of a photo is drawn again in each epoch, among the cached ones if there are any.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from placeprint.datasets.photos.labeled_photos import LabeledPhotos
from placeprint.datasets.photos.placed_photos import PlacedPhotos
from placeprint.errors import DatasetError, OptionError
from placeprint.training.data.batches import Batch
from placeprint.training.data.descriptor_cache import DescriptorCache
from placeprint.training.data.mining import MiningOptions, TupleMiner
from placeprint.training.data.sampling import ClassBatches
from placeprint.training.losses import LOSSES, NEEDS_PAIRS
from placeprint.training.recipe import Recipe
from placeprint.types import Floats, Ids

Memory = dict[str, torch.Tensor]

OTHERS = 32
"""Most pairs per photo for initialization from pairs."""
TOGETHER = 4096
"""Most photos whose descriptors are in memory at once while their cache is written."""


class Plan(Protocol):
    """The plan of the batches of each epoch."""

    def epoch(self, number: int) -> list[Batch]:
        """Return the batches of an epoch, counted from 0."""
        ...

    def first(self) -> Batch:
        """Return a batch for a trial, without side effects."""
        ...

    def pairs(self, rows: Ids) -> Ids:
        """Return ``(p, 2)`` positions in `rows`, training photos ``(n,)``, of pairs that show the same thing."""
        ...

    def memory(self) -> Memory:
        """Return the state that later epochs depend on, besides the weights."""
        ...

    def remember(self, memory: Memory) -> None:
        """Restore the result of `memory`."""
        ...


@dataclass(eq=False)
class ClassPlan:
    """Plan batches of classes.

    Args:
        batches: the sampler of the photos.
        labels: ``(n,)`` labels of the training photos.
        copies: the number of cached copies per photo; 0 if each epoch makes its own.
        seed: the seed of the choice among copies.
    """

    batches: ClassBatches
    labels: Ids
    copies: int
    seed: int

    def epoch(self, number: int) -> list[Batch]:
        """See `Plan`."""
        generator = np.random.default_rng((self.seed, number))
        return [
            Batch(rows, _copies(len(rows), self.copies, number, generator), np.zeros((0, 2), np.int64))
            for rows in self.batches.epoch(number)
        ]

    def first(self) -> Batch:
        """See `Plan`."""
        return self.epoch(0)[0]

    def pairs(self, rows: Ids) -> Ids:
        """See `Plan`: photos of one class."""
        order = np.argsort(self.labels[rows], kind="stable")
        labels = self.labels[rows][order]
        found = [np.zeros((0, 2), np.int64)]
        for step in range(1, min(OTHERS, len(rows) - 1) + 1):
            same = labels[:-step] == labels[step:]
            found.append(np.column_stack([order[:-step][same], order[step:][same]]))
        return np.concatenate(found)

    def memory(self) -> Memory:
        """See `Plan`."""
        return {}

    def remember(self, memory: Memory) -> None:
        """See `Plan`."""


@dataclass(eq=False)
class TuplePlan:
    """Plan batches of mined tuples.

    Args:
        miner: the miner of the tuples.
        describe: a function from training photos ``(n,)`` to descriptors ``(n, dim)`` by the current weights.
        size: the number of tuples per batch.
        queries: the number of queries per epoch; 0 for all.
        copies: see `ClassPlan`.
        seed: the seed of the order and of the choice among copies.
    """

    miner: TupleMiner
    describe: Callable[[Ids], Floats]
    size: int
    queries: int
    copies: int
    seed: int

    def epoch(self, number: int) -> list[Batch]:
        """See `Plan`; queries without a loss are skipped, so there may be no batch at all."""
        generator = np.random.default_rng((self.seed, number))
        asked = generator.permutation(self.miner.queries)[: self.queries or None]
        count = len(self.miner.photos)
        with tempfile.TemporaryDirectory() as folder:
            cache = None
            for start in range(0, count, TOGETHER):
                described = self.describe(np.arange(start, min(start + TOGETHER, count)))
                if cache is None:
                    cache = DescriptorCache.create(Path(folder) / "descriptors.npy", count, described.shape[1])
                cache.write(start, described)
            if cache is None:
                return []
            found = self.miner.mine(cache, number, asked)
            cache.close()
        tuples = [
            np.concatenate([[query, near], far])
            for query, near, far in zip(found.queries, found.positives, found.negatives, strict=True)
        ]
        parts = [tuples[start : start + self.size] for start in range(0, len(tuples), self.size)]
        return [self._batch(part, number, generator) for part in parts]

    def first(self) -> Batch:
        """See `Plan`: tuples with any potential positive and any negatives."""
        queries = self.miner.queries[: self.size]
        every = np.arange(len(self.miner.photos))
        tuples = []
        for query in queries:
            near = self.miner.potential_positives(int(query))[:1]
            far = every[self.miner.definite_negatives(np.array([query]), every)[0]]
            tuples.append(np.concatenate([[query], near, far[: self.miner.options.used]]))
        return self._batch(tuples, 0, np.random.default_rng(0))

    def pairs(self, rows: Ids) -> Ids:
        """See `Plan`: photos and their potential positives."""
        places = np.full(len(self.miner.photos), -1, np.int64)
        places[rows] = np.arange(len(rows))
        found = [np.zeros((0, 2), np.int64)]
        for row in np.intersect1d(rows, self.miner.queries):
            near = places[self.miner.potential_positives(int(row))]
            near = near[near >= 0][:OTHERS]
            found.append(np.column_stack([np.full(len(near), places[row]), near]))
        return np.concatenate(found)

    def memory(self) -> Memory:
        """See `Plan`."""
        return {"hardest": torch.from_numpy(self.miner.hardest_.copy())}

    def remember(self, memory: Memory) -> None:
        """See `Plan`."""
        self.miner.hardest_ = memory["hardest"].numpy().copy()

    def _batch(self, tuples: list[Ids], number: int, generator: np.random.Generator) -> Batch:
        rows = np.concatenate(tuples).astype(np.int64)
        counts = np.array([[1, len(each) - 2] for each in tuples], np.int64)
        return Batch(rows, _copies(len(rows), self.copies, number, generator), counts)


def make_plan(recipe: Recipe, photos: LabeledPhotos | PlacedPhotos, describe: Callable[[Ids], Floats]) -> Plan:
    """Return the plan of a recipe.

    Args:
        recipe: the recipe, which sets the batches.
        photos: the training photos.
        describe: see `TuplePlan`.

    Raises:
        OptionError: a batch is too small for the loss.
        DatasetError: a class has one photo, or no two photos show one place.
    """
    copies, seed, batches = recipe.model.cached_copies, recipe.seed, recipe.batches
    if isinstance(photos, PlacedPhotos):
        options, queries = MiningOptions.from_table(_with_margin(recipe.mining, recipe.loss))
        miner = TupleMiner(photos, options, seed=seed)
        _check_far(miner)
        return TuplePlan(miner, describe, batches.tuples, queries, copies, seed)
    if recipe.loss["name"] in NEEDS_PAIRS and (batches.classes < 2 or batches.instances < 2):
        raise OptionError(
            f"the loss {recipe.loss['name']!r} needs batches.classes and batches.instances of at least 2, got "
            f"{batches.classes} and {batches.instances}"
        )
    if len(photos.classes) < 2:
        raise DatasetError(
            f"training needs at least 2 classes, got {', '.join(map(repr, photos.classes))} only; put the photos of "
            "each class into a separate folder, below the data folder"
        )
    drawn = ClassBatches(
        photos.labels,
        batches.classes,
        batches.instances,
        seed,
        names=photos.classes,
        leave_out_lonely=batches.leave_out_lonely,
    )
    return ClassPlan(drawn, photos.labels, copies, seed)


def _check_far(miner: TupleMiner) -> None:
    """Raise if all photos are so close to each other that there are no negatives."""
    every, together = np.arange(len(miner.photos)), 64
    blocks = (miner.queries[start : start + together] for start in range(0, len(miner.queries), together))
    if not any(miner.definite_negatives(block, every).any() for block in blocks):
        raise DatasetError(
            f"no two of the {len(every)} training photos are more than mining.negative = {miner.options.negative:g} m "
            "apart, so there are no negatives; add photos of other places, or set mining.negative lower"
        )


def _with_margin(mining: Mapping[str, Any], loss: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of mining with the loss's margin."""
    margin = loss.get("margin", inspect.signature(LOSSES["weak-ranking"]).parameters["margin"].default)
    if mining.get("margin", margin) != margin:  # recipes of earlier versions set it twice
        raise OptionError(
            f"mining.margin {mining['margin']} differs from loss.margin {margin}; set only loss.margin, which "
            "mining uses too"
        )
    return {**mining, "margin": margin}


def _copies(count: int, cached: int, epoch: int, generator: np.random.Generator) -> Ids:
    """Return ``(count,)``: the copy of each photo; copy 0 is not augmented."""
    return generator.integers(1, cached + 1, count) if cached else np.full(count, epoch + 1, np.int64)
