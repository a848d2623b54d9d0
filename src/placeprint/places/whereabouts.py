"""Where a photo was taken, with a reliable radius: `position` and `radius` applied to a survey of the atlas.

The radius is learned from the atlas itself: each of its photos with a position is located from the others, as a query
would be. Two rules keep it honest. A photo that is to be located from the others (`evaluation.leave_one_out`) is not
used in any score, neither its own nor as a neighbor. And a tag that verified matches contradict (`wrong_positions`) is
not used in positions and has no score, because its error is that of the tag. The photo that is to be located is not
used to find such tags either.

If exactly two tags contradict each other, it is unknown which is wrong. Such tags are disputed: they are used in
positions but have no score, as long as they are few (`DISPUTED`). If there are more, they are real position errors, and
they count.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.plane import Degrees, distances
from placeprint.places.position import Estimate, estimate
from placeprint.places.radius import fit_radius, score
from placeprint.places.survey import Survey, neighbors_of, pair_table
from placeprint.places.wrong_positions import LIMIT, NEAREST, Tags
from placeprint.store import PhotoRecord
from placeprint.types import Ids, Location

KNOWN = 0.5
"""Confidence from which on a photo has a place."""
LEAST_WEIGHT = 0.02
"""Probability below which a candidate says nothing about the position."""
DISPUTED = 0.1
"""The share of scores that may be dropped because they contradict a tag, that is, the share of wrong tags that is
tolerated."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class _Score:
    """How far off a photo is located from the others, by the spread of these, and in meters."""

    value: float
    meters: float

    @property
    def in_dispute(self) -> bool:
        """Whether a right tag would hardly be so far off."""
        return self.value > LIMIT and self.meters >= NEAREST


class Whereabouts:
    """Locates queries by the positions of an atlas.

    Args:
        photos: the record of each photo, by id.
        survey: what they say of each other.
    """

    def __init__(self, photos: Mapping[int, PhotoRecord], survey: Survey) -> None:
        self.positions = {i: record.location for i, record in photos.items() if record.location is not None}
        self._survey = {
            photo: seen for photo, seen in survey.items() if photo in self.positions and seen.confidence >= KNOWN
        }
        self._others = {photo: frozenset(seen.others.tolist()) for photo, seen in self._survey.items()}
        linked = neighbors_of(pair_table(survey), list(self.positions))
        self._tags = Tags(self.positions, {photo: list(near.items()) for photo, near in linked.items()})
        self._wrong = self._without(())
        self._scores = {photo: self._score(photo, self._wrong) for photo in self._survey.keys() - self._wrong}

    def locate(self, candidates: Ids, weights: Values, unseen: Collection[int] = ()) -> Location | None:
        """Return where a query was taken; None where no likely candidate has a position.

        Args:
            candidates: ``(k,)`` ids.
            weights: ``(k,)`` probabilities that they show the query's place.
            unseen: ids of photos that nothing is learned from.
        """
        without = self._without(unseen)
        found = self._estimate(candidates, weights, without)
        if found is None:
            return None
        radius = fit_radius(self._scores_without(without))
        return Location(found.latitude, found.longitude, radius.meters(found.spread))

    def distances(self, location: Location | None, candidates: Ids) -> tuple[float | None, ...]:
        """Return the meters from a location to candidates, None where one is unknown."""
        if location is None:
            return tuple(None for _ in candidates)
        there = np.array([location.latitude, location.longitude])
        known = [self.positions.get(int(photo)) for photo in candidates]
        return tuple(None if each is None else float(distances(np.array([each]), there)[0]) for each in known)

    def scores(self, unseen: Collection[int] = ()) -> list[float]:
        """Return the scores of the photos that the others locate, without some photos."""
        return self._scores_without(self._without(unseen))

    def _without(self, unseen: Collection[int]) -> frozenset[int]:
        """Return some photos, and those whose tags the other photos contradict."""
        return frozenset(unseen).union(each.photo for each in self._tags.wrong(unseen))

    def _scores_without(self, without: frozenset[int]) -> list[float]:
        changed, found = without ^ self._wrong, list[_Score]()
        for photo, others in self._others.items():
            if photo not in without:
                known = photo in self._scores and changed.isdisjoint(others)
                scored = self._scores[photo] if known else self._score(photo, without)
                found += [] if scored is None else [scored]
        disputed = sorted(each.value for each in found if each.in_dispute)
        counted = max(0, len(disputed) - math.ceil(DISPUTED * len(found)))
        return [each.value for each in found if not each.in_dispute] + disputed[:counted]

    def _score(self, photo: int, without: Collection[int]) -> _Score | None:
        """Return the score of a photo that the others locate; None where they do not."""
        seen = self._survey[photo]
        where = self._estimate(seen.others, seen.pairs, without)
        if where is None:
            return None
        there = np.array([where.latitude, where.longitude])
        meters = float(distances(np.array([self.positions[photo]]), there)[0])
        return _Score(score(meters, where.spread), meters)

    def _estimate(self, candidates: Ids, weights: Values, without: Collection[int]) -> Estimate | None:
        chosen = [
            (self.positions[photo], weight)
            for photo, weight in zip(candidates.tolist(), weights.tolist(), strict=True)
            if photo in self.positions and photo not in without and weight >= LEAST_WEIGHT
        ]
        if not chosen:
            return None
        places: Degrees = np.array([position for position, _ in chosen])
        return estimate(places, np.array([weight for _, weight in chosen]))
