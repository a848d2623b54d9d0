"""A short vector of a photo that its copies share: candidates for the comparison of shots.

It is the VLAD of oriented SIFT, so it is invariant to rotation, folded to `DIM` values: each value of the VLAD is added
to one of them with a random sign (count sketch: Charikar, Chen and Farach-Colton, ICALP 2002; Weinberger et al., ICML
2009, section 3). Cosines stay the same on average, with a standard deviation of about ``1 / sqrt(DIM)``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from placeprint.codebooks import load_codebook
from placeprint.core.numerics import normalize
from placeprint.describing.describer import Describer
from placeprint.places.shots import Shot
from placeprint.presets import load_preset
from placeprint.types import Aggregator, Ids

DIM = 1024
PRESET = "sift-vlad"
"""Preset whose aggregator and shipped codebook are used."""
ROWS = 1024
"""Photos compared with as many others at once."""
MOST = 4_000_000
"""Similar pairs that are remembered before the less similar ones are forgotten."""

Sketches = NDArray[np.float16]
"""``(n, DIM)``, unit rows; zero where a photo has no keypoints."""


def sketch_of(shot: Shot) -> NDArray[np.float16]:
    """Return ``(DIM,)``, the sketch of a shot."""
    aggregator, signs, order = _folding()
    folded = (aggregator.aggregate(shot.features) * signs)[order].reshape(-1, DIM).sum(axis=0)
    return np.asarray(normalize(folded[None])[0], np.float16)


def similar_pairs(sketches: Sketches, count: int, least: float) -> Iterator[tuple[int, int]]:
    """Yield the rows of photos with similar sketches, each pair once, in order of the smaller row.

    All pairs are compared, block by block, and only those above the least cosine are kept, so that memory holds little
    more than the sketches.

    Args:
        sketches: of all photos.
        count: the nearest photos of each that are taken, at most.
        least: their least cosine.
    """
    nearest = _Nearest(count)
    starts = range(0, len(sketches), ROWS)
    for first in starts:
        rows = sketches[first : first + ROWS].astype(np.float32)
        for second in starts[first // ROWS :]:
            others = rows if second == first else sketches[second : second + ROWS].astype(np.float32)
            cosines = rows @ others.T
            if second == first:
                cosines = np.triu(cosines, 1)
            here, there = np.nonzero(cosines >= least)
            nearest.add(here + first, there + second, cosines[here, there])
    yield from map(tuple, nearest.pairs().tolist())


class _Nearest:
    """The nearest photos of each photo among the similar ones seen so far.

    Args:
        count: photos that are kept of each.
    """

    def __init__(self, count: int) -> None:
        self._count, self._held = count, 0
        self._parts: list[tuple[Ids, Ids, NDArray[np.float32]]] = []

    def add(self, first: Ids, second: Ids, cosines: NDArray[np.float32]) -> None:
        """Add pairs of rows with their cosines, each in both directions."""
        if not len(first):
            return
        self._parts += [(first, second, cosines), (second, first, cosines)]
        self._held += 2 * len(first)
        if self._held > MOST:
            self._forget()

    def pairs(self) -> Ids:
        """Return ``(m, 2)``: the smaller and the larger row of each pair, sorted."""
        if not self._parts:
            return np.zeros((0, 2), np.int64)
        self._forget()
        rows, others, _ = self._parts[0]
        return np.unique(np.sort(np.stack([rows, others], axis=1), axis=1), axis=0)

    def _forget(self) -> None:
        """Keep the nearest of each row alone."""
        rows, others, cosines = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        order = np.lexsort((others, -cosines, rows))
        begins = np.flatnonzero(np.diff(rows[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        kept = order[rank < self._count]
        self._parts, self._held = [(rows[kept], others[kept], cosines[kept])], len(kept)


@functools.cache
def _folding() -> tuple[Aggregator, NDArray[np.float32], NDArray[np.intp]]:
    """Return the aggregator, and the signs and the order of its values before they are added."""
    aggregator = Describer(load_preset(PRESET), load_codebook(PRESET)).branches[0].aggregator
    generator = np.random.default_rng(0)
    signs = generator.choice(np.array([-1, 1], np.float32), aggregator.dim)
    return aggregator, signs, generator.permutation(aggregator.dim)
