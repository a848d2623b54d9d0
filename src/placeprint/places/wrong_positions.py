"""Positions that verified matches contradict: tags that are wrong.

Each photo is located from the others that show the same place (`position.estimate`). The tag that is farthest from that
position, measured in the spread of its neighbors, is wrong, and has no part in what follows; then the next. So a wrong
tag does not make its right neighbors look wrong. At least two photos that agree with each other must contradict it:
two of its neighbors, or a neighbor that is linked to it by a fair probability and another photo that is linked to that
neighbor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Count, Positive, checked
from placeprint.places.plane import Degrees, distances
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
        photo: its index.
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
    known: NDArray[np.bool_] = np.asarray(np.isfinite(positions).all(axis=1))
    trusted = known.copy()
    wrong: list[WrongPosition] = []
    contradictions = {photo: _contradiction(photo, positions, trusted, neighbors, agreeing) for photo in neighbors}
    while True:
        found = [each for each in contradictions.values() if each is not None and each.score > limit]
        if not found:
            return wrong
        worst = max(found, key=lambda each: each.score)
        wrong.append(worst)
        trusted[worst.photo] = False
        del contradictions[worst.photo]
        for photo in contradictions:
            if any(other == worst.photo for other, _ in neighbors[photo]):
                contradictions[photo] = _contradiction(photo, positions, trusted, neighbors, agreeing)


def _contradiction(
    photo: int, positions: Degrees, trusted: NDArray[np.bool_], neighbors: Neighbors, agreeing: int
) -> WrongPosition | None:
    """Return by how much a photo's tag differs from what its neighbors say; None where they do not say enough."""
    if not trusted[photo]:
        return None
    chosen = [(other, weight) for other, weight in neighbors[photo] if trusted[other] and weight > 0]
    if not chosen:
        return None
    where = estimate(positions[[other for other, _ in chosen]], np.array([weight for _, weight in chosen]))
    if where.support < agreeing - _confirming(photo, where, chosen, positions, trusted, neighbors):
        return None
    meters = float(distances(positions[photo][None], np.array([where.latitude, where.longitude]))[0])
    return WrongPosition(photo, where, meters, score(meters, where.spread)) if meters >= NEAREST else None


def _confirming(
    photo: int,
    where: Estimate,
    chosen: Sequence[tuple[int, float]],
    positions: Degrees,
    trusted: NDArray[np.bool_],
    neighbors: Neighbors,
) -> int:
    """Return how many photos confirm the position of a photo's neighbors that agree, through their links to them."""
    here = np.array([where.latitude, where.longitude])

    def is_near(other: int, meters: float) -> bool:
        return bool(distances(positions[other][None], here)[0] <= meters)

    around = [(other, weight) for other, weight in chosen if is_near(other, AROUND * BANDWIDTH)]
    if max((weight for _, weight in around), default=0.0) < FAIR:
        return 0
    known = {photo, *(other for other, _ in chosen)}
    linked = {third for other, _ in around for third, weight in neighbors.get(other, ()) if weight > 0}
    return sum(bool(trusted[third]) and is_near(third, NEAREST) for third in linked - known)
