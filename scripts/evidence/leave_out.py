"""Measure each set with models trained on the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placeprint.evidence.absent import SUMMARY, summary
from placeprint.evidence.model import AdditiveModel
from placeprint.evidence.record import FIELDS, PLACES, Values
from scripts.evidence.assembly import Asked, Assembler, Policy, evidence_of, known, limited
from scripts.evidence.fitting import Pairs, Settings, fit
from scripts.evidence.scenes import SAME, UNKNOWN
from scripts.evidence.tables import CHECKS

HALVES = 20
"""Random halves of an atlas in which some queries' places are missing."""
LEARNED_HALVES = 2
"""Those of them that are learned from."""
WEIGHED = ("standard", "strength_share", "inliers_share", "strength", "significance")
"""Fields of the first stage; the others of the record did not pay."""
UNVERIFIED = 0.1
"""Weight of a query of which no geometry was measured, beside one after a level of the cascade."""
DECIDED = 2.2
"""Log odds of the first candidate from which on no further evidence is measured, a probability of 90 %."""
LEAD = 2.0
"""Log odds that it must be above the first candidate of another place for that."""


@dataclass(frozen=True, eq=False)
class Models:
    """The two stages.

    Args:
        pair: probability of a candidate.
        first: probability that the first candidate is right.
    """

    pair: AdditiveModel
    first: AdditiveModel


def groups_of(assemblers: Sequence[Assembler]) -> list[str]:
    """List the groups of photos."""
    return list(dict.fromkeys(each.scene.group for each in assemblers))


@dataclass(frozen=True, eq=False)
class Levels:
    """A query with what is known of it after each level of a cascade.

    Args:
        asked: all that is known.
        parts: the columns that are weighed after no level, after one, and so on.
        alone: the same, with the last source as the only geometry, where it is measured of open queries only.
        early: the same before the late descriptors; None where there are none.
        begun: levels of the first source.
    """

    asked: Asked
    parts: tuple[Mapping[str, Values], ...]
    alone: tuple[Mapping[str, Values], ...] = ()
    early: Levels | None = None
    begun: int = 0

    def chain(self) -> list[tuple[Asked, Mapping[str, Values]]]:
        """Return what is known whenever the search may end, from the first level on."""
        if self.early is None:
            return [(self.asked, columns) for columns in self.parts[1:]]
        begun = [(self.early.asked, columns) for columns in self.early.parts[1:]]
        return begun + [(self.asked, columns) for columns in self.parts[self.begun :]]


def leveled(assembler: Assembler, policy: Policy, part: NDArray[np.bool_] | None = None) -> list[Levels]:
    """Return all queries of a scene after each level, in a part of the atlas or in all of it."""
    found = []
    for row in range(len(assembler.scene.queries)):
        asked = assembler.asked(row, policy, part)
        before = None if policy.early is None else assembler.asked(row, policy.early, part)
        if asked is not None:
            early = None if before is None or policy.early is None else levels_of(before, policy.early)
            found.append(replace(levels_of(asked, policy), early=early))
    return found


def levels_of(asked: Asked, policy: Policy) -> Levels:
    """Return a query after each level.

    The first source looks at the most similar, others at those it confirms best. What is measured only of open
    queries (`tables.Check.open_only`) is a level where it was measured, and of those candidates.
    """
    levels, order = policy.levels(), np.arange(len(asked.table))
    nothing = {source: np.zeros(len(asked.table), bool) for source, _ in levels}
    seen, first, alone = dict(nothing), levels[0][0], []
    parts = [evidence_of(limited(asked, seen))]
    for source, most in levels:
        measured = np.isfinite(asked.table[:, PLACES[f"{source}.strength"]])
        if CHECKS[source].open_only:
            if not measured.any():
                continue
            seen[source] = measured
            alone.append(evidence_of(limited(asked, nothing | {source: measured})))
        else:
            best = (
                order if source == first else np.argsort(-np.nan_to_num(parts[-1][f"{first}.strength"]), kind="stable")
            )
            seen[source] = np.isin(order, best[:most])
        parts.append(evidence_of(limited(asked, seen)))
    begun = sum(source == first for source, _ in levels)
    return Levels(asked, tuple(parts), tuple(alone), begun=begun)


def pairs_of(asked: Sequence[Levels]) -> Pairs:
    """Return the rows of queries at every level; groups count alike, in them queries, in them candidates.

    Evidence that is measured last finds little left to explain, and would be worth nothing to the model where the
    sets it learns from are easy. So it is learned without the other geometry, too.
    """
    kept = [
        (each.asked, columns, known(each.asked), 1.0 if level else UNVERIFIED)
        for each in asked
        if known(each.asked).any()
        for level, columns in [*enumerate(each.parts), *((len(each.parts), columns) for columns in each.alone)]
    ]
    per_group = Counter(each.group for each, *_ in kept)
    return Pairs(
        {name: np.concatenate([columns[name][mask] for _, columns, mask, _ in kept]) for name in PLACES},
        {field.name: field.rises for field in FIELDS},
        np.concatenate([each.labels[mask] == SAME for each, _, mask, _ in kept]),
        np.repeat(np.arange(len(kept)), [mask.sum() for _, _, mask, _ in kept]),
        np.concatenate([np.full(m.sum(), weight / per_group[each.group] / m.sum()) for each, _, m, weight in kept]),
    )


@dataclass(frozen=True, eq=False)
class End:
    """What a cascade comes to.

    Args:
        row: values of `absent.SUMMARY`.
        label: of the first candidate.
    """

    row: Mapping[str, float]
    label: int


def learn(learned: Sequence[Levels], halved: Sequence[Levels], names: Sequence[str], settings: Settings) -> Models:
    """Return both stages, learned from queries, the second also from halves of the atlases.

    The first is learned from what is known at every level of the cascade, so that what is missing has its price.
    """
    pair = fit(pairs_of(learned), names, settings)
    ends = [(each.asked.group, ended(pair, None, each)) for each in (*learned, *halved)]
    kept = [(group, end) for group, end in ends if end.label != UNKNOWN]
    per_group = Counter(group for group, _ in kept)
    columns = {name: np.array([end.row[name] for _, end in kept]) for name in SUMMARY}
    right = np.array([end.label == SAME for _, end in kept])
    weight = np.array([1 / per_group[group] for group, _ in kept])
    sources = {name.partition(".")[0] for name in names}
    used = [name for name in SUMMARY if name not in PLACES or name.partition(".")[0] in sources]
    first = fit(Pairs(columns, SUMMARY, right, np.arange(len(kept)), weight), used, Settings(0.002, 0.0))
    return Models(pair, first)


def ended(pair: AdditiveModel, first: AdditiveModel | None, query: Levels) -> End:
    """Return what is known when a cascade ends: where the first candidate is certain, or all levels were measured.

    Args:
        pair: of the candidates.
        first: of the first candidate; None to take the log odds of the candidate itself.
        query: with all levels.
    """
    for asked, columns in query.chain():
        log_odds = pair.log_odds(columns)
        row = summary(log_odds, asked.other, asked.positions, columns)
        certain = row["first"] if first is None else first_odds(first, row)
        if certain > DECIDED and not row["lead"] < LEAD:
            break
    return End(row, int(asked.labels[np.argmax(log_odds)]))


def first_odds(first: AdditiveModel, row: Mapping[str, float]) -> float:
    """Return the log odds that the first candidate is right."""
    return float(first.log_odds({name: np.array([value]) for name, value in row.items()})[0])


def halves(assembler: Assembler, policy: Policy, count: int) -> Iterator[list[Levels]]:
    """Yield what is known in random halves of an atlas."""
    scene = assembler.scene
    for seed in range(count):
        part = np.zeros(len(scene.database), bool)
        part[np.random.default_rng(seed).permutation(len(part))[: len(part) // 2]] = True
        yield leveled(assembler, policy, part)


Split = Mapping[str, Models]
"""Models by the group that had no part in them."""


class LeaveOut:
    """Learns without each group in turn.

    Args:
        assemblers: of all scenes.
        policy: what is measured.
    """

    def __init__(self, assemblers: Sequence[Assembler], policy: Policy) -> None:
        self.assemblers, self.policy = assemblers, policy
        self.asked = {each.scene.name: leveled(each, policy) for each in assemblers}
        self._halves = [
            asked
            for each in assemblers
            if each.scene.learned and len(each.scene.database) > 20
            for part in halves(each, policy, LEARNED_HALVES)
            for asked in part
        ]

    def names(self, without: Sequence[str] = ()) -> list[str]:
        """Return the fields that are weighed, but for some."""
        sources = {*self.policy.descriptors, *(source for source, _ in self.policy.levels())}
        return [
            name
            for name in PLACES
            if name.partition(".")[0] in sources and name.partition(".")[2] in WEIGHED and name not in without
        ]

    def models(self, group: str | None, names: Sequence[str], settings: Settings) -> Models:
        """Return what is learned without a group; None for all of them."""
        learned = [
            each
            for assembler in self.assemblers
            if assembler.scene.learned
            for each in self.asked[assembler.scene.name]
            if group not in (each.asked.group, each.asked.query_group)
        ]
        halved = [each for each in self._halves if group not in (each.asked.group, each.asked.query_group)]
        return learn(learned, halved, names, settings)

    def all_models(self, names: Sequence[str], settings: Settings) -> Split:
        """Return the models of every left-out group."""
        return {group: self.models(group, names, settings) for group in groups_of(self.assemblers)}
