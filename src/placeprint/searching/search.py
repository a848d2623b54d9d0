"""Search one query: describe, search, verify; and if nothing is confirmed, again in the promising rotations.

A photo with black corners is straightened first (`features.straightening`). Quick checks decide which rotations deserve
a full search (`searching.rotations`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from placeprint.core.memory import enough_memory
from placeprint.core.options import check_name
from placeprint.core.threads import one_core_for_products
from placeprint.errors import OptionError
from placeprint.features.rotating import best_rotation
from placeprint.features.straightening import tilt_of
from placeprint.features.upright import Upright
from placeprint.searching.allowed import Allowed
from placeprint.searching.memory import Memory
from placeprint.searching.rotations import Rotations
from placeprint.searching.snapshot import Snapshot
from placeprint.searching.stored_voters import DESCRIPTOR, default_mode, search_modes
from placeprint.searching.weighing import Weigher
from placeprint.types import (
    NO_KEYPOINTS,
    Answer,
    Evidence,
    Floats,
    Image,
    LocalFeatures,
    Ranking,
    Verification,
)
from placeprint.verification.rerank import ranking_scores

UPRIGHT = 1.1
"""If no rotation is confirmed, the upright photo counts this many times: most photos are upright, and eleven rotations
have more chances to look like something."""

FURTHER = 0.1
"""Confidence by the first verification from which a further rotation gets late descriptors and opinions: the right one
of a rotated photo has far more, and unknown photos are looked at in several."""


class Searcher:
    """Search the photos of an atlas at one moment.

    Args:
        now: the atlas.
        memory: the memory of earlier searches.
    """

    def __init__(self, now: Snapshot, memory: Memory) -> None:
        self._now = now
        self._describer = now.describer
        self._memory = memory
        self._verifier = memory.verifier
        spec = now.preset.evidence
        self._weigher = None if spec is None else Weigher(now, memory, spec)

    def search(
        self,
        image: Image,
        *,
        top: int,
        verify: int,
        rotations: bool,
        allowed: Allowed = Allowed(),  # noqa: B008  # it does not change
        mode: str | None = None,
    ) -> Answer:
        """Find the place that an image shows; arguments as for `Atlas.search`.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            top: candidates returned.
            verify: the number of candidates checked by geometry.
            rotations: whether to try rotations if nothing is confirmed.
            allowed: the photos to search.
            mode: the search mode.
        """
        mode = self._mode(mode)
        with one_core_for_products(), enough_memory():
            answers: list[Answer] = []

            def look(degrees: float) -> Answer:
                hopeless = FURTHER if answers else 0.0
                answers.append(self._look(image, degrees, top, verify, allowed, mode, hopeless))
                return answers[-1]

            start = -tilt_of(image) if rotations and verify else 0.0
            best = look(start)
            choosing = 0.0
            if rotations and verify and len(best.features) and best.best is None:
                began = time.perf_counter()
                upright = Upright.of_image(image, start) if self._describer.has_networks else Upright.unknown()
                choosing = time.perf_counter() - began
                cheap = Rotations(self._now, self._memory)
                first = best.features
                best = best_rotation(
                    best,
                    lambda further: look(start + further),
                    lambda answer: answer.best is not None,
                    lambda answer: _certainty(answer, start, upright),
                    lambda: cheap.promising(image, first, start, allowed, upright),
                )
                choosing += cheap.seconds
        seconds = {part: sum(each.seconds[part] for each in answers) for part in best.seconds}
        note = best.note if len(best.features) else NO_KEYPOINTS
        return replace(best, note=note, seconds=seconds | {"search": seconds["search"] + choosing})

    def search_stored(self, photo: int, *, top: int, verify: int, likely: float = 1.0) -> Answer:
        """Find the photos that show the place of a photo of the atlas, by its stored features; itself is excluded.

        Args:
            photo: the id of the photo.
            top: candidates returned.
            verify: the number of candidates checked by geometry.
            likely: see `Weigher.answer`.

        Raises:
            OptionError: the preset weighs no evidence, or does not search by descriptors.
        """
        if self._weigher is None:
            raise OptionError(no_probabilities(self._now.preset.name))
        began = time.perf_counter()
        with one_core_for_products(), enough_memory():
            ids = np.array([photo])
            descriptor = self._memory.rows(self._now, ids)[0]
            ranking = self._memory.nearest(self._now, descriptor[None], max(top, verify) + 1)[0]
            kept = ranking.ids != photo
            searched = time.perf_counter()

            def describe(number: int) -> LocalFeatures:
                return self._memory.read(self._now, [photo], number)[0]

            others = Ranking(ranking.ids[kept], ranking.scores[kept])
            evidence, confidence = self._weigher.answer(others, descriptor, describe, verify, likely)
        times = {"describe": 0.0, "search": searched - began, "verify": time.perf_counter() - searched}
        return Answer(evidence[:top], describe(0), 0.0, times, confidence=confidence)

    def prepare(self, mode: str | None) -> None:
        """Make the index for a search."""
        mode = self._mode(mode)
        if mode == DESCRIPTOR:
            self._memory.prepare(self._now)
        else:
            self._memory.voters.prepare(self._now, mode)

    def _mode(self, mode: str | None) -> str:
        if mode is None:
            return default_mode(self._now.preset)
        check_name("search mode", mode, search_modes())
        return mode

    def _look(
        self, image: Image, degrees: float, top: int, verify: int, allowed: Allowed, mode: str, hopeless: float
    ) -> Answer:
        """Search the image rotated by a number of degrees; ``hopeless`` as for `Weigher.answer`."""
        degrees %= 360
        began = time.perf_counter()
        features = self._describer.query_features(image, degrees, late=False)
        if not any(map(len, features)):
            return Answer(
                (), features[0], degrees, {"describe": time.perf_counter() - began, "search": 0.0, "verify": 0.0}
            )
        descriptor = self._describer.descriptor(features) if mode == DESCRIPTOR else None
        described = time.perf_counter()
        ranking = self._ranking(features[0], descriptor, max(top, verify), allowed, mode)
        searched = time.perf_counter()
        confidence = None
        if self._weigher is not None and descriptor is not None:
            known = dict(enumerate(features))

            def describe(number: int) -> LocalFeatures:
                if not len(known[number]):
                    known[number] = self._describer.rotated_one(image, degrees, number)
                return known[number]

            def late() -> tuple[Ranking, Floats]:
                for number in self._describer.late_sources:
                    describe(number)
                whole = self._describer.descriptor(tuple(known.values()))
                return self._nearest(whole, max(top, verify), allowed), whole

            further = late if self._describer.late_sources else None
            evidence, confidence = self._weigher.answer(
                ranking, descriptor, describe, verify, late=further, hopeless=hopeless
            )
        else:
            checks = self._verifier.verify(features[0], self._memory.read(self._now, ranking.ids[:verify].tolist()))
            evidence = self._evidence(ranking, checks)
        times = {
            "describe": described - began,
            "search": searched - described,
            "verify": time.perf_counter() - searched,
        }
        return Answer(evidence[:top], features[0], degrees, times, confidence=confidence)

    def _ranking(
        self, features: LocalFeatures, descriptor: Floats | None, count: int, allowed: Allowed, mode: str
    ) -> Ranking:
        """Return the ``count`` most similar allowed photos, by the descriptor or, without one, by votes."""
        if descriptor is not None:
            return self._nearest(descriptor, count, allowed)
        wanted = allowed.to_ask(count) if allowed.among is None else len(self._now.usable())  # all are counted anyway
        return allowed.kept(self._memory.voters.search(self._now, mode, features, wanted), count)

    def _nearest(self, descriptor: Floats, count: int, allowed: Allowed) -> Ranking:
        """Return the ``count`` most similar allowed photos."""
        found = self._memory.nearest(self._now, descriptor[None], allowed.to_ask(count), allowed.among)[0]
        return allowed.kept(found, count)

    def _evidence(self, ranking: Ranking, checks: Sequence[Verification]) -> tuple[Evidence, ...]:
        """Return all candidates ranked by geometry and similarity together."""
        photos = self._now.photos().some(ranking.ids.tolist())
        scores = ranking_scores(ranking.scores, checks)
        evidence = []
        for place in np.argsort(-scores, kind="stable"):
            check = checks[place] if place < len(checks) else None
            record = photos[int(ranking.ids[place])]
            evidence.append(
                Evidence(
                    record.id,
                    record.path,
                    float(ranking.scores[place]),
                    float(scores[place]),
                    check,
                    self._verifier.verdict(check),
                    record.location,
                )
            )
        return tuple(evidence)


def no_probabilities(preset: str) -> str:
    """Return the message that a preset does not give what is requested."""
    return (
        f"the preset {preset!r} gives no probabilities, which this needs; "
        "index the photos with the preset fast, balanced or best"
    )


def _certainty(answer: Answer, start: float, upright: Upright) -> tuple[bool, float]:
    """What answers for several rotations are compared by: the odds of the confidence, or the strength of geometry.

    Args:
        answer: for one rotation.
        start: the rotation, in degrees, of the first look.
        upright: which quarters probably make the photo upright, counted from there; odds are multiplied by that.
    """
    if answer.confidence is not None:
        odds = answer.confidence / max(1 - answer.confidence, 1e-9)
        return answer.best is not None, upright.of(answer.rotation - start) * odds
    first = answer.evidence[0].verification if answer.evidence else None
    strength = 0.0 if first is None else first.strength
    return answer.best is not None, UPRIGHT * strength if answer.rotation == start % 360 else strength
