"""Wrong tags: found by what their neighbors say, without blame for the neighbors."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.core.plane import from_plane
from placeprint.places.wrong_positions import wrong_positions

HERE = np.array([-33.85, 151.21])


def walk(count: int) -> tuple[np.ndarray, dict[int, list[tuple[int, float]]]]:
    """Return photos every 8 m along a street, each of which matches three on both sides, nearer ones better."""
    meters = np.stack([8.0 * np.arange(count), np.zeros(count)], axis=1)
    neighbors = {
        photo: [(other, 4.0 - abs(photo - other)) for other in range(count) if 0 < abs(photo - other) <= 3]
        for photo in range(count)
    }
    return from_plane(meters, HERE), neighbors


def test_right_tags_are_left_alone() -> None:
    assert wrong_positions(*walk(30)) == []


@pytest.mark.parametrize("meters", [300.0, 5_000.0, 2_000_000.0])
def test_wrong_tags_are_found_and_located(meters: float) -> None:
    positions, neighbors = walk(30)
    right = positions.copy()
    for photo in (4, 13, 14):
        positions[photo] = from_plane(np.array([[0.0, meters]]), positions[photo])[0]
    found = wrong_positions(positions, neighbors)
    assert {each.photo for each in found} == {4, 13, 14}
    for each in found:
        assert abs(each.where.longitude - right[each.photo, 1]) < 3e-4
        assert each.meters == pytest.approx(meters, rel=0.1) or meters > 1e6


def test_a_photo_whose_only_neighbor_is_wrong_is_not_blamed() -> None:
    positions, neighbors = walk(8)
    positions = np.vstack([positions, positions[7]])
    neighbors[7] = [*neighbors[7], (8, 5.0)]
    neighbors[8] = [(7, 5.0)]
    positions[7] = from_plane(np.array([[0.0, 4000.0]]), positions[7])[0]
    assert [each.photo for each in wrong_positions(positions, neighbors)] == [7]


def test_a_single_neighbor_counts_if_another_photo_confirms_it() -> None:
    positions = from_plane(np.array([[0.0, 0.0], [10.0, 0.0], [5000.0, 0.0]]), HERE)
    neighbors = {0: [(1, 0.9)], 1: [(0, 0.9), (2, 0.4)], 2: [(1, 0.4)]}
    assert [each.photo for each in wrong_positions(positions, neighbors)] == [2]
    doubtful = {0: [(1, 0.9)], 1: [(0, 0.9), (2, 0.2)], 2: [(1, 0.2)]}
    assert wrong_positions(positions, doubtful) == []
    assert wrong_positions(positions, {1: [(2, 0.9)], 2: [(1, 0.9)]}) == []


def test_photos_without_position_and_without_neighbors_say_nothing() -> None:
    positions, neighbors = walk(10)
    positions[2] = np.nan
    del neighbors[5]
    assert wrong_positions(positions, neighbors) == []
    assert wrong_positions(np.full((3, 2), np.nan), {0: [(1, 1.0)], 1: [(0, 1.0)]}) == []
