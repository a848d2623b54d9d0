"""Rank the candidates of a query by one probability: cheap evidence for all, expensive evidence while it matters.

1. The most similar photos, with the similarity of each descriptor separately, standardized in this atlas.
2. Geometry of the first ones, without the keypoints on overlays (`evidence.overlays`).
3. While the answer is uncertain (the first candidate is not certain, or another place is close): geometry of more of
   them, and then one opinion after another, such as SIFT, for those that geometry confirms best. The query's features
   for an opinion are extracted only then. A preset may set a confidence below which no opinions are requested. An
   opinion whose network is not installed is skipped, with one warning.
4. Before the first opinion, late descriptors of the preset: the query gets them only now, and is searched again.
   Geometry that was already computed is kept.

Other photos follow, ranked by similarity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import WeightsError
from placeprint.evidence.measure import geometry, margins, other_places, standardized
from placeprint.evidence.record import OF_VERIFICATIONS, PLACES, PairEvidence, Values, columns_of, no_evidence
from placeprint.evidence.shipped import EvidenceModel, Weighed, load_model, verdict_of
from placeprint.presets import EvidenceSpec
from placeprint.searching.memory import Memory
from placeprint.searching.snapshot import Snapshot
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
        ranking: photos by similarity; the first ones are the candidates.
        ids: ``(n,)`` of the candidates, by similarity.
        table: ``(n, len(FIELDS))`` evidence.
        other: ``(n, n)`` bool.
        positions: ``(n, 3)`` meters, NaN where unknown.
        checks: verifications of the candidates, by their place.
        weighed: what the evidence comes to.
    """

    ranking: Ranking
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


Late = Callable[[], tuple[Ranking, Floats]]
"""Gives the photos by similarity and the query's global descriptor, with the descriptors that are late."""


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
        self,
        ranking: Ranking,
        descriptor: Floats,
        describe: Describe,
        verify: int,
        likely: float = 1.0,
        late: Late | None = None,
        hopeless: float = 0.0,
    ) -> tuple[tuple[Evidence, ...], float | None]:
        """Return all candidates, the most probable first, and the confidence.

        Args:
            ranking: photos by similarity.
            descriptor: ``(dim,)`` global descriptor of the query.
            describe: gives the query's features.
            verify: candidates that geometry may look at.
            likely: probability above which geometry looks at all candidates in the end, not only at the most similar.
            late: gives what the query has only while the answer is uncertain; None where all is there.
            hopeless: confidence after the first verification below which nothing further is measured; where it is
                lower, the preset's own for opinions.
        """
        if not len(ranking):
            return (), None
        state = self._similar(ranking, descriptor)
        if verify:
            most = min(len(state.ids), verify)
            first = Look(FIRST, 0, self._memory.verifier, PIXELS)
            self._verify_first(state, first, most, describe)
            if late is not None and not state.decided and state.weighed.confidence >= hopeless:
                state = self._again(state, *late())
                self._verify_first(state, first, most, describe)
            self._request_opinions(state, most, describe, max(hopeless, self._spec.hopeless or 0.0))
            left = [
                place for place in np.flatnonzero(state.weighed.probabilities > likely) if place not in state.checks
            ]
            if left:
                self._check(state, first, np.array(left), describe)
        return self._evidence(state), state.weighed.confidence

    def _verify_first(self, state: _Open, look: Look, most: int, describe: Describe) -> None:
        """Verify the most similar candidates, some first and the others while the answer is uncertain."""
        asked = min(most, self._spec.verified)
        for until in (min(asked, self._spec.verified_first or asked), asked):
            missing = [place for place in range(until) if place not in state.checks]
            if missing and not (state.checks and state.decided):
                self._check(state, look, np.array(missing), describe)

    def _request_opinions(self, state: _Open, most: int, describe: Describe, hopeless: float) -> None:
        """Request one opinion after another while the answer is uncertain and not hopeless."""
        preset = self._now.preset
        for opinion in preset.opinion:
            if state.decided or state.weighed.confidence < hopeless:
                break
            number = 0 if opinion.extractor is None else preset.extractors.index(opinion.extractor)
            look = Look(opinion.source, number, self._memory.opinion(opinion), opinion.pixels)
            choose = state.most_probable if opinion.probable else state.confirmed_best
            self._request(state, look, choose(min(opinion.candidates, most)), describe)

    def _similar(self, ranking: Ranking, descriptor: Floats) -> _Open:
        """Return what similarity says; nothing of descriptors that the query does not have yet."""
        ids = ranking.ids[: self._spec.candidates]
        describer = self._now.describer
        query = describer.parts(descriptor[None])
        known = describer.parts(self._memory.rows(self._now, ids))
        background = self._memory.background(self._now)
        table, near, apart = no_evidence(len(ids)), [], []
        parts = zip(self._spec.descriptors, describer.branches, query, known, background, strict=True)
        for name, branch, own, rows, others in parts:
            if branch.late and not own.any():
                continue
            similar, among = rows @ own[0], rows @ rows.T
            usual, around = self._model.usual[name], others @ own[0]
            z = standardized(similar, around, usual)
            table[:, PLACES[f"{name}.standard"]] = z
            table[:, PLACES[f"{name}.margin"]] = margins(similar, among, z)
            near.append(z)
            apart.append(standardized(among, around, usual))
        other, positions = other_places(near, apart), self._positions(ids)
        return _Open(ranking, ids, table, other, positions, {}, self._model.weigh(table, other, positions))

    def _again(self, before: _Open, ranking: Ranking, descriptor: Floats) -> _Open:
        """Return the similarities by more descriptors, with the geometry already computed for the same photos."""
        state = self._similar(ranking, descriptor)
        places = {int(number): place for place, number in enumerate(before.ids)}
        columns = columns_of(FIRST)
        for place, number in enumerate(state.ids):
            old = places.get(int(number))
            if old in before.checks:
                state.table[place, columns] = before.table[old, columns]
                state.checks[place] = before.checks[old]
        state.weighed = self._model.weigh(state.table, state.other, state.positions)
        return state

    def _request(self, state: _Open, look: Look, chosen: NDArray[np.intp], describe: Describe) -> None:
        """Verify some candidates by an opinion; leave it out where its weights are not installed."""
        try:
            self._check(state, look, chosen, describe)
        except WeightsError as error:
            self._memory.tell_once(f"answers lack the opinion of {look.source}: {error}")

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

    def _evidence(self, state: _Open) -> tuple[Evidence, ...]:
        ranking = state.ranking
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
