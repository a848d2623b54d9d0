"""Photos that show no place of a benchmark, made of real local features: mixtures of parts of described photos.

The features of each photo are dealt at random into `PARTS` parts. A mixture has one part each of `PARTS` photos of one
set (streets, a corridor, ...), so it has the features of that kind of place and shows none of them. Those of its
features that are verified are stored as an atlas stores them. Its global descriptor is exactly that of all its
features, because the sums of VLAD are additive over features; that is why a mixture takes milliseconds. Parts are used
again in other mixtures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.vlad import VLAD
from placeprint.core.numerics import normalize
from placeprint.describing.describer import Describer
from placeprint.searching.snapshot import Snapshot
from placeprint.store.encoding import LOCAL_COLUMNS, Columns, column_name, compressed, decompressed, row_bytes
from placeprint.types import Floats, LocalFeatures

PARTS = 8
SIZE = 640, 480
"""Width and height that a mixture is given; keypoints are stored as fractions of it."""
TOGETHER = 16
ROWS = "descriptors"
"""The column that is compressed."""
Rows = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class Mixture:
    """What is stored of a mixture.

    Args:
        columns: the encoded local features.
        descriptor: ``(dim,)``.
        num_keypoints: of the first extractor.
    """

    columns: Columns
    descriptor: Floats
    num_keypoints: int


class Mixtures:
    """Makes mixtures of the photos of an atlas.

    Args:
        now: an atlas whose preset has VLADs.
        sets: ids of the photos of each set.
    """

    def __init__(self, now: Snapshot, sets: Sequence[Sequence[int]]) -> None:
        self.describer: Describer = now.describer
        opinions = [each.extractor for each in now.preset.opinion if each.extractor is not None]
        self._verified = {0, *(now.preset.extractors.index(each) for each in opinions)}
        ends = np.cumsum([0, *map(len, sets)])
        self._sets = [range(first, last) for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
        self._parts: list[list[tuple[Rows, ...]]] = []
        self._sums = [
            np.zeros((int(ends[-1]), PARTS, branch.aggregator.dim), np.float16) for branch in self.describer.branches
        ]
        for photo in (photo for each in sets for photo in each):
            self._add(now, photo)

    def _add(self, now: Snapshot, photo: int) -> None:
        extractors = range(len(self.describer.extractors))
        stored = [now.stored.local_columns([photo], number)[photo] for number in extractors]
        ((_, features),) = now.features([photo])
        random = np.random.default_rng(photo)
        dealt = [random.permutation(np.arange(len(each)) % PARTS) for each in features]
        bits = now.preset.store.local_bits
        sizes = [row_bytes(each.dim, bits) for each in self.describer.extractors]
        parts = zip(stored, dealt, sizes, strict=True)
        cut = [_cut(columns, part_of, number, size) for number, (columns, part_of, size) in enumerate(parts)]
        place = len(self._parts)
        self._parts.append(list(zip(*cut, strict=True)))
        for sums, branch in zip(self._sums, self.describer.branches, strict=True):
            own: LocalFeatures = features[branch.source]
            part_sums, _ = _vlad(branch.aggregator).residual_sums(own, dealt[branch.source], PARTS)
            sums[place] = part_sums.reshape(PARTS, -1)

    def make(self, count: int, seed: int) -> Iterator[Mixture]:
        """Yield mixtures, of the sets by turns."""
        random = np.random.default_rng(seed)
        for start in range(0, count, TOGETHER):
            size = min(TOGETHER, count - start)
            sets = [self._sets[number % len(self._sets)] for number in range(start, start + size)]
            chosen = np.stack([random.choice(np.arange(each.start, each.stop), PARTS, replace=False) for each in sets])
            for photos, descriptor in zip(chosen.tolist(), self._descriptors(chosen), strict=True):
                columns = self._columns(photos)
                yield Mixture(columns, descriptor, len(columns["scores"] or b""))

    def _descriptors(self, chosen: NDArray[np.int64]) -> Floats:
        """Return the ``(n, dim)`` descriptors of mixtures of the photos in ``(n, PARTS)``."""
        joined = []
        for branch, sums in zip(self.describer.branches, self._sums, strict=True):
            vlad = _vlad(branch.aggregator)
            total = np.zeros((len(chosen), sums.shape[2]), np.float32)
            for part in range(PARTS):
                total += sums[chosen[:, part], part]
            words = total.reshape(len(chosen), vlad.num_words, -1)
            rows = vlad.normalized(words, np.ones(words.shape[:2], np.float32))
            joined.append(np.float32(branch.weight) ** 0.5 * rows)
        return joined[0] if len(joined) == 1 else normalize(np.concatenate(joined, axis=1))

    def _columns(self, photos: Sequence[int]) -> Columns:
        parts = [self._parts[photo][place] for place, photo in enumerate(photos)]
        columns: Columns = {}
        for number in range(len(self.describer.extractors)):
            if number not in self._verified:
                columns |= {column_name(name, number): None for name in LOCAL_COLUMNS}
                continue
            rows = [part[number] for part in parts if len(part[number]["scores"])]
            order: NDArray[np.intp] = np.zeros(0, np.intp)
            if rows:
                order = np.argsort(-np.concatenate([each["scores"] for each in rows])[:, 0].astype(int), kind="stable")
            for name in LOCAL_COLUMNS:
                found = [each[name] for each in rows if name in each]
                whole = rows and len(found) == len(rows)
                data = np.concatenate(found)[order].tobytes() if whole else None
                columns[column_name(name, number)] = compressed(data) if data and name == ROWS else data
        return columns


def _vlad(aggregator: Any) -> VLAD:
    if not isinstance(aggregator, VLAD) or aggregator.sum_normalization:
        raise TypeError("mixtures need a preset whose descriptors are VLADs without sum normalization")
    return aggregator


def _cut(columns: Columns, part_of: NDArray[np.int64], number: int, size: int) -> list[Rows]:
    """Return the parts of a photo's stored columns, those of one extractor with rows of so many bytes."""
    whole = {}
    for name in LOCAL_COLUMNS if len(part_of) else ():
        data = columns[column_name(name, number)]
        if data is not None:
            plain = decompressed(data, len(part_of) * size) if name == ROWS else data
            whole[name] = np.frombuffer(plain, np.uint8).reshape(len(part_of), -1)
    none = {"scores": np.zeros((0, 1), np.uint8)}
    return [{name: rows[part_of == part] for name, rows in whole.items()} or none for part in range(PARTS)]
