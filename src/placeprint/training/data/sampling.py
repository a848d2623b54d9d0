"""Batches of P classes with K photos each, for losses on pairs and triplets (Hermans et al., arXiv 1703.07737).

An epoch shuffles the photos of each class and splits them into groups of K. A batch takes the P classes with the most
groups left, with random ties, so each photo is used once, with these exceptions:

- the last group of a class is filled with others of its photos, which are used twice; a class of fewer than K photos
  gives all of them, some repeatedly;
- if fewer than P classes have groups left, a last batch is filled with groups of other classes;
- if there are fewer than P classes, a batch has all of them;
- groups of a class beyond the number of batches are then left for another epoch, with another order.

An epoch depends only on the seed and its number, so a resumed run gets the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from placeprint.core.options import Range, Seed, checked
from placeprint.datasets.photos.labeled_photos import first_few
from placeprint.errors import DatasetError, ShapeError
from placeprint.types import Ids

AtLeastTwo = Annotated[int, Range(2, 100_000)]


@checked
class ClassBatches:
    """Draw the batches of each epoch.

    Args:
        labels: ``(n,)`` whole numbers, the class of each photo.
        classes: p, at least 2; fewer if there are not enough.
        instances: K, at least 2.
        seed: the seed of all draws.
        names: the names of the classes by label, for messages; None for the labels.
        leave_out_lonely: whether to exclude classes of one photo. Otherwise they are an error, because they make no
            pair.

    Attributes:
        excluded: the names of the excluded classes of one photo.
        classes: the number of classes per batch.

    Raises:
        ShapeError: the labels are not ``(n,)`` whole numbers.
        OptionError: P or K is below 2.
        DatasetError: a class has only one photo, or fewer than 2 classes have more.
    """

    def __init__(
        self,
        labels: ArrayLike,
        classes: AtLeastTwo,
        instances: AtLeastTwo,
        seed: Seed = 0,
        *,
        names: Sequence[str] | None = None,
        leave_out_lonely: bool = False,
    ) -> None:
        rows = np.asarray(labels)
        if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
            raise ShapeError(f"labels must have shape (n,) and be whole numbers, got {rows.shape} {rows.dtype}")
        known, numbers = np.unique(rows, return_inverse=True)
        groups = [np.flatnonzero(numbers == each) for each in range(len(known))]
        called = [str(label) if names is None else names[label] for label in known]
        lonely = tuple(name for name, group in zip(called, groups, strict=True) if len(group) < 2)
        if lonely and not leave_out_lonely:
            raise DatasetError(
                f"{len(lonely)} of {len(known)} classes have one training photo and make no pair: "
                f"{first_few(lonely)}; add photos, or set batches.leave_out_lonely = true"
            )
        self.excluded = lonely
        self._groups = [group.astype(np.int64) for group in groups if len(group) > 1]
        if len(self._groups) < 2:
            raise DatasetError(
                f"training needs 2 or more classes with 2 or more photos each, besides the validation photos, there "
                f"are {len(self._groups)} of {len(known)}: {first_few(called)}; add photos of these classes, or classes"
            )
        self.classes, self.instances, self.seed = min(classes, len(self._groups)), instances, seed

    def epoch(self, number: int) -> list[Ids]:
        """Return the batches of an epoch, ``(P K,)`` int64 indices of photos each, the photos of a class side by side.

        Args:
            number: the number of the epoch, from 0.
        """
        generator = np.random.default_rng([self.seed, number])
        waiting = [self._cut(group, generator) for group in self._groups]
        batches = []
        while True:
            left = np.array([len(groups) for groups in waiting])
            if not left.any():
                break
            order = np.lexsort((generator.random(len(left)), -left))[: self.classes]
            batches.append([waiting[each].pop() if waiting[each] else self._any(each, generator) for each in order])
            if not left[order].all():
                break
        return [np.concatenate(batches[each]) for each in generator.permutation(len(batches))]

    def _cut(self, group: Ids, generator: np.random.Generator) -> list[Ids]:
        """Return all photos of a class in groups of K."""
        order = generator.permutation(group)
        if len(order) <= self.instances:
            return [np.resize(order, self.instances)]
        missing = -len(order) % self.instances
        # those at the front and at the end are in different groups, so no group has a photo twice
        return list(np.concatenate([order, order[:missing]]).reshape(-1, self.instances))

    def _any(self, each: int, generator: np.random.Generator) -> Ids:
        return np.resize(generator.permutation(self._groups[each]), self.instances)
