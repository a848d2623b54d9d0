"""Search one query: describe, search, verify; and if nothing is confirmed, again in the promising rotations.

Steered features (`features.steering`) choose the promising rotations, by a matrix product instead of a network pass.
Their global descriptors give a few candidates per rotation, and geometry checks the best of those. Without steerers for
the preset's extractors, all rotations are tried.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from placeprint.atlas.snapshot import Snapshot
from placeprint.atlas.stored_voters import DESCRIPTOR, StoredVoters, default_way, known_ways
from placeprint.core.memory import enough_memory
from placeprint.core.options import check_name
from placeprint.core.threads import map_cores, one_core_for_products
from placeprint.features.turning import TURNS, all_turns, best_turn, fills_its_frame, promising_turns
from placeprint.presets import Preset
from placeprint.store import PhotoRecord
from placeprint.types import (
    NO_KEYPOINTS,
    Answer,
    Evidence,
    Floats,
    Ids,
    Image,
    Index,
    LocalFeatures,
    Ranking,
    Verification,
    Verifier,
)
from placeprint.verification.matching import match_candidates
from placeprint.verification.rerank import ranking_scores

CACHE_PHOTOS = 500
"""Most photos whose decoded local features are kept in memory, the latest used (about 260 KB each)."""
STEERED_CANDIDATES = 5
"""Candidates per rotation to match with steered features."""
STEERED_CHECKS = 6
"""Candidates over all rotations that geometry checks, the best matched."""
STEERED_SHARE = 0.45
"""Steered features give about 0.6 of the strength of real ones, and more than this share for nine photos in ten."""
STEERED_KEYPOINTS = 300
"""Number of strongest keypoints matched to choose those."""
UPRIGHT = 1.1
"""If no rotation is confirmed, the upright photo counts this many times: most photos are upright, and eleven rotations
have more chances to look like something."""


class Memory:
    """The memory that searches of an atlas share: the index and local features; threads may share it.

    Args:
        folder: the folder of the atlas.
        preset: the preset of the atlas.
    """

    def __init__(self, folder: Path, preset: Preset) -> None:
        self.verifier: Verifier = preset.verifier.make()
        self.voters = StoredVoters(folder, preset)
        self._index: tuple[int, Index] | None = None
        self._index_lock = threading.Lock()
        self._features: OrderedDict[tuple[int, str], LocalFeatures] = OrderedDict()
        self._features_lock = threading.Lock()

    def nearest(self, now: Snapshot, descriptors: Floats, count: int) -> list[Ranking]:
        """Return the ``count`` photos nearest to each of ``(q, d)`` descriptors, one search after another."""
        with self._index_lock:
            return self._current_index(now).search(descriptors, count)

    def prepare(self, now: Snapshot) -> None:
        """Make the index."""
        with self._index_lock:
            self._current_index(now)

    def read(self, now: Snapshot, ids: Sequence[int]) -> list[LocalFeatures]:
        """Return the stored features of photos, from memory if possible."""
        photos = now.photos()
        keys = [_key(photos[i]) for i in ids]
        with self._features_lock:
            found = {key: self._features[key] for key in keys if key in self._features}
        missing = [key for key in keys if key not in found]
        read = now.verified_features([number for number, _ in missing])
        found |= dict(zip(missing, read, strict=True))
        with self._features_lock:
            for key in keys:
                self._features[key] = found[key]
                self._features.move_to_end(key)
            while len(self._features) > max(CACHE_PHOTOS, len(ids)):
                self._features.popitem(last=False)
        return [found[key] for key in keys]

    def _current_index(self, now: Snapshot) -> Index:
        """Return the index over all stored descriptors; make it again if the photos have changed."""
        if self._index is None or self._index[0] != now.version:
            index: Index = now.preset.index.make()
            for ids, rows in now.descriptors():
                index.add(ids, rows)
            self._index = (now.version, index)
        return self._index[1]


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
        """Find the place that an image shows; arguments as for `Atlas.search`.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            top: candidates returned.
            verify: the number of candidates checked by geometry.
            turns: whether to try rotations if nothing is confirmed.
            without: paths of photos to exclude.
            by: the search mode.
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
        """Return the rotations to try, by stage, chosen by steered features; all rotations without steerers.

        Args:
            features: the features of the image as it is.
            left_out: ids to exclude.
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
        """Make the index for a search."""
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
        """Search the image rotated by a number of degrees."""
        began = time.perf_counter()
        features = self._describer.turned_features(image, degrees)
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
        checks = self._verifier.verify(features[0], self._memory.read(self._now, ranking.ids[:verify].tolist()))
        evidence = self._evidence(ranking, checks)[:top]
        times = {
            "describe": described - began,
            "search": searched - described,
            "verify": time.perf_counter() - searched,
        }
        return Answer(evidence, features[0], degrees, times)

    def _evidence(self, ranking: Ranking, checks: Sequence[Verification]) -> tuple[Evidence, ...]:
        """Return all candidates ranked by geometry and similarity together."""
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
        """Return the ids of the photos at some paths, if they are in the atlas."""
        if not paths:
            return np.zeros(0, np.int64)
        wanted = set(map(str, paths))
        return np.array([i for i, record in self._now.usable().items() if record.path in wanted], np.int64)


def _key(record: PhotoRecord) -> tuple[int, str]:
    """Return the key of features in memory: an id may be reused after its photo was removed."""
    return record.id, record.sha256


Pair = tuple[int, LocalFeatures, LocalFeatures]
"""A rotation in degrees, the query's features steered by it, and those of a candidate."""


def _best_matched(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the `STEERED_CHECKS` pairs whose strongest keypoints match best.

    The criterion is how much the cosines of the mutual neighbors exceed the median over all pairs.
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
    """The value that compares answers for several rotations: how well geometry confirms the first candidate."""
    first = answer.evidence[0].verification if answer.evidence else None
    strength = 0.0 if first is None else first.strength
    return answer.best is not None, strength if answer.turn else UPRIGHT * strength
