"""One query: described, searched, verified; and, when nothing is confirmed, again in the rotations that look promising.

Which do is said by steered features (`features.steering`): a matrix product in place of a pass of a network. Their
global descriptors give a few candidates for each rotation, and geometry looks at the best of those. Without steerers
for the preset's extractors, all rotations are looked at.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from placeprint.atlas.memory import Memory
from placeprint.atlas.snapshot import Snapshot
from placeprint.atlas.stored_voters import DESCRIPTOR, default_way, known_ways
from placeprint.atlas.weighing import Weigher
from placeprint.core.memory import enough_memory
from placeprint.core.options import check_name
from placeprint.core.threads import map_cores, one_core_for_products
from placeprint.features.turning import TURNS, all_turns, best_turn, fills_its_frame, promising_turns
from placeprint.types import (
    NO_KEYPOINTS,
    Answer,
    Evidence,
    Floats,
    Ids,
    Image,
    LocalFeatures,
    Ranking,
    Verification,
)
from placeprint.verification.matching import match_candidates
from placeprint.verification.rerank import ranking_scores

STEERED_CANDIDATES = 5
"""Candidates of each rotation that steered features are matched with."""
STEERED_CHECKS = 6
"""Those of all rotations that geometry looks at, the best matched."""
STEERED_SHARE = 0.45
"""Steered features give about 0.6 of the strength that real ones do, and more than this for nine photos in ten."""
STEERED_KEYPOINTS = 300
"""Strongest keypoints that are matched to say which those are."""
UPRIGHT = 1.1
"""Where no turn is confirmed, the photo as it is counts so many times: most are upright, and eleven turns have more
chances to look like something."""


class Searcher:
    """Searches the photos of an atlas as they are at one moment.

    Args:
        now: the atlas.
        memory: what earlier searches of the atlas kept.
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
        turns: bool,
        without: Collection[str] = (),
        by: str | None = None,
    ) -> Answer:
        """Say which place an image shows; arguments as `Atlas.search`.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            top: candidates returned.
            verify: candidates checked by geometry.
            turns: whether to try other turns when nothing is confirmed.
            without: paths of photos that are no candidates.
            by: what the photos are searched by.
        """
        way = self._way(by)
        with one_core_for_products(), enough_memory():
            left_out = self._ids_of(without)
            answers: list[Answer] = []

            def look(degrees: float) -> Answer:
                answers.append(self._look(image, degrees, top, verify, left_out, way))
                return answers[-1]

            best = look(0)
            steering = 0.0

            def stages() -> Sequence[tuple[int, ...]]:
                nonlocal steering
                began = time.perf_counter()
                found: Sequence[tuple[int, ...]]
                found = self._promising(best.features, left_out) if fills_its_frame(image) else TURNS
                steering = time.perf_counter() - began
                return found

            if turns and verify and len(best.features):
                best = best_turn(best, look, lambda answer: answer.best is not None, _certainty, stages)
        seconds = {part: sum(each.seconds[part] for each in answers) for part in best.seconds}
        note = best.note if len(best.features) else NO_KEYPOINTS
        return replace(best, note=note, seconds=seconds | {"search": seconds["search"] + steering})

    def _promising(self, features: LocalFeatures, left_out: Ids) -> Sequence[tuple[int, ...]]:
        """Return the rotations to look at, stage by stage, by what steered features find; all without steerers.

        Args:
            features: of the image as it is.
            left_out: ids that are no candidates.
        """
        rotated = {degrees: self._describer.steered_features(features, degrees) for degrees in all_turns()}
        steered = {degrees: found for degrees, found in rotated.items() if found is not None}
        if not steered:
            return TURNS
        descriptors = np.stack(map_cores(self._describer.descriptor, steered.values()))
        rankings = self._memory.nearest(self._now, descriptors, STEERED_CANDIDATES + len(left_out))
        chosen = [ranking.ids[~np.isin(ranking.ids, left_out)][:STEERED_CANDIDATES] for ranking in rankings]
        pairs = []
        for (degrees, found), ids in zip(steered.items(), chosen, strict=True):
            candidates = self._memory.read(self._now, ids.tolist())
            pairs += [(degrees, found[0], candidate) for candidate in candidates]
        checks: dict[int, Verification] = {}
        for degrees, query, candidate in _best_matched(pairs):
            check = self._verifier.verify(query, [candidate])[0]
            if degrees not in checks or check.strength > checks[degrees].strength:
                checks[degrees] = check
        return promising_turns(checks, self._verifier.verdict, STEERED_SHARE)

    def prepare(self, by: str | None) -> None:
        """Make the index that a search needs."""
        way = self._way(by)
        if way == DESCRIPTOR:
            self._memory.prepare(self._now)
        else:
            self._memory.voters.prepare(self._now, way)

    def _way(self, by: str | None) -> str:
        way = by or default_way(self._now.preset)
        check_name("search mode", way, known_ways())
        return way

    def _look(self, image: Image, degrees: float, top: int, verify: int, left_out: Ids, way: str) -> Answer:
        """Search the image turned by so many degrees."""
        began = time.perf_counter()
        features = self._describer.query_features(image, degrees)
        if not any(map(len, features)):
            return Answer(
                (), features[0], degrees, {"describe": time.perf_counter() - began, "search": 0.0, "verify": 0.0}
            )
        descriptor = self._describer.descriptor(features) if way == DESCRIPTOR else None
        described = time.perf_counter()
        wanted = max(top, verify)
        if descriptor is None:
            voters = self._memory.voters
            ranking = voters.search(self._now, way, features[0], wanted + len(left_out))
        else:
            ranking = self._memory.nearest(self._now, descriptor[None], wanted + len(left_out))[0]
        if len(left_out):
            kept = np.flatnonzero(~np.isin(ranking.ids, left_out))[:wanted]
            ranking = Ranking(ranking.ids[kept], ranking.scores[kept])
        searched = time.perf_counter()
        confidence = None
        if self._weigher is not None and descriptor is not None:

            def describe(number: int) -> LocalFeatures:
                return features[number] if len(features[number]) else self._describer.turned_one(image, degrees, number)

            evidence, confidence = self._weigher.answer(ranking, descriptor, describe, verify)
        else:
            checks = self._verifier.verify(features[0], self._memory.read(self._now, ranking.ids[:verify].tolist()))
            evidence = self._evidence(ranking, checks)
        times = {
            "describe": described - began,
            "search": searched - described,
            "verify": time.perf_counter() - searched,
        }
        return Answer(evidence[:top], features[0], degrees, times, confidence=confidence)

    def _evidence(self, ranking: Ranking, checks: Sequence[Verification]) -> tuple[Evidence, ...]:
        """Return all candidates in the order of geometry and similarity together."""
        photos = self._now.photos()
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

    def _ids_of(self, paths: Collection[str]) -> Ids:
        """Return the ids of the photos at some paths, of those that are in the atlas."""
        if not paths:
            return np.zeros(0, np.int64)
        wanted = set(map(str, paths))
        return np.array([i for i, record in self._now.usable().items() if record.path in wanted], np.int64)


Pair = tuple[int, LocalFeatures, LocalFeatures]
"""A rotation in degrees, the query's features steered by it, and those of a candidate."""


def _best_matched(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the `STEERED_CHECKS` pairs whose strongest keypoints match best.

    What counts is by how much the cosines of the mutual neighbors are above the median one of all pairs.
    """
    scores: list[Floats] = []
    for _, same in itertools.groupby(pairs, key=lambda pair: pair[0]):
        together = list(same)
        strong = [candidate[:STEERED_KEYPOINTS].descriptors for _, _, candidate in together]
        found, _ = match_candidates(together[0][1][:STEERED_KEYPOINTS].descriptors, strong)
        scores += [matches.scores for matches in found]
    usual = np.median(np.concatenate(scores)) if any(map(len, scores)) else 0.0
    supports = [float(np.maximum(0, each - usual).sum()) for each in scores]
    return [pairs[place] for place in np.argsort(-np.array(supports), kind="stable")[:STEERED_CHECKS]]


def _certainty(answer: Answer) -> tuple[bool, float]:
    """What answers for several turns are compared by: confidence, or how well geometry confirms the first candidate."""
    if answer.confidence is not None:
        return answer.best is not None, answer.confidence if answer.turn else UPRIGHT * answer.confidence
    first = answer.evidence[0].verification if answer.evidence else None
    strength = 0.0 if first is None else first.strength
    return answer.best is not None, strength if answer.turn else UPRIGHT * strength
