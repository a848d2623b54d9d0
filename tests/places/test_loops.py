"""Loop closures: links of one sequence, far apart in frames and in time."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from placeprint.errors import OptionError
from placeprint.places.graph import Link, MatchGraph
from placeprint.places.loops import loop_closures
from placeprint.store import PhotoRecord
from placeprint.types import Verification

NOON = datetime.datetime(2026, 6, 1, 12)  # local time, as in an atlas
NOTHING = Verification(np.zeros((0, 2), np.int64), np.zeros((0, 2, 2), np.float32), np.zeros(0, bool))


def graph_of(links: dict[tuple[int, int], float], *, every: float | None = None) -> MatchGraph:
    """Return 60 photos of one walk and one of another, with links; a photo every so many seconds."""
    photos = {}
    for number in range(60):
        taken = None if every is None else NOON + datetime.timedelta(seconds=every * number)
        photos[number] = PhotoRecord(f"/walk/{number}.jpg", "", 1, 1, taken=taken, id=number)
    photos[60] = PhotoRecord("/other/60.jpg", "", 1, 1, taken=NOON, id=60)
    ordered = sorted(links.items(), key=lambda each: -each[1])
    return MatchGraph(photos, tuple(Link(*pair, probability, NOTHING) for pair, probability in ordered))


LINKS = {(2, 3): 0.99, (2, 50): 0.8, (9, 29): 0.9, (9, 28): 0.95, (5, 60): 0.97, (1, 55): 0.3}


def pairs(graph: MatchGraph, **options: Any) -> list[tuple[int, int, int]]:
    return [(each.link.first, each.link.second, each.frames) for each in loop_closures(graph, **options)]


def test_links_far_apart_in_one_folder_close_loops() -> None:
    graph = graph_of(LINKS)
    assert pairs(graph) == [(9, 29, 20), (2, 50, 48)]
    assert pairs(graph, frames=30, least=0.2) == [(2, 50, 48), (1, 55, 54)]
    assert pairs(graph, frames=1)[0] == (2, 3, 1)
    assert all(each.seconds is None for each in loop_closures(graph))


def test_seconds_are_counted_where_photos_have_times() -> None:
    graph = graph_of(LINKS, every=2.0)
    assert pairs(graph, seconds=41) == [(2, 50, 48)]
    assert [each.seconds for each in loop_closures(graph)] == [40.0, 96.0]
    assert pairs(graph_of(LINKS), seconds=1) == []


def test_times_order_a_walk_before_names_do() -> None:
    graph = graph_of({(0, 1): 0.9}, every=1.0)
    late = graph.photos[1].taken
    assert late is not None
    moved = {**graph.photos, 1: PhotoRecord("/walk/1.jpg", "", 1, 1, taken=late + datetime.timedelta(hours=1), id=1)}
    assert pairs(graph) == []
    assert pairs(MatchGraph(moved, graph.links)) == [(0, 1, 59)]


def test_wrong_limits_are_refused() -> None:
    with pytest.raises(OptionError, match="frames"):
        loop_closures(graph_of({}), frames=0)
