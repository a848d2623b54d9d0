"""Wrong tags: positions that verified matches contradict.

Each photo is located from the others that show the same place (`position.estimate`). The tag that is farthest from that
position, measured in the spread of its neighbors, is wrong and is excluded from then on; then the next. So a wrong tag
does not make its right neighbors look wrong. At least two photos that agree with each other must contradict it: two of
its neighbors, or a neighbor that is linked to it by a fair probability and another photo that is linked to that
neighbor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Count, Positive, checked
from placeprint.core.plane import Degrees, distances
from placeprint.places.position import AROUND, BANDWIDTH, Estimate, estimate
from placeprint.places.radius import score

LIMIT = 3.0
"""Score above which a tag is wrong: right tags have up to about 2."""
NEAREST = 75.0
"""Meters that a wrong tag is off at least: landmarks are photographed from afar."""
AGREEING = 2
"""Photos around the mode of the positions, at least."""
FAIR = 0.3
"""Weight of a single neighbor that other photos may confirm."""

Neighbors = Mapping[int, Sequence[tuple[int, float]]]
"""For each photo the photos that show the same place, and the weight of each."""


@dataclass(frozen=True)
class WrongPosition:
    """A tag that is contradicted.

    Args:
        photo: its index, or id.
        where: where the neighbors say that it was taken.
        meters: from the tag to there.
        score: those meters by the spread of the neighbors, as of `radius.score`.
    """

    photo: int
    where: Estimate
    meters: float
    score: float


@checked
def wrong_positions(
    positions: Degrees, neighbors: Neighbors, limit: Positive = LIMIT, agreeing: Count = AGREEING
) -> list[WrongPosition]:
    """Return the tags that are wrong, the most contradicted first.

    Args:
        positions: ``(n, 2)`` latitude and longitude in degrees, NaN where a photo has none.
        neighbors: of each photo that has any, by index.
        limit: score above which a tag is wrong.
        agreeing: photos that must agree, at least.
    """
    known = np.flatnonzero(np.isfinite(positions).all(axis=1))
    return Tags({int(photo): positions[photo] for photo in known}, neighbors, limit, agreeing).wrong()


class Tags:
    """The positions of photos, and what contradicts them.

    Each answer depends on the photo's neighbors and on theirs alone. It is kept, so that `wrong` is quick to say what
    it would be without some photos.

    Args:
        positions: latitude and longitude in degrees of each photo that has a position.
        neighbors: of each photo that has any.
        limit: score above which a tag is wrong.
        agreeing: photos that must agree, at least.
    """

    def __init__(
        self,
        positions: Mapping[int, Sequence[float] | NDArray[np.float64]],
        neighbors: Neighbors,
        limit: float = LIMIT,
        agreeing: int = AGREEING,
    ) -> None:
        self._positions = {photo: np.asarray(place, np.float64) for photo, place in positions.items()}
        self._neighbors = {
            photo: [(other, weight) for other, weight in neighbors.get(photo, ()) if other in positions and weight > 0]
            for photo in positions
        }
        self._limit, self._agreeing = limit, agreeing
        self._asked: dict[tuple[int, frozenset[int]], WrongPosition | None] = {}
        self._around: dict[int, frozenset[int]] = {}
        self._concerned: dict[int, set[int]] = {photo: {photo} for photo in positions}
        for photo, near in self._neighbors.items():
            firsts = {other for other, _ in near}
            around = firsts.union(third for other in firsts for third, _ in self._neighbors[other])
            self._around[photo] = frozenset(around - {photo})
            for other in around:
                self._concerned[other].add(photo)
        self._first: dict[int, WrongPosition] = {}
        self._ask(self._first, positions, set())

    def wrong(self, hidden: Collection[int] = ()) -> list[WrongPosition]:
        """Return the tags that are wrong, the most contradicted first.

        Args:
            hidden: photos that have no part in it.
        """
        untrusted, found, wrong = set(hidden), dict(self._first), list[WrongPosition]()
        self._ask(found, {each for photo in untrusted for each in self._concerned.get(photo, ())}, untrusted)
        while found:
            worst = max(found.values(), key=lambda each: (each.score, -each.photo))
            wrong.append(worst)
            untrusted.add(worst.photo)
            self._ask(found, self._concerned[worst.photo], untrusted)
        return wrong

    def _ask(self, found: dict[int, WrongPosition], photos: Iterable[int], untrusted: set[int]) -> None:
        """Bring up to date which of some photos have a tag that is contradicted by those that are trusted."""
        for photo in photos:
            said = None if photo in untrusted else self._contradiction(photo, self._around[photo] & untrusted)
            if said is None:
                found.pop(photo, None)
            else:
                found[photo] = said

    def _contradiction(self, photo: int, untrusted: frozenset[int]) -> WrongPosition | None:
        """Return by how much a tag differs from what the neighbors say; None where it is not wrong by that."""
        key = (photo, untrusted)
        if key not in self._asked:
            found = self._compared(photo, untrusted)
            self._asked[key] = found if found is not None and found.score > self._limit else None
        return self._asked[key]

    def _compared(self, photo: int, untrusted: frozenset[int]) -> WrongPosition | None:
        chosen = [(other, weight) for other, weight in self._neighbors[photo] if other not in untrusted]
        if not chosen:
            return None
        places = np.array([self._positions[other] for other, _ in chosen])
        where = estimate(places, np.array([weight for _, weight in chosen]))
        if where.support < self._agreeing - self._confirming(photo, where, chosen, untrusted):
            return None
        meters = self._meters(photo, where)
        return WrongPosition(photo, where, meters, score(meters, where.spread)) if meters >= NEAREST else None

    def _confirming(
        self, photo: int, where: Estimate, chosen: Sequence[tuple[int, float]], untrusted: frozenset[int]
    ) -> int:
        """Return how many photos confirm the position of neighbors that agree, through their links to them."""
        around = [(other, weight) for other, weight in chosen if self._meters(other, where) <= AROUND * BANDWIDTH]
        if max((weight for _, weight in around), default=0.0) < FAIR:
            return 0
        linked = {third for other, _ in around for third, _ in self._neighbors[other]}
        others = linked - untrusted - {photo, *(other for other, _ in chosen)}
        return sum(self._meters(third, where) <= NEAREST for third in others)

    def _meters(self, photo: int, where: Estimate) -> float:
        there = np.array([where.latitude, where.longitude])
        return float(distances(self._positions[photo][None], there)[0])
