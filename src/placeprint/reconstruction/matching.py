"""Matches between the keypoints of two photos for a reconstruction: all that may be right.

A search keeps only matches that follow one transform. A scene has more depth than that, so pairs are matched again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.core.threads import map_cores
from placeprint.reconstruction.pairing import ImagePair
from placeprint.reconstruction.sources import Source
from placeprint.types import LocalFeatures, Matcher, Matches

CHUNK = 64
"""Pairs that are matched together."""


def matched_pairs(source: Source, pairs: Sequence[ImagePair]) -> Iterator[tuple[ImagePair, Matches]]:
    """Yield each pair with its matches; all cores work.

    Args:
        source: gives the features of photos.
        pairs: pairs of photos.
    """
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        ids = sorted({number for pair in chunk for number in (pair.first, pair.second)})
        features = dict(zip(ids, source.features(ids), strict=True))
        yield from zip(chunk, _matched(source.matcher, features, chunk), strict=True)


def _matched(matcher: Matcher, features: Mapping[int, LocalFeatures], pairs: Sequence[ImagePair]) -> list[Matches]:
    return map_cores(lambda pair: matcher.match(features[pair.first], [features[pair.second]])[0], pairs)


def rows_of(matches: Matches) -> NDArray[np.uint32]:
    """Return ``(m, 2)`` uint32 rows of keypoints."""
    return np.ascontiguousarray(matches.pairs, np.uint32).reshape(-1, 2)
