"""Which rotations of a query deserve a full search: a photo may have been taken rotated.

A full search describes the photo, searches, and verifies many candidates. `features.upright` estimates from the picture
which way is up. Quarter rotations that probably make it upright get a full search at once. Other rotations get a quick
check, unless they are improbable:

- For quarter rotations, smaller copies of the photo are described by the extractor used for verification.
- For rotations in between, its features are steered (`features.steering`): a matrix product replaces the network.
  Extractors without steerers describe smaller copies here too.
- The resulting global descriptors give a few candidates, without the photo's other descriptors. Presets that do not
  search with the verified extractor describe the quarter rotations with the one they search with; rotations in between
  share the candidates of the nearest quarter.
- Geometry verifies those whose strongest keypoints match best, over all rotations.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from placeprint.core.threads import map_cores
from placeprint.features.rotating import all_rotations, promising_rotations, rotated_features, working_size
from placeprint.features.upright import QUARTERS, Upright, nearest_quarter
from placeprint.searching.allowed import Allowed
from placeprint.searching.memory import Memory
from placeprint.searching.snapshot import Snapshot
from placeprint.types import Extractor, Floats, Image, LocalFeatures, PhotoFeatures, Verification
from placeprint.verification.matching import match_candidates

SMALLER = 0.5
"""Smaller copies have this share of the size that an extractor looks at: a quarter of its pixels."""
SMALLEST = 224
"""Pixels of their longest side, at least, where the extractor does not look at less anyway."""
DESCRIBED = 500
"""Strongest keypoints of a view that candidates are searched by."""
QUARTER_CANDIDATES, BETWEEN_CANDIDATES = 10, 5
"""Candidates of each rotation whose keypoints are matched."""
CHECKS = 3
"""Those that geometry looks at, the best matched of the quarters, and the best matched of the rotations between."""
SMALLER_SHARE, STEERED_SHARE = 0.5, 1.0
"""Shares of the strength of "same place" that are enough. Smaller copies of a photo that a full search confirms may
have half of it. Steered features have about 0.6 of the strength that those of a full search do. With 0.45 here, as many
tilted photos are confirmed as with 0.85 and 1.0, but fewer with 1.3 ("30, cropped" of
benchmarks/accuracy/rotations.py)."""
KEYPOINTS = 300
"""Strongest keypoints that are matched to choose what geometry looks at."""
LEAST = 0.5
"""A rotation gets a quick check if the picture makes it at least this many times as probable as its prior."""
LIKELY = 0.3
"""A quarter that is so probable gets a full search at once."""


@dataclass(frozen=True, eq=False)
class _View:
    """A query in one rotation.

    Args:
        degrees: counter-clockwise.
        features: by the extractor that is verified.
        candidates: features of photos that may show the place.
        share: the share of the strength of "same place" that is enough.
    """

    degrees: int
    features: LocalFeatures
    candidates: list[LocalFeatures]
    share: float


class Rotations:
    """Looks cheaply at the rotations of queries.

    Args:
        now: the atlas.
        memory: what earlier searches of it kept.

    Attributes:
        seconds: the time that cheap looks took.
    """

    def __init__(self, now: Snapshot, memory: Memory) -> None:
        self._now, self._memory, self._describer = now, memory, now.describer
        self._smaller = [_smaller(extractor) for extractor in self._describer.extractors]
        self._searched = sorted({branch.source for branch in self._describer.branches})
        self.seconds = 0.0

    def promising(
        self, image: Image, features: LocalFeatures, start: float, allowed: Allowed, upright: Upright
    ) -> Iterator[tuple[int, ...]]:
        """Return the rotations that deserve a full search, the most promising first, one for each look.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            features: the features of the image rotated by ``start``, by the extractor that is verified.
            start: degrees counter-clockwise that the rotations are counted from.
            allowed: the photos that may be candidates.
            upright: which quarters probably make the image, rotated by ``start``, upright.
        """
        likely = sorted((each for each in QUARTERS[1:] if upright.of(each) >= LIKELY), key=upright.of, reverse=True)
        yield from ((each,) for each in likely)
        began = time.perf_counter()
        tried = {0, *likely}
        before = Upright.unknown()
        probable = [each for each in (0, *all_rotations()) if upright.of(each) >= LEAST * before.of(each)]
        seen = [each for each in QUARTERS if each in probable and (each not in tried or 0 not in self._searched)]
        quarters = self._quarters(image, start, seen, allowed)
        tilts = [each for each in probable if each not in QUARTERS]
        between = self._between(image, features, start, tilts, quarters, allowed)
        new = [view for view in quarters if view.degrees not in tried]
        checks = self._checks([*_best_matched(new), *_best_matched(between)])
        self.seconds += time.perf_counter() - began
        yield from promising_rotations(checks, self._memory.verifier.verdict, upright.of)

    def _checks(self, pairs: Sequence[tuple[_View, LocalFeatures]]) -> dict[int, Verification]:
        """Return the strongest verification of each rotation, its strength raised to what a full search would find."""
        found = map_cores(lambda pair: self._memory.verifier.verify(pair[0].features, [pair[1]])[0], pairs)
        checks: dict[int, Verification] = {}
        for (view, _), check in zip(pairs, found, strict=True):
            raised = replace(check, strength=check.strength / view.share)
            if view.degrees not in checks or raised.strength > checks[view.degrees].strength:
                checks[view.degrees] = raised
        return checks

    def _quarters(self, image: Image, start: float, rotations: Sequence[int], allowed: Allowed) -> list[_View]:
        """Return the views by quarters."""
        begun = [0] if 0 in self._searched else [0, *self._searched]

        def look(degrees: int) -> PhotoFeatures:
            found = {n: rotated_features(self._smaller[n], image, start + degrees) for n in begun}
            return self._describer.only(found, (image.shape[1], image.shape[0]))

        seen = map_cores(look, rotations)
        candidates = self._candidates(seen, QUARTER_CANDIDATES, allowed)
        return [
            _View(degrees, photo[0], found, SMALLER_SHARE)
            for degrees, photo, found in zip(rotations, seen, candidates, strict=True)
        ]

    def _between(
        self,
        image: Image,
        features: LocalFeatures,
        start: float,
        rotations: Sequence[int],
        quarters: Sequence[_View],
        allowed: Allowed,
    ) -> list[_View]:
        """Return the views of the rotations between the quarters."""
        size = image.shape[1], image.shape[0]
        steered = {each: self._describer.steered_features(features, each) for each in rotations}
        share = STEERED_SHARE
        if None in steered.values():
            found = map_cores(lambda each: rotated_features(self._smaller[0], image, start + each), rotations)
            steered, share = dict(zip(rotations, found, strict=True)), SMALLER_SHARE
        views = {each: view for each, view in steered.items() if view is not None}
        if 0 in self._searched:
            photos = [self._describer.only({0: view}, size) for view in views.values()]
            candidates = self._candidates(photos, BETWEEN_CANDIDATES, allowed)
        else:
            near = {view.degrees: view.candidates[:BETWEEN_CANDIDATES] for view in quarters}
            candidates = [near[nearest_quarter(each)] for each in views]
        return [_View(each, views[each], found, share) for each, found in zip(views, candidates, strict=True)]

    def _candidates(self, photos: Sequence[PhotoFeatures], count: int, allowed: Allowed) -> list[list[LocalFeatures]]:
        """Return the features of the photos nearest to each of some."""
        if not photos:
            return []
        strong = [tuple(features.strongest(DESCRIBED) for features in photo) for photo in photos]
        descriptors = np.stack(map_cores(self._describer.descriptor, strong))
        rankings = self._memory.nearest(self._now, descriptors, allowed.to_ask(count), allowed.among)
        return [self._memory.read(self._now, allowed.kept(each, count).ids.tolist()) for each in rankings]


def _smaller(extractor: Extractor) -> Extractor:
    """Return the extractor as it looks at smaller copies; itself where nothing is known of its size."""
    size: Any = getattr(extractor, "size", 0)
    if not working_size(extractor) or size <= SMALLEST:
        return extractor
    smaller: Extractor = replace(extractor, size=max(SMALLEST, round(SMALLER * size)))  # type: ignore[type-var]
    return smaller


def _best_matched(views: Sequence[_View]) -> list[tuple[_View, LocalFeatures]]:
    """Return the `CHECKS` pairs of a view and a candidate whose strongest keypoints match best.

    What counts is by how much the cosines of the mutual neighbors are above the median one of all pairs.
    """
    pairs = [(view, candidate) for view in views for candidate in view.candidates]
    scores: list[Floats] = []
    for view in views:
        strong = [candidate[:KEYPOINTS].descriptors for candidate in view.candidates]
        found, _ = match_candidates(view.features[:KEYPOINTS].descriptors, strong)
        scores += [matches.scores for matches in found]
    usual = np.median(np.concatenate(scores)) if any(map(len, scores)) else 0.0
    supports = [float(np.maximum(0, each - usual).sum()) for each in scores]
    return [pairs[place] for place in np.argsort(-np.array(supports), kind="stable")[:CHECKS]]
