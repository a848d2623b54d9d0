"""A Bayes filter over a stream of frames: is the camera at a remembered place, or at a new one?

Its states are the remembered frames and "a new place" (Angeli et al., IEEE Transactions on Robotics 24, 2008, equations
2 and 4). The camera moves along the frames in their order, jumps rarely, and leaves or comes back, with the
probabilities of `places.motion`. The frames of a walk see the same things, so only a share of their log odds counts
(`places.sequence`). A loop that several frames in a row confirm becomes certain; a loop from a single frame does not.

While few frames are remembered, the next one is hardly at one of them: a move that leads past the first or the last
leads to a new place, and none is more probable beforehand than if there were as many as a move can reach.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from placeprint.places.motion import JUMP, LEAVE, RETURN, STEPS, Values
from placeprint.places.sequence import LOWEST, OWN, TRUST

REACH = 2 * STEPS + 1
"""Frames that a move can lead to."""


class Belief:
    """The probability that the camera is at each remembered frame; not for several threads.

    Attributes:
        places: ``(n,)`` probability of each remembered frame, in order; the rest is that of a new place.
    """

    def __init__(self) -> None:
        self.places: Values = np.zeros(0)

    def remember(self, left: int | None) -> None:
        """Add a state for a new frame; the one at the place `left` is gone."""
        if left is not None:
            self.places = np.delete(self.places, left)
        self.places = np.append(self.places, 0.0)

    def before(self, open_states: int) -> Values:
        """Return ``(open_states,)`` probabilities before a frame is seen.

        Args:
            open_states: the remembered frames that may close a loop; later ones are too new.
        """
        inside = self.places[:open_states]
        new = 1.0 - float(inside.sum())
        anywhere = (JUMP * float(inside.sum()) + RETURN * new) / max(open_states, REACH)
        return np.asarray((1 - LEAVE - JUMP) * _spread(inside) + anywhere, np.float64)

    def update(self, before: Values, log_odds: Mapping[int, float]) -> Values:
        """Learn what a frame says; return ``(n,)`` the probability of each state by it and the frames before.

        Args:
            before: ``(n,)`` of `before`.
            log_odds: that it shows the place of a remembered frame, by the place of that; the others were not verified.
        """
        self.places[:] = 0
        self.places[: len(before)] = _posterior(before, log_odds, TRUST)
        return _posterior(before, log_odds, OWN)


def near(places: Values, place: int) -> float:
    """Return the probability of a state and those beside it."""
    return min(1.0, float(places[max(0, place - STEPS) : place + STEPS + 1].sum()))


def _posterior(before: Values, log_odds: Mapping[int, float], share: float) -> Values:
    said = np.full(len(before), np.exp(LOWEST)) if log_odds else np.ones(len(before))
    for place, odds in log_odds.items():
        said[place] = len(before) * np.exp(share * max(odds, LOWEST))
    found = before * said
    return np.asarray(found / (found.sum() + 1.0 - before.sum()), np.float64)


def _spread(inside: Values) -> Values:
    """Return the probabilities after a move of up to `STEPS` frames in either direction, each as likely."""
    if not len(inside):
        return inside
    return np.asarray(np.convolve(inside, np.full(REACH, 1 / REACH))[STEPS : STEPS + len(inside)], np.float64)
