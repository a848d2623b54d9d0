"""Photos that show no place of a benchmark, made of real local features: collages of quarters of described photos.

A collage has the upper left quarter of one photo, the upper right quarter of another, and so on: the keypoints there,
with their descriptors, as an atlas stores them. Its global descriptor is that of these features, exactly, since the
sums of VLAD are additive over features; so a collage takes milliseconds, and a hundred thousand of them an hour less
than photos would. Quarters are used again in other collages; with 900 photos there are 10^11 collages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vlad import VLAD
from placeprint.atlas.snapshot import Snapshot
from placeprint.core.numerics import normalize
from placeprint.describing.describer import Describer
from placeprint.store.encoding import LOCAL_COLUMNS, Columns, column_name
from placeprint.types import Floats

QUARTERS = 4
SIZE = 640, 480
"""Width and height of a collage; keypoints are stored as fractions of it."""
TOGETHER = 64
Rows = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class Quarter:
    """The local features in one quarter of a photo: the stored bytes of each feature, by column and extractor."""

    extractors: tuple[Rows, ...]


class Collages:
    """Makes collages of the photos of an atlas.

    Args:
        now: an atlas whose preset has VLADs.
        ids: of the photos to cut up.
    """

    def __init__(self, now: Snapshot, ids: Sequence[int]) -> None:
        self.describer: Describer = now.describer
        self._quarters: list[list[Quarter]] = []
        sums: list[list[NDArray[np.float16]]] = [[] for _ in self.describer.branches]
        for start in range(0, len(ids), TOGETHER):
            chosen = ids[start : start + TOGETHER]
            stored = [now.stored.local_columns(chosen, number) for number in range(len(self.describer.extractors))]
            for photo, features in now.features(chosen):
                numbers = [_quarter_of(each.keypoints, each.image_size) for each in features]
                self._quarters.append(_cut([each[photo] for each in stored], numbers))
                for found, branch in zip(sums, self.describer.branches, strict=True):
                    vlad, own = _vlad(branch.aggregator), features[branch.source]
                    part, _ = vlad.residual_sums(own, numbers[branch.source], QUARTERS)
                    found.append(part.reshape(QUARTERS, -1).astype(np.float16))
        self._sums = [np.stack(each) for each in sums]

    def make(self, count: int, seed: int) -> Iterator[tuple[Columns, Floats]]:
        """Yield the encoded local features and the ``(dim,)`` descriptor of each of some collages."""
        random = np.random.default_rng(seed)
        for start in range(0, count, TOGETHER):
            size = min(TOGETHER, count - start)
            chosen = random.integers(len(self._quarters), size=(size, QUARTERS))
            for photos, descriptor in zip(chosen, self._descriptors(chosen), strict=True):
                yield self._columns(photos), descriptor

    def _descriptors(self, chosen: NDArray[np.int64]) -> Floats:
        """Return the ``(n, dim)`` descriptors of collages of the photos in ``(n, 4)``."""
        joined = []
        for branch, sums in zip(self.describer.branches, self._sums, strict=True):
            vlad = _vlad(branch.aggregator)
            total = np.zeros((len(chosen), sums.shape[2]), np.float32)
            for quarter in range(QUARTERS):
                total += sums[chosen[:, quarter], quarter]
            words = total.reshape(len(chosen), vlad.num_words, -1)
            rows = vlad.normalized(words, np.ones(words.shape[:2], np.float32))
            joined.append(np.float32(branch.weight) ** 0.5 * rows)
        return joined[0] if len(joined) == 1 else normalize(np.concatenate(joined, axis=1))

    def _columns(self, photos: NDArray[np.int64]) -> Columns:
        quarters = [self._quarters[photo][place] for place, photo in enumerate(photos.tolist())]
        columns: Columns = {}
        for number in range(len(self.describer.extractors)):
            rows = [each for quarter in quarters if len((each := quarter.extractors[number])["scores"])]
            if not rows:
                columns |= {column_name(name, number): None for name in LOCAL_COLUMNS}
                continue
            order = np.argsort(-np.concatenate([each["scores"] for each in rows])[:, 0].astype(int), kind="stable")
            for name in LOCAL_COLUMNS:
                parts = [each[name] for each in rows if name in each]
                whole = len(parts) == len(rows)
                columns[column_name(name, number)] = np.concatenate(parts)[order].tobytes() if whole else None
        return columns


def _vlad(aggregator: Any) -> VLAD:
    if not isinstance(aggregator, VLAD) or aggregator.sum_normalization:
        raise TypeError("collages need a preset whose descriptors are VLADs without sum normalization")
    return aggregator


def _quarter_of(keypoints: Floats, size: tuple[int, int]) -> NDArray[np.intp]:
    """Return the quarter of each keypoint: 0 upper left, 1 upper right, 2 lower left, 3 lower right."""
    right, low = (keypoints + 0.5 >= np.array(size) / 2).T
    return (right + 2 * low).astype(np.intp)


def _cut(stored: Sequence[Columns], numbers: Sequence[NDArray[np.intp]]) -> list[Quarter]:
    """Return the four quarters of a photo from its stored columns, one for each extractor."""
    cut: list[list[Rows]] = [[] for _ in range(QUARTERS)]
    for columns, quarter_of in zip(stored, numbers, strict=True):
        for quarter, rows in enumerate(cut):
            here = quarter_of == quarter
            rows.append(
                {
                    name: np.frombuffer(columns[column] or b"", np.uint8).reshape(len(here), -1)[here]
                    for name in LOCAL_COLUMNS
                    for column in [next(key for key in columns if key.split("_")[0] == name)]
                    if columns[column] is not None and len(here)
                }
                or {"scores": np.zeros((0, 1), np.uint8)}
            )
    return [Quarter(tuple(rows)) for rows in cut]
