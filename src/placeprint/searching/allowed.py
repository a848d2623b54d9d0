"""Which photos of an atlas a query may find: those that fit a filter, except the excluded ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from placeprint.searching.snapshot import Snapshot
from placeprint.store.photo_filter import PhotoFilter
from placeprint.types import Ids, Ranking


@dataclass(frozen=True, eq=False)
class Allowed:
    """The photos to search.

    Args:
        among: ``(k,)`` increasing ids of the only ones; None for all photos.
        excluded: ids of those that may not.
    """

    among: Ids | None = None
    excluded: Ids = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, now: Snapshot, within: PhotoFilter | None, exclude: Collection[str]) -> Self:
        """Return the photos of an atlas that fit a filter, except those at some paths; unknown paths are ignored."""
        among = None if within is None or within.is_open else within.ids(now.usable())
        excluded = now.usable().of_paths(map(str, exclude)) if exclude else {}
        return cls(among, np.array(sorted(record.id for record in excluded.values()), np.int64))

    @property
    def nobody(self) -> bool:
        """Whether no photo fits the filter."""
        return self.among is not None and not len(self.among)

    def to_ask(self, count: int) -> int:
        """Return how many candidates to request, so that ``count`` remain after the exclusions."""
        return count + len(self.excluded)

    def kept(self, ranking: Ranking, count: int) -> Ranking:
        """Return the ``count`` best of a ranking that are allowed."""
        fits = ~np.isin(ranking.ids, self.excluded)
        if self.among is not None:
            fits &= np.isin(ranking.ids, self.among)
        chosen = np.flatnonzero(fits)[:count]
        return Ranking(ranking.ids[chosen], ranking.scores[chosen])
