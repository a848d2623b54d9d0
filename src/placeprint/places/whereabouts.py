"""Where a photo was taken, with a radius that holds: `position` and `radius` applied to a survey of the atlas.

The radius is learned from the atlas itself: each of its photos with a position is located from the others, as a query
would be. Two rules keep it honest. A photo that is to be located from the others (`evaluation.leave_one_out`) has no
part in any score, neither its own nor as a neighbor. And a photo whose own tag is contradicted by others that are
sure and agree has no score: its error is that of the tag.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.places.plane import Degrees, distances
from placeprint.places.position import Estimate, estimate
from placeprint.places.radius import fit_radius, score
from placeprint.places.survey import Survey
from placeprint.places.wrong_positions import AGREEING, LIMIT, NEAREST
from placeprint.store import PhotoRecord
from placeprint.types import Ids, Location

KNOWN = 0.5
"""Confidence from which on a photo has a place."""
SURE = 0.8
"""Confidence from which on neighbors contradict a tag."""
LEAST_WEIGHT = 0.02
"""Probability below which a candidate says nothing about the position."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class _Scored:
    """A photo of the atlas that was located from the others.

    Args:
        score: its error, as of `radius.score`; None where its tag is contradicted.
        neighbors: ids of the photos that located it.
    """

    score: float | None
    neighbors: frozenset[int]


class Whereabouts:
    """Locates queries by the positions of an atlas.

    Args:
        photos: what is known of each photo, by id.
        survey: what they say of each other.
    """

    def __init__(self, photos: Mapping[int, PhotoRecord], survey: Survey) -> None:
        self.positions = {i: record.location for i, record in photos.items() if record.location is not None}
        self._survey = survey
        everyone = {photo: self._scored(photo, ()) for photo in survey if photo in self.positions}
        self._scores = {photo: each for photo, each in everyone.items() if each is not None}

    def locate(self, candidates: Ids, weights: Values, unseen: Collection[int] = ()) -> Location | None:
        """Return where a query was taken; None where no likely candidate has a position.

        Args:
            candidates: ``(k,)`` ids.
            weights: ``(k,)`` probabilities that they show the query's place.
            unseen: ids of photos that nothing is learned from.
        """
        found = self._estimate(candidates, weights, unseen)
        if found is None:
            return None
        radius = fit_radius(self.scores(unseen))
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
        hidden, found = set(unseen), []
        for photo, known in self._scores.items():
            if photo in hidden:
                continue
            each = known if hidden.isdisjoint(known.neighbors) else self._scored(photo, hidden)
            if each is not None and each.score is not None:
                found.append(each.score)
        return found

    def _scored(self, photo: int, unseen: Collection[int]) -> _Scored | None:
        seen = self._survey[photo]
        where = self._estimate(seen.others, seen.pairs, unseen) if seen.confidence >= KNOWN else None
        if where is None:
            return None
        error = float(distances(np.array([where_of(where)]), np.array(self.positions[photo]))[0])
        missed = score(error, where.spread)
        wrong = seen.confidence >= SURE and where.support >= AGREEING and error >= NEAREST and missed > LIMIT
        return _Scored(None if wrong else missed, frozenset(seen.others.tolist()))

    def _estimate(self, candidates: Ids, weights: Values, unseen: Collection[int]) -> Estimate | None:
        chosen = [
            (self.positions[photo], weight)
            for photo, weight in zip(candidates.tolist(), weights.tolist(), strict=True)
            if photo in self.positions and photo not in unseen and weight >= LEAST_WEIGHT
        ]
        if not chosen:
            return None
        places: Degrees = np.array([position for position, _ in chosen])
        return estimate(places, np.array([weight for _, weight in chosen]))


def where_of(found: Estimate) -> tuple[float, float]:
    """Return latitude and longitude in degrees."""
    return found.latitude, found.longitude
