"""Loop closures: photos of one sequence that show the same place although the camera was elsewhere in between.

A sequence is the photos of one folder, ordered by time if all have one, else by name. Consecutive photos show the same
place anyway, so a link counts only if its photos are far apart in the sequence.
"""

from __future__ import annotations

import datetime
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from placeprint.core.options import Count, NotNegative, Share, checked
from placeprint.photos.walking import natural
from placeprint.places.graph import Link, MatchGraph
from placeprint.store import PhotoRecord

FRAMES = 20
"""Frames between the photos of a loop closure, by default."""


@dataclass(frozen=True, eq=False)
class LoopClosure:
    """A link between two photos of one sequence that are far apart in it.

    Args:
        link: the photos, the probability that they show the same place, and the verified matches.
        frames: from one to the other in the sequence.
        seconds: from one to the other, or None where the photos have no times.
    """

    link: Link
    frames: int
    seconds: float | None


@checked
def loop_closures(
    graph: MatchGraph, *, frames: Count = FRAMES, seconds: NotNegative = 0.0, least: Share = 0.5
) -> list[LoopClosure]:
    """Return the loop closures of the sequences of an atlas, the most probable first.

    Args:
        graph: of the atlas.
        frames: from one photo to the other, at least.
        seconds: from one photo to the other, at least; above 0, only photos with times can close a loop.
        least: probability that both show the same place, at least.
    """
    order, found = order_in_sequences(graph.photos), []
    for link in graph.links:
        first, second = order[link.first], order[link.second]
        if first[0] != second[0] or link.probability < least:
            continue
        apart = abs(first[1] - second[1])
        span = _seconds(graph.photos[link.first].taken, graph.photos[link.second].taken)
        if apart >= frames and (seconds == 0 or (span is not None and span >= seconds)):
            found.append(LoopClosure(link, apart, span))
    return found


def order_in_sequences(photos: Mapping[int, PhotoRecord]) -> dict[int, tuple[str, int]]:
    """Return the folder of each photo and its place in the sequence of that folder, from 0."""
    folders: dict[str, list[int]] = defaultdict(list)
    for photo, record in photos.items():
        folders[os.path.dirname(record.path)].append(photo)  # noqa: PTH120  # any text, and many
    return {
        photo: (folder, place) for folder, ids in folders.items() for place, photo in enumerate(_in_order(ids, photos))
    }


def _in_order(ids: Sequence[int], photos: Mapping[int, PhotoRecord]) -> list[int]:
    by_name = sorted(ids, key=lambda photo: natural(photos[photo].path))
    times = {photo: taken for photo in ids if (taken := photos[photo].taken) is not None}
    return sorted(by_name, key=times.__getitem__) if len(times) == len(ids) else by_name


def _seconds(one: datetime.datetime | None, other: datetime.datetime | None) -> float | None:
    return None if one is None or other is None else abs((one - other).total_seconds())
