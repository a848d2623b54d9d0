"""Copies among photos: the same file, and the same shot in other files.

Files are the same if their hashes are. The others are described by a sketch (`shot_sketch`), and those with similar
sketches are compared exactly (`shots`). A second photo of the same place, such as the next frame of a video or of a
burst, is not a copy. Photos whose times differ by up to half a day are not compared, except where a time zone could
explain the difference, because a camera on a tripod takes identical photos. A day later, no two photos are identical to
the pixel.

Each photo is read once, and again for comparisons; the results can be cached (`kept_shots`). Memory use is 2 KB per
photo, plus the pictures of some hundred photos.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from placeprint.describing.bulk import map_photos
from placeprint.errors import PhotoError
from placeprint.photos import read_image
from placeprint.places.components import components
from placeprint.places.kept_shots import Compared, KeptShots
from placeprint.places.shot_sketch import DIM, similar_pairs, sketch_of
from placeprint.places.shots import Shot, agreement, shot_of
from placeprint.store import PhotoRecord
from placeprint.types import Progress

NEAREST = 10
"""Similar photos that each is compared with; more copies of one shot are found through each other."""
COSINE = 0.22
"""Of two sketches that are worth a comparison."""
PICTURES = 256
"""Pictures in memory."""
SECONDS = 1.0
"""Times that differ by less may be one time, rounded."""
ZONE_STEP = 900.0
"""Seconds: times that differ by multiples of it may be one time in two zones."""
HALF_A_DAY = 43_200.0


@dataclass(frozen=True)
class Copies:
    """Files of one shot.

    Args:
        kind: ``"same-file"`` or ``"same-shot"``.
        best: the path of the file to keep: the most pixels, then a position, a time, the most bytes, the first path.
        others: the paths of the others, sorted.
        certainty: by path, how well each agrees with the file that it agrees with best, in [0, 1].
    """

    kind: Literal["same-file", "same-shot"]
    best: str
    others: tuple[str, ...]
    certainty: Mapping[str, float]

    @property
    def paths(self) -> tuple[str, ...]:
        """All files, the one to keep first."""
        return (self.best, *self.others)


@dataclass(frozen=True)
class Found:
    """What `find_copies` found.

    Args:
        groups: in order of their paths; of the same file, one joins a group of the same shot.
        unread: why files cannot be read any more, by path.
        rotations: for each two files of one shot that were compared, the degrees counter-clockwise by which the first
            has to be rotated to look like the second.
    """

    groups: tuple[Copies, ...]
    unread: Mapping[str, str]
    rotations: Mapping[tuple[str, str], float]


def find_copies(
    photos: Sequence[PhotoRecord],
    *,
    kept: KeptShots | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Found:
    """Find the groups of copies.

    Args:
        photos: usable ones; files that cannot be read any more are copies of none.
        kept: what earlier looks have seen; what this one sees is added.
        workers: threads; the count of cores when None.
        progress: called with the count of photos read and of all, and then with that of pairs compared.
    """
    by_hash: defaultdict[str, list[PhotoRecord]] = defaultdict(list)
    for photo in sorted(photos, key=lambda photo: photo.path):
        by_hash[photo.sha256 or photo.path].append(photo)
    files = [_grouped("same-file", group, dict.fromkeys((p.path for p in group), 1.0)) for group in by_hash.values()]
    distinct = [group[0] for group in by_hash.values()]
    looking = _Looking(distinct, KeptShots() if kept is None else kept, workers, progress)
    agreed = looking.same_shots()
    shots = [
        _grouped("same-shot", [distinct[row] for row in rows], {distinct[row].path: agreed[row] for row in rows})
        for rows in components(len(distinct), agreed.pairs)
        if len(rows) > 1
    ]
    rotations = {(distinct[a].path, distinct[b].path): degrees for (a, b), degrees in agreed.pairs.items()}
    return Found(tuple(group for group in (*files, *shots) if group.others), looking.unread, rotations)


class _Agreed(dict[int, float]):
    """How well each photo agrees with the one it agrees with best, by row; and the pairs with their rotations."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: dict[tuple[int, int], float] = {}

    def add(self, pair: tuple[int, int], found: Compared) -> None:
        self.pairs[pair] = found.rotation
        for row in pair:
            self[row] = max(self.get(row, 0.0), found.agreement)


class _Looking:
    """One look through photos.

    Args:
        photos: with distinct hashes.
        kept: what earlier looks have seen.
        workers: threads.
        progress: called with counts.

    Attributes:
        unread: why files cannot be read, by path.
    """

    def __init__(
        self, photos: Sequence[PhotoRecord], kept: KeptShots, workers: int | None, progress: Progress | None
    ) -> None:
        self._photos, self._kept, self._workers = photos, kept, workers
        self._progress: Progress = progress or (lambda _done, _all: None)
        self._shots = functools.lru_cache(PICTURES)(lambda row: _shot(photos[row].path))
        self.unread: dict[str, str] = {}

    def same_shots(self) -> _Agreed:
        """Return the pairs of photos that are one shot."""
        agreed, rows = _Agreed(), similar_pairs(self._sketches(), NEAREST, COSINE)
        pairs = [pair for pair in rows if _one_time(*(self._photos[row] for row in pair))]
        for done, (pair, found) in enumerate(
            zip(pairs, map_photos(self._compare, pairs, self._workers), strict=True), start=1
        ):
            if found is not None:
                self._kept.add_compared(self._photos[pair[0]], self._photos[pair[1]], found)
                if found.is_same_shot:
                    agreed.add(pair, found)
            self._progress(done, len(pairs))
        return agreed

    def _sketches(self) -> NDArray[np.float16]:
        """Return ``(n, DIM)`` sketches, zero where a file cannot be read."""
        sketches = np.zeros((len(self._photos), DIM), np.float16)
        for row, sketch in enumerate(map_photos(self._sketch, self._photos, self._workers)):
            if isinstance(sketch, str):
                self.unread[self._photos[row].path] = sketch
            else:
                sketches[row] = sketch
                self._kept.add_sketch(self._photos[row], sketch)
            self._progress(row + 1, len(self._photos))
        return sketches

    def _sketch(self, photo: PhotoRecord) -> NDArray[np.float16] | str:
        """Return the sketch of a photo, or why its file cannot be read."""
        if (known := self._kept.sketch(photo)) is not None:
            return known
        shot = _shot(photo.path)
        return shot if isinstance(shot, str) else sketch_of(shot)

    def _compare(self, pair: tuple[int, int]) -> Compared | None:
        """Return what a comparison of two photos finds; None where one cannot be read."""
        known = self._kept.compared(*(self._photos[row] for row in pair))
        if known is not None:
            return known
        first, second = (self._shots(row) for row in pair)
        if isinstance(first, str) or isinstance(second, str):
            return None
        found = agreement(first, second)
        same = found is not None and found.is_same_shot
        return Compared(found.fifth, found.rotation) if same and found is not None else Compared(0.0, 0.0)


def _one_time(first: PhotoRecord, second: PhotoRecord) -> bool:
    """Return whether two photos may have been taken at the same time, if one of their clocks may be wrong."""
    if first.taken is None or second.taken is None:
        return True
    apart = abs((first.taken - second.taken).total_seconds())
    return apart > HALF_A_DAY or abs(apart - round(apart / ZONE_STEP) * ZONE_STEP) <= SECONDS


def _shot(path: str) -> Shot | str:
    """Return the shot of a file, or why it cannot be read."""
    try:
        return shot_of(read_image(path))
    except PhotoError as error:
        return str(error)


def _grouped(
    kind: Literal["same-file", "same-shot"], photos: Sequence[PhotoRecord], certainty: Mapping[str, float]
) -> Copies:
    best, *others = sorted(
        photos, key=lambda p: (-p.width * p.height, p.location is None, p.taken is None, -p.file_size, p.path)
    )
    return Copies(kind, best.path, tuple(sorted(photo.path for photo in others)), certainty)
