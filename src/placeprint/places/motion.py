"""How a camera moves through an atlas: from each photo to those near it, anywhere with a small probability, or out.

Nearby photos are those within a few strides by GPS. For a photo without a position, they are its neighbors in the order
of its folder, and the photos that verified matches link to it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.plane import distances
from placeprint.photos.walking import natural
from placeprint.store import PhotoRecord
from placeprint.types import Ids

STRIDES = 3
"""Photos up to this many strides away are near by GPS."""
STEPS = 3
"""Photos up to this many places away in the order of a folder are near."""
LEAVE, RETURN = 0.02, 0.1
"""Probability to leave the places of the atlas with the next frame, and to come back."""
JUMP = 0.02
"""Probability to be anywhere in the atlas with the next frame: cuts, and photos whose links were not found."""
DEGREE = 110_000.0
"""Meters of a degree of latitude, less than any."""
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Motion:
    """Where a camera is after one frame. The last state is "elsewhere".

    Args:
        photos: ``(n,)`` ids of the states.
        starts: ``(m,)`` states that a move starts from, rising.
        ends: ``(m,)`` states where it ends.
        weights: ``(m,)`` its probability; those from one state add up to 1.
    """

    photos: Ids
    starts: Ids
    ends: Ids
    weights: Values

    def begin(self) -> Values:
        """Return ``(n + 1,)`` before the first frame: elsewhere or anywhere, alike."""
        return np.append(np.full(len(self.photos), 0.5 / max(len(self.photos), 1)), 0.5)

    def near(self, state: int) -> Ids:
        """Return the states near a state, itself among them."""
        first, last = np.searchsorted(self.starts, (state, state + 1))
        return self.ends[first:last]

    def forward(self, belief: Values) -> Values:
        """Return ``(n + 1,)`` beliefs one frame later."""
        inside, count = belief[:-1].sum(), len(self.photos)
        moved = np.bincount(self.ends, self.weights * belief[self.starts], minlength=count)[:count]
        anywhere = (JUMP * inside + RETURN * belief[-1]) / max(count, 1)
        return np.append((1 - LEAVE - JUMP) * moved + anywhere, LEAVE * inside + (1 - RETURN) * belief[-1])

    def backward(self, message: Values) -> Values:
        """Return ``(n + 1,)`` how well each state explains what the next frame's states explain: the transpose."""
        count = len(self.photos)
        moved = np.bincount(self.starts, self.weights * message[self.ends], minlength=count)[:count]
        anywhere = message[:-1].mean() if count else 0.0
        inside = (1 - LEAVE - JUMP) * moved + JUMP * anywhere + LEAVE * message[-1]
        return np.append(inside, RETURN * anywhere + (1 - RETURN) * message[-1])


def motion_of(photos: Mapping[int, PhotoRecord], pairs: Mapping[tuple[int, int], float], stride: float) -> Motion:
    """Return how a camera moves through an atlas.

    Args:
        photos: the record of each photo, by id.
        pairs: probabilities of the links, see `survey.pair_table`.
        stride: meters between two frames, usually.
    """
    ids = sorted(photos)
    states = {photo: state for state, photo in enumerate(ids)}
    near: list[dict[int, float]] = [{state: 1.0} for state in range(len(ids))]
    for one, two, weight in (*_by_position(photos, stride), *_by_order(photos), *_by_links(photos, pairs)):
        first, second = states[one], states[two]
        near[first][second] = max(weight, near[first].get(second, 0.0))
    starts = np.repeat(np.arange(len(ids)), [len(each) for each in near])
    ends = np.array([end for each in near for end in each], np.int64)
    weights = np.array([weight / sum(each.values()) for each in near for weight in each.values()])
    return Motion(np.array(ids, np.int64), starts.astype(np.int64), ends, weights)


def _by_position(photos: Mapping[int, PhotoRecord], stride: float) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of photos that are near by GPS, with the weight of the move."""
    placed = sorted((record.location, photo) for photo, record in photos.items() if record.location is not None)
    if not placed:
        return
    degrees, ids = np.array([place for place, _ in placed]), np.array([photo for _, photo in placed])
    band = STRIDES * stride / DEGREE
    for place, photo in zip(degrees, ids.tolist(), strict=True):
        low, high = np.searchsorted(degrees[:, 0], (place[0] - band, place[0] + band))
        meters = distances(degrees[low:high], place) / stride
        for other in np.flatnonzero(meters <= STRIDES):
            yield photo, int(ids[low + other]), float(np.exp(-(meters[other] ** 2) / 2))


def _by_order(photos: Mapping[int, PhotoRecord]) -> Iterator[tuple[int, int, float]]:
    """Yield pairs of photos without positions that follow each other in a folder."""
    folders: dict[str, list[int]] = defaultdict(list)
    for photo, record in photos.items():
        if record.location is None:
            folders[os.path.dirname(record.path)].append(photo)  # noqa: PTH120  # any text, and many
    for ids in folders.values():
        ids.sort(key=lambda photo: natural(photos[photo].path))
        for place, photo in enumerate(ids):
            for step in range(1, STEPS + 1):
                for other in (place - step, place + step):
                    if 0 <= other < len(ids):
                        yield photo, ids[other], float(np.exp(-(step**2) / 2 / STEPS))


def _by_links(
    photos: Mapping[int, PhotoRecord], pairs: Mapping[tuple[int, int], float]
) -> Iterator[tuple[int, int, float]]:
    """Yield linked pairs of photos in which one has no position."""
    for (first, second), probability in pairs.items():
        if photos[first].location is None or photos[second].location is None:
            yield first, second, probability
            yield second, first, probability
