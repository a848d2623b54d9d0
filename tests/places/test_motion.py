"""How a camera moves through an atlas."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.places.motion import Motion, motion_of
from placeprint.store import PhotoRecord


def record(number: int, path: str, location: tuple[float, float] | None = None) -> PhotoRecord:
    return PhotoRecord(path, f"{number:064x}", 1, 1, 640, 480, location, None, 100, None, number)


def walk(count: int) -> dict[int, PhotoRecord]:
    return {number: record(number, f"/walk/{number}.jpg") for number in range(count)}


def from_state(motion: Motion, state: int) -> np.ndarray:
    belief = np.zeros(len(motion.photos) + 1)
    belief[state] = 1
    return motion.forward(belief)


@pytest.mark.parametrize("count", [0, 1, 5, 30])
def test_beliefs_add_up_to_one(count: int) -> None:
    motion = motion_of(walk(count), {}, 5.0)
    belief = motion.begin()
    for _ in range(3):
        belief = motion.forward(belief)
        assert belief.min() >= 0
    assert belief.sum() == pytest.approx(1.0) or count == 0


def test_backward_is_the_transpose_of_forward() -> None:
    motion = motion_of(walk(12), {(0, 9): 0.8}, 5.0)
    random = np.random.default_rng(0)
    belief, message = random.uniform(size=13), random.uniform(size=13)
    assert motion.forward(belief) @ message == pytest.approx(belief @ motion.backward(message))


def test_without_positions_the_next_frames_are_near_and_links_are_ways() -> None:
    motion = motion_of(walk(20), {(0, 15): 0.9}, 5.0)
    reached = from_state(motion, 10)
    assert reached[11] > reached[13] > reached[14] == pytest.approx(reached[19])
    assert from_state(motion, 0)[15] > 10 * from_state(motion, 1)[15]
    assert set(motion.near(10).tolist()) == set(range(7, 14))


def test_the_order_of_frames_is_that_of_their_numbers() -> None:
    photos = {number: record(number, f"/walk/frame{number}.jpg") for number in range(12)}
    assert from_state(motion_of(photos, {}, 5.0), 9)[10] > 2 * from_state(motion_of(photos, {}, 5.0), 9)[1]


@pytest.mark.parametrize("start", [(55.7, 13.2), (-17.5, 179.99999), (-33.9, -70.0)])
def test_with_positions_meters_count_and_not_the_order(start: tuple[float, float]) -> None:
    order = np.random.default_rng(0).permutation(10)
    photos = {int(n): record(int(n), f"/{n}.jpg", (start[0] + k * 5e-5, start[1])) for k, n in enumerate(order)}
    motion = motion_of(photos, {}, 5.0)
    reached = from_state(motion, int(order[4]))
    assert reached[order[5]] > 5 * reached[order[8]]
    assert reached[order[3]] == pytest.approx(reached[order[5]], rel=0.05)


def test_a_camera_may_leave_and_come_back() -> None:
    motion = motion_of(walk(10), {}, 5.0)
    assert 0 < from_state(motion, 3)[-1] < 0.1
    assert 0 < from_state(motion, 10)[:-1].sum() < 0.5
