"""Search an atlas for its own photos, so that its confidences can be calibrated without labels.

Each photo of a sample gives two queries:

- *Known*: a seeded synthetic view of the photo, searched in the whole atlas. If its place has other photos, every
  second time it is the photo itself instead, with the photo, its near-duplicates and its neighbors in time excluded.
  The answer is right if the first candidate is a photo of the place.
- *Unknown*: the photo itself, with all photos of its place excluded. Any answer is wrong.

The photos of its place are those that verified matches connect to it. These queries are searched like any other,
including rotations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from placeprint.core.threads import map_cores
from placeprint.errors import OptionError, PhotoError
from placeprint.evidence.calibration import Calibration, Trials, calibrated, log_odds_of
from placeprint.photos import read_image
from placeprint.photos.views import view_of
from placeprint.searching.allowed import Allowed
from placeprint.searching.memory import Memory
from placeprint.searching.search import Searcher
from placeprint.searching.snapshot import Snapshot
from placeprint.store import PhotoRecord, StoredPhotos
from placeprint.types import Image, Progress

JOINED = 50
"""Most similar photos that may be of a photo's place."""
DUPLICATE = 0.5
"""Share of a photo's keypoints that are verified in its near-duplicates."""
SECONDS = 5
"""Photos taken within this many seconds are neighbors in time."""
FEWEST = 20
"""The smallest number of photos for a calibration."""
TOGETHER = 8
"""Photos between two reports of progress."""


@dataclass(frozen=True)
class _Trial:
    """One query: the log odds of its first candidate, and whether it was right."""

    odds: float
    right: bool


@dataclass(frozen=True)
class _Place:
    """The other photos of a photo's place.

    Args:
        others: by path.
        near: those of them that are near-duplicates, or neighbors in time.
    """

    others: frozenset[str]
    near: frozenset[str]


class Calibrator:
    """Searches an atlas for its own photos.

    Args:
        now: the atlas, of a preset with evidence.
        memory: what earlier searches keep in memory.
        seed: of the sample and of the views.
    """

    def __init__(self, now: Snapshot, memory: Memory, seed: int) -> None:
        self._now, self._memory, self._seed = now, memory, seed
        self._searcher = Searcher(now, memory)

    def calibration(self, sample: int, progress: Progress | None) -> Calibration:
        """Return the calibration of the atlas.

        Args:
            sample: the largest number of photos to search for.
            progress: called with the count of photos done and the count of all.

        Raises:
            OptionError: fewer than `FEWEST` photos can be searched for.
        """
        ids = np.random.default_rng(self._seed).permutation(self._now.usable().ids)[:sample].tolist()
        if len(ids) < FEWEST:
            raise OptionError(f"the atlas has {len(ids)} photos; calibration needs at least {FEWEST}")
        self._searcher.prepare(None)
        asked: list[list[_Trial]] = []
        for start in range(0, len(ids), TOGETHER):
            part = range(start, min(start + TOGETHER, len(ids)))
            asked += [trials for trials in map_cores(lambda place: self._ask(ids[place], place), part) if trials]
            if progress is not None:
                progress(part.stop, len(ids))
        if len(asked) < FEWEST:
            raise OptionError(
                f"only {len(asked)} of {len(ids)} photos are still at their paths or have keypoints; calibration "
                f"reads the photos and needs at least {FEWEST}"
            )
        trials = [trial for each in asked for trial in each]
        drawn = [place == photo % 2 for photo, each in enumerate(asked) for place in range(len(each))]
        return calibrated(
            Trials(
                np.array([each.odds for each in trials]), np.array([each.right for each in trials]), np.array(drawn)
            ),
            len(asked),
            len(self._now.usable()),
        )

    def _ask(self, number: int, turn: int) -> list[_Trial]:
        """Return the known and the unknown trial of a photo; none if the photo cannot be used."""
        record = self._now.usable()[number]
        try:
            image = read_image(record.path)
        except PhotoError:
            return []
        place = self._place(record)
        left = place.others - place.near
        if left and turn % 4 < 2:  # drawn trials are every other known one, so both kinds are among them
            known = self._trial(image, frozenset({record.path}) | place.near, left)
        else:
            random = np.random.default_rng([self._seed, number])
            known = self._trial(view_of(image, random), frozenset(), place.others | {record.path})
        unknown = self._trial(image, place.others | {record.path}, frozenset())
        return [] if known is None or unknown is None else [known, unknown]

    def _trial(self, image: Image, exclude: frozenset[str], right: frozenset[str]) -> _Trial | None:
        """Search a picture like any query; None if there is no candidate."""
        allowed = Allowed.of(self._now, None, exclude)
        answer = self._searcher.search(image, top=1, verify=JOINED, rotations=True, allowed=allowed)
        if answer.confidence is None or not answer.evidence:
            return None
        return _Trial(float(log_odds_of(np.array([answer.confidence]))[0]), answer.evidence[0].path in right)

    def _place(self, record: PhotoRecord) -> _Place:
        """Return the photos that verified matches join to a photo, and those taken right before or after."""
        photos, verifier = self._now.usable(), self._memory.verifier
        row = self._memory.rows(self._now, np.array([record.id]))
        ids = [int(i) for i in self._memory.nearest(self._now, row, JOINED + 1)[0].ids if i != record.id]
        own, *others = self._memory.read(self._now, [record.id, *ids])
        checks = verifier.verify(own, others)
        joined = {i: check for i, check in zip(ids, checks, strict=True) if verifier.verdict(check) == "same place"}
        same = {i for i, check in joined.items() if check.num_inliers >= DUPLICATE * max(len(own), 1)}
        beside = _taken_beside(photos, record)
        paths = {i: each.path for i, each in photos.some({*joined} | beside).items()}
        return _Place(*(frozenset(paths[i] for i in each) for each in ({*joined} | beside, same | beside)))


def _taken_beside(photos: StoredPhotos, record: PhotoRecord) -> set[int]:
    """Return the ids of the other photos taken within `SECONDS` of a photo; none where its time is not known."""
    if record.taken is None:
        return set()
    times = photos.numbers("time")
    own = times[np.searchsorted(photos.ids, record.id)]
    near = photos.ids[(times >= own - SECONDS) & (times <= own + SECONDS)]
    return set(near.tolist()) - {record.id}
