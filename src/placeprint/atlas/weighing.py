"""Candidates of a query ranked by one probability: cheap evidence for all, expensive evidence while it matters.

1. The most similar photos, with the similarity of each descriptor by itself, standardized in this atlas.
2. Geometry of the first ones, without the keypoints on overlays (`evidence.overlays`).
3. While the answer is open (the first candidate is not certain, or another place is close): geometry of more of them,
   and then one opinion after another, such as SIFT, for those that geometry confirms best. The query's features for an
   opinion are extracted only then. A preset may say which confidence is too low for opinions. An opinion whose network
   is not installed is left out, and said so once.

Other photos follow, ranked by similarity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from placeprint.atlas.memory import Memory
from placeprint.atlas.snapshot import Snapshot
from placeprint.errors import WeightsError
from placeprint.evidence.measure import geometry, margins, other_places, standardized
from placeprint.evidence.record import OF_VERIFICATIONS, PLACES, PairEvidence, Values, no_evidence
from placeprint.evidence.shipped import EvidenceModel, Weighed, load_model, verdict_of
from placeprint.presets import EvidenceSpec
from placeprint.types import Evidence, Floats, Ids, LocalFeatures, Ranking, Verification, Verifier

FIRST = "xfeat"
"""What evidence calls the verification of a preset's first extractor."""
DECIDED = 0.9
"""Confidence from which on no further opinion is requested."""
LEAD = 2.0
"""Log odds that the first candidate must be above the first of another place for that."""
EARTH = 6_371_000.0
"""Meters: its mean radius."""
PIXELS = 8.0
"""Residual of an inlier of the first verification, in pixels of a photo whose longest side has 640."""

Describe = Callable[[int], LocalFeatures]
"""Gives the query's features by one of the extractors."""


@dataclass(eq=False)
class _Open:
    """What is known of a query so far.

    Args:
        ids: ``(n,)`` of the candidates, by similarity.
        table: ``(n, len(FIELDS))`` evidence.
        other: ``(n, n)`` bool.
        positions: ``(n, 3)`` meters, NaN where unknown.
        checks: verifications of the candidates, by their place.
        weighed: what the evidence comes to.
    """

    ids: Ids
    table: Values
    other: NDArray[np.bool_]
    positions: Values
    checks: dict[int, Verification]
    weighed: Weighed

    @property
    def decided(self) -> bool:
        """Whether no further evidence is needed."""
        return self.weighed.confidence >= DECIDED and not self.weighed.lead < LEAD

    def confirmed_best(self, count: int) -> NDArray[np.intp]:
        """Return the places of the candidates that the first verification confirms best."""
        return np.argsort(-np.nan_to_num(self.table[:, PLACES[f"{FIRST}.strength"]]), kind="stable")[:count]

    def most_probable(self, count: int) -> NDArray[np.intp]:
        """Return the places of the most probable candidates."""
        return np.argsort(-self.weighed.log_odds, kind="stable")[:count]


@dataclass(frozen=True, eq=False)
class Look:
    """One kind of verification.

    Args:
        source: what evidence calls it.
        number: the number of the extractor whose features it verifies.
        verifier: the verifier of the candidates.
        pixels: residual of its inliers.
    """

    source: str
    number: int
    verifier: Verifier
    pixels: float


Choice = Callable[[_Open], NDArray[np.intp]]
"""Gives the places of the candidates that are verified next."""


class Weigher:
    """Ranks candidates by the evidence.

    Args:
        now: the atlas, of a preset with evidence.
        memory: what earlier searches kept.
        spec: the spec of the preset.
    """

    def __init__(self, now: Snapshot, memory: Memory, spec: EvidenceSpec) -> None:
        self._now, self._memory, self._spec = now, memory, spec
        self._model: EvidenceModel = load_model(spec.model)

    def answer(
        self, ranking: Ranking, descriptor: Floats, describe: Describe, verify: int, likely: float = 1.0
    ) -> tuple[tuple[Evidence, ...], float | None]:
        """Return all candidates, the most probable first, and the confidence.

        Args:
            ranking: photos by similarity.
            descriptor: ``(dim,)`` global descriptor of the query.
            describe: gives the query's features.
            verify: candidates that geometry may look at.
            likely: probability above which geometry looks at all candidates in the end, not only at the most similar.
        """
        if not len(ranking):
            return (), None
        count = min(len(ranking), self._spec.candidates)
        state = self._similar(ranking.ids[:count], descriptor)
        if verify:
            first = Look(FIRST, 0, self._memory.verifier, PIXELS)
            for look, chosen in self._steps(first, min(count, verify)):
                if look is first:
                    self._check(state, look, chosen(state), describe)
                elif state.weighed.confidence < (self._spec.hopeless or 0.0):
                    break
                else:
                    self._request(state, look, chosen(state), describe)
                if state.decided:
                    break
            left = [
                place for place in np.flatnonzero(state.weighed.probabilities > likely) if place not in state.checks
            ]
            if left:
                self._check(state, first, np.array(left), describe)
        return self._evidence(ranking, state), state.weighed.confidence

    def _steps(self, first: Look, most: int) -> Iterator[tuple[Look, Choice]]:
        """Yield what verifies next, and the places of which candidates, while the answer is open.

        Args:
            first: the first verification.
            most: the candidates that geometry may look at.
        """
        asked, preset = min(most, self._spec.verified), self._now.preset
        begun = min(asked, self._spec.verified_first or asked)
        yield first, lambda _: np.arange(begun)
        if begun < asked:
            yield first, lambda _: np.arange(begun, asked)
        for opinion in preset.opinion:
            number = 0 if opinion.extractor is None else preset.extractors.index(opinion.extractor)
            look = Look(opinion.source, number, self._memory.opinion(opinion), opinion.pixels)
            choose = _Open.most_probable if opinion.probable else _Open.confirmed_best
            yield look, partial(choose, count=min(opinion.candidates, most))

    def _similar(self, ids: Ids, descriptor: Floats) -> _Open:
        """Return what similarity says."""
        describer = self._now.describer
        query = describer.parts(descriptor[None])
        known = describer.parts(self._memory.rows(self._now, ids))
        background = self._memory.background(self._now)
        table, near, apart = no_evidence(len(ids)), [], []
        for name, own, rows, others in zip(self._spec.descriptors, query, known, background, strict=True):
            similar, among = rows @ own[0], rows @ rows.T
            usual, around = self._model.usual[name], others @ own[0]
            z = standardized(similar, around, usual)
            table[:, PLACES[f"{name}.standard"]] = z
            table[:, PLACES[f"{name}.margin"]] = margins(similar, among, z)
            near.append(z)
            apart.append(standardized(among, around, usual))
        other, positions = other_places(near, apart), self._positions(ids)
        return _Open(ids, table, other, positions, {}, self._model.weigh(table, other, positions))

    def _request(self, state: _Open, look: Look, chosen: NDArray[np.intp], describe: Describe) -> None:
        """Verify some candidates by an opinion; leave it out where its weights are not installed."""
        try:
            self._check(state, look, chosen, describe)
        except WeightsError as error:
            self._memory.tell_once(f"answers are given without the opinion of {look.source}: {error}")

    def _check(self, state: _Open, look: Look, chosen: NDArray[np.intp], describe: Describe) -> None:
        """Verify some candidates, and weigh anew."""
        query = describe(look.number)
        query = query[~self._memory.overlays(self._now, look.number).on(query)]
        photos = self._memory.read(self._now, [int(state.ids[place]) for place in chosen], look.number)
        columns = [PLACES[f"{look.source}.{name}"] for name, *_ in OF_VERIFICATIONS]
        for place, photo, check in zip(chosen, photos, look.verifier.verify(query, photos), strict=True):
            state.table[int(place), columns] = geometry(query, photo, check, look.pixels)
            state.checks.setdefault(int(place), check)
        state.weighed = self._model.weigh(state.table, state.other, state.positions)

    def _positions(self, ids: Ids) -> Values:
        """Return ``(n, 3)`` meters on a sphere, which has no borders; NaN where nothing is known."""
        photos = self._now.photos().some(ids.tolist())
        places = np.radians([photos[int(number)].location or (np.nan, np.nan) for number in ids])
        latitude, longitude = places.T
        around = np.cos(latitude)
        east, north = around * np.cos(longitude), around * np.sin(longitude)
        return np.asarray(EARTH * np.column_stack([east, north, np.sin(latitude)]), np.float64)

    def _evidence(self, ranking: Ranking, state: _Open) -> tuple[Evidence, ...]:
        photos, probabilities = self._now.photos().some(ranking.ids.tolist()), state.weighed.probabilities
        count, lowest = len(state.ids), float(probabilities.min())
        order = [*np.argsort(-state.weighed.log_odds, kind="stable").tolist(), *range(count, len(ranking))]
        found = []
        for rank, place in enumerate(order):
            record, similarity = photos[int(ranking.ids[place])], float(ranking.scores[place])
            probability = float(probabilities[place]) if place < count else lowest
            check = state.checks.get(place)
            sure = state.weighed.confidence if rank == 0 else probability
            found.append(
                Evidence(
                    record.id,
                    record.path,
                    similarity,
                    float(state.weighed.log_odds[place]) if place < count else similarity - 100.0,
                    check,
                    "not verified" if check is None else verdict_of(sure),
                    record.location,
                    probability,
                    PairEvidence(state.table[place]).known() if place < count else {},
                )
            )
        return tuple(found)
