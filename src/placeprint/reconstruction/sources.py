"""The keypoints of a reconstruction: those of the atlas, or precise new ones.

An atlas stores few keypoints, made to recognize places. SIFT's positions are exact to a fraction of a pixel and there
are many, which a model needs (Lowe, IJCV 2004). Their descriptors stay in files until a pair needs them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from placeprint.core import registry
from placeprint.core.files import write_arrays
from placeprint.core.threads import limit_torch, map_cores, one_core_each
from placeprint.describing.describer import no_features
from placeprint.errors import PhotoError
from placeprint.pairs import matcher_params
from placeprint.photos import read_photo
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Extractor, LocalFeatures, Matcher, Progress

SIFT, SIZE, KEYPOINTS = "sift", 1600, 4096
"""The extractor of new keypoints, the longest side in pixels that it looks at, and the most of each photo."""
IN_MEMORY = 64
"""Photos whose new features stay in memory."""
CHUNK = 16


class Source(Protocol):
    """Gives the features of photos by id."""

    matcher: Matcher

    def features(self, ids: Sequence[int]) -> list[LocalFeatures]:
        """Return the features of photos, in pixels of the photos."""


class StoredFeatures:
    """The keypoints of the atlas, by its first extractor.

    Args:
        now: the atlas.
    """

    def __init__(self, now: Snapshot) -> None:
        self._now = now
        self.matcher = matcher_for(now.preset.extractors[0].name)

    def features(self, ids: Sequence[int]) -> list[LocalFeatures]:
        """Return the features of photos, in pixels of the photos."""
        return self._now.features_of(ids, 0)


class NewFeatures:
    """SIFT keypoints of the photos' files.

    Args:
        now: the atlas.
        folder: an empty folder for the features.
        progress: called with the count of photos described and of all.
    """

    def __init__(self, now: Snapshot, folder: Path, progress: Progress) -> None:
        self._folder, self._photos = folder, now.usable()
        self._extractor: Extractor = registry.create("extractors", SIFT, {"size": SIZE, "max_keypoints": KEYPOINTS})
        self.matcher = matcher_for(SIFT)
        ids = sorted(self._photos)
        for start in range(0, len(ids), CHUNK):
            with one_core_each():
                map_cores(self._describe, ids[start : start + CHUNK])
            progress(min(start + CHUNK, len(ids)), len(ids))
        self._read = functools.lru_cache(IN_MEMORY)(self._load)

    def features(self, ids: Sequence[int]) -> list[LocalFeatures]:
        """Return the features of photos, in pixels of the photos; none of those whose file is gone."""
        return [self._read(number) for number in ids]

    def _describe(self, number: int) -> None:
        limit_torch()
        record = self._photos[number]
        try:
            found = self._extractor.extract(read_photo(record.path).image)
        except PhotoError:
            found = no_features(self._extractor.dim, (record.width, record.height))
        arrays: dict[str, NDArray[Any]] = {
            "keypoints": found.keypoints,
            "descriptors": found.descriptors.astype(np.float16),
            "scores": found.scores,
            "size": np.array(found.image_size),
        }
        write_arrays(self._folder / f"{number}.npz", arrays)

    def _load(self, number: int) -> LocalFeatures:
        with np.load(self._folder / f"{number}.npz") as kept:
            arrays: dict[str, Any] = {name: kept[name] for name in kept.files}
        width, height = map(int, arrays["size"])
        return LocalFeatures(
            arrays["keypoints"], arrays["descriptors"].astype(np.float32), arrays["scores"], (width, height)
        )


def matcher_for(extractor: str) -> Matcher:
    """Return the matcher that ``placeprint match`` uses for an extractor."""
    params = matcher_params(extractor, None)
    made: Matcher = registry.create("matchers", params.pop("name"), params)
    return made
