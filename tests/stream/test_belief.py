"""The filter over remembered frames: what it comes to by hand, and what holds of any frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placeprint.places.motion import JUMP, LEAVE, RETURN, STEPS
from placeprint.places.sequence import LOWEST, OWN, TRUST
from placeprint.stream.belief import REACH, Belief, near


def remembering(count: int) -> Belief:
    belief = Belief()
    for _ in range(count):
        belief.remember(None)
    return belief


def test_of_two_states_and_one_frame_by_hand() -> None:
    belief = remembering(2)
    before = belief.before(2)
    np.testing.assert_allclose(before, RETURN / REACH)
    after = belief.update(before, {0: 2.0})
    said = np.array([2 * np.exp(OWN * 2.0), np.exp(LOWEST)])
    np.testing.assert_allclose(after, before * said / ((before * said).sum() + 1 - 2 * RETURN / REACH))


def test_a_move_goes_to_neighbors_in_order() -> None:
    belief = remembering(20)
    belief.places[10] = 1.0
    before = belief.before(20)
    inside = (1 - LEAVE - JUMP) / REACH + JUMP / 20
    np.testing.assert_allclose(before[10 - STEPS : 11 + STEPS], inside)
    np.testing.assert_allclose(before[0], JUMP / 20)
    np.testing.assert_allclose(before.sum(), 1 - LEAVE)


def test_a_move_past_the_ends_leads_to_a_new_place() -> None:
    belief = remembering(20)
    belief.places[0] = 1.0
    inside = (1 - LEAVE - JUMP) * (STEPS + 1) / REACH + JUMP
    np.testing.assert_allclose(belief.before(20).sum(), inside)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_weak_matches_that_repeat_close_no_loop_with_few_frames(count: int) -> None:
    belief = remembering(count)
    for _ in range(20):
        before = belief.before(count)
        after = belief.update(before, {0: 0.3 / TRUST})
    assert near(after, 0) < 0.5


def test_a_frame_without_candidates_changes_nothing() -> None:
    belief = remembering(5)
    before = belief.before(5)
    np.testing.assert_allclose(belief.update(before, {}), before)


def test_the_state_of_a_frame_that_left_is_gone() -> None:
    belief = remembering(3)
    belief.places[:] = [0.1, 0.2, 0.3]
    belief.remember(1)
    assert belief.places.tolist() == [0.1, 0.3, 0.0]


@given(
    count=st.integers(1, 30),
    frames=st.lists(st.dictionaries(st.integers(0, 29), st.floats(-50, 8), max_size=3), max_size=6),
)
def test_probabilities_stay_probabilities(count: int, frames: list[dict[int, float]]) -> None:
    belief = remembering(count)
    for said in frames:
        before = belief.before(count)
        after = belief.update(before, {place: odds for place, odds in said.items() if place < count})
        for values in (before, after, belief.places):
            assert np.isfinite(values).all() and (values >= 0).all() and values.sum() <= 1 + 1e-9
        assert all(0 <= near(after, place) <= 1 for place in range(count))
