"""A short vector of a photo that its copies share: candidates for the comparison of shots.

It is the VLAD of oriented SIFT, so rotations leave it as it is, folded to `DIM` values: each value of the VLAD is added
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
ROWS = 256
"""Photos compared with all others at once."""

Sketches = NDArray[np.float16]
"""``(n, DIM)``, unit rows; zero where a photo has no keypoints."""


def sketch_of(shot: Shot) -> NDArray[np.float16]:
    """Return ``(DIM,)``, the sketch of a shot."""
    aggregator, signs, order = _folding()
    folded = (aggregator.aggregate(shot.features) * signs)[order].reshape(-1, DIM).sum(axis=0)
    return np.asarray(normalize(folded[None])[0], np.float16)


def similar_pairs(sketches: Sketches, count: int, least: float) -> Iterator[tuple[int, int]]:
    """Yield the rows of photos with similar sketches, each pair once, in order of the smaller row.

    Args:
        sketches: of all photos.
        count: the nearest photos of each that are taken, at most.
        least: their least cosine.
    """
    found: set[tuple[int, int]] = set()
    for start in range(0, len(sketches), ROWS):
        for row, nearest in zip(range(start, len(sketches)), _nearest(sketches, start, count, least), strict=False):
            found.update((min(row, other), max(row, other)) for other in nearest.tolist())
    yield from sorted(found)


def _nearest(sketches: Sketches, start: int, count: int, least: float) -> Iterator[Ids]:
    """Yield for each row of a part the rows that are similar to it."""
    part = sketches[start : start + ROWS].astype(np.float32)
    cosines = np.empty((len(part), len(sketches)), np.float32)
    for other in range(0, len(sketches), 4 * ROWS):
        cosines[:, other : other + 4 * ROWS] = part @ sketches[other : other + 4 * ROWS].astype(np.float32).T
    cosines[np.arange(len(part)), start + np.arange(len(part))] = -1
    kept = min(count, len(sketches) - 1)
    for row in cosines:
        nearest = np.argpartition(-row, kept - 1)[:kept] if kept else np.zeros(0, np.int64)
        yield np.asarray(nearest[row[nearest] >= least], np.int64)


@functools.cache
def _folding() -> tuple[Aggregator, NDArray[np.float32], NDArray[np.intp]]:
    """Return the aggregator, and the signs and the order of its values before they are added."""
    aggregator = Describer(load_preset(PRESET), load_codebook(PRESET)).branches[0].aggregator
    generator = np.random.default_rng(0)
    signs = generator.choice(np.array([-1, 1], np.float32), aggregator.dim)
    return aggregator, signs, generator.permutation(aggregator.dim)
