"""Frames of a walk or a video, located together: the frames before and after limit where a frame can be.

A hidden Markov model over the photos of the atlas and "elsewhere". Its transitions are those of `motion`. The
likelihood of a frame at a photo is the odds of the evidence model, and 1 for elsewhere. The forward-backward algorithm
(Rabiner, Proc. IEEE 77, 1989, equations 19 to 27) gives the probability of each state with the frames up to `lag`
later. The frames of a walk see the same things, so they are not independent: only a share of the log odds counts
(`TRUST`).

After a cut, any state can follow any other. If the frames are not in the order of a camera moving through the atlas,
the sequence gives no information. This is tested by a Bayes factor (Kass and Raftery, JASA 90, 1995) that compares the
transitions with frames at random places; below the level of positive evidence, each frame is located on its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from placeprint.core.options import CountOrNone, Positive, checked
from placeprint.photos import Picture
from placeprint.places.graph import CANDIDATES, log_odds
from placeprint.places.locating import Locator
from placeprint.places.motion import Motion, Values, motion_of
from placeprint.searching.reader import AtlasReader
from placeprint.store.photo_filter import PhotoFilter
from placeprint.types import Answer, Located, Progress

STRIDE = 5.0
"""Meters between two frames, usually: a walk with a frame every three seconds."""
LAG = 5
"""Frames that are waited for before a frame is answered."""
OWN, TRUST = 0.75, 0.5
"""Shares of the log odds that count: of the frame in question, and of those around it, which see the same things."""
LOWEST = -4.0
"""Log of how well photos that are no candidates explain a frame, beside elsewhere."""
POSITIVE = float(np.log(3))
"""Log Bayes factor from which on frames follow each other: positive evidence, as of Kass and Raftery."""
KEPT = 0.8
"""Share of the evidence of earlier frames that is kept with each frame."""
RANKED = 200
"""Photos that a frame may show, at most."""


@dataclass(eq=False)
class _Frame:
    """A frame that is not answered yet.

    Args:
        answer: of its search.
        said: ``(n + 1,)`` its log odds, see `SequenceTracker._said`.
        before: ``(n + 1,)`` probabilities of the states by the frames before.
        gain: log of how much better it is explained by the frames before than by a place drawn at random.
    """

    answer: Answer
    said: Values
    before: Values
    gain: float


class SequenceTracker:
    """Locates the frames of a sequence as they come; one sequence at a time, from one thread.

    Args:
        atlas: of a preset that gives probabilities.
        stride: meters between two frames, usually; photos up to three strides away are near. Matters where photos have
            positions.
        rotations: whether to try rotations of frames.
        exclude: photos of the atlas to exclude, by their paths in it.
        within: which photos of the atlas to search; None for all.
        progress: called while the atlas is surveyed.

    Raises:
        OptionError: the preset gives no probabilities.

    Example:
        tracker = SequenceTracker(atlas)
        for frame in camera:
            print(tracker.update(frame).place)
    """

    @checked
    def __init__(
        self,
        atlas: AtlasReader,
        *,
        stride: Positive = STRIDE,
        rotations: bool = False,
        exclude: Collection[str] = (),
        within: PhotoFilter | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._atlas, self._rotations, self._exclude, self._within = atlas, rotations, exclude, within
        self._locator = Locator(atlas, progress=progress)
        self._motion: Motion = motion_of(self._locator.photos, self._locator.pairs, stride)
        self._states = {int(photo): state for state, photo in enumerate(self._motion.photos)}
        self._frames: deque[_Frame] = deque()
        self._belief: Values | None = None
        self._followed = 0.0

    def update(self, frame: Picture) -> Located:
        """Return where a frame is, by it and the frames before it.

        Args:
            frame: anything that `Atlas.search` accepts.

        Raises:
            PhotoError: the frame cannot be used; the sequence skips it.
        """
        self._add(frame)
        return self._oldest()

    @checked
    def smoothed(self, frames: Iterable[Picture], lag: CountOrNone = LAG) -> Iterator[Located]:
        """Yield where each frame is, by all frames before it and some after it; a few frames are in memory.

        Args:
            frames: of the sequence, in order.
            lag: frames waited for before a frame is answered.

        Raises:
            PhotoError: a frame cannot be used.
        """
        self._frames.clear()
        self._belief, self._followed = None, 0.0
        for frame in frames:
            self._add(frame)
            if len(self._frames) > lag:
                yield self._oldest()
        while self._frames:
            yield self._oldest()

    def _add(self, frame: Picture) -> None:
        answer = self._atlas.search(
            frame, top=RANKED, rotations=self._rotations, exclude=self._exclude, within=self._within
        )
        before = self._motion.begin() if self._belief is None else self._motion.forward(self._belief)
        said = self._said(answer)
        explained = self._likelihood(said, TRUST)
        gain = float(np.log(before @ explained) - np.log(self._motion.begin() @ explained))
        self._belief = _normalized(before * explained)
        self._frames.append(_Frame(answer, said, before, gain))

    def _said(self, answer: Answer) -> Values:
        """Return ``(n + 1,)`` log odds that a frame gives the photos, NaN for those that are no candidates."""
        said = np.full(len(self._states) + 1, np.nan)
        known = [each for each in answer.evidence[:CANDIDATES] if each.id in self._states]
        if known and answer.confidence is not None:
            odds = np.array([log_odds(each.probability or 0.0) for each in known])
            odds -= max(0.0, odds.max() - log_odds(answer.confidence))
            said[[self._states[each.id] for each in known]] = odds
        return said

    def _likelihood(self, said: Values, share: float) -> Values:
        """Return ``(n + 1,)`` how well the states explain a frame, elsewhere 1, given its log odds.

        The odds of a photo are relative to all photos, with equal priors. A blank frame gives no information.
        """
        if np.isnan(said).all():
            return np.ones_like(said)
        found = np.where(np.isnan(said), np.exp(LOWEST), len(self._states) * np.exp(share * said))
        found[-1] = 1.0
        return np.asarray(found, np.float64)

    def _oldest(self) -> Located:
        """Return where the oldest frame in memory is, and drop it; the belief of the next one knows of it."""
        message = np.ones(len(self._states) + 1)
        for later in list(self._frames)[:0:-1]:
            message = self._motion.backward(message * self._likelihood(later.said, TRUST))
            message /= message.max()
        evidence = self._followed + sum(frame.gain for frame in self._frames)
        oldest = self._frames.popleft()
        self._followed = KEPT * (self._followed + oldest.gain)
        if evidence < POSITIVE:
            alone = replace(oldest.answer, evidence=oldest.answer.evidence[:CANDIDATES])
            return self._locator.located(alone)
        return self._located(oldest.answer, _normalized(oldest.before * self._likelihood(oldest.said, OWN) * message))

    def _located(self, answer: Answer, belief: Values) -> Located:
        """Return the place of a frame, given the probability of each state."""
        known = [replace(each, probability=self._of(each.id, belief)) for each in answer.evidence]
        known.sort(key=lambda each: -(each.probability or 0.0))
        ranked = replace(
            answer, evidence=tuple(known), confidence=None if not known else self._near(known[0].id, belief)
        )
        weights = np.array([each.probability or 0.0 for each in known])
        return self._locator.located(ranked, weights=weights)

    def _of(self, photo: int, belief: Values) -> float:
        state = self._states.get(photo)
        return 0.0 if state is None else float(belief[state])

    def _near(self, photo: int, belief: Values) -> float:
        """Return the probability of a photo and those near it."""
        state = self._states.get(photo)
        return 0.0 if state is None else min(1.0, float(belief[self._motion.near(state)].sum()))


def _normalized(belief: Values) -> Values:
    return np.asarray(belief / belief.sum(), np.float64)
