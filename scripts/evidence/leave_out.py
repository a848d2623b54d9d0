"""Each set measured by models that were learned from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evidence.assembly import Asked, Assembler, Policy, evidence_of, known, limited
from evidence.fitting import Pairs, Settings, fit
from evidence.scenes import SAME, UNKNOWN
from placeprint.evidence.absent import SUMMARY, summary
from placeprint.evidence.model import AdditiveModel
from placeprint.evidence.record import FIELDS, PLACES

HALVES = 20
"""Random halves of an atlas in which some queries' places are missing."""
LEARNED_HALVES = 2
"""Those of them that are learned from."""
WEIGHED = (
    "standard", "support_share", "score_share", "inliers_share", "score", "significance", "spread", "static",
)  # fmt: skip
"""Fields of the first stage; the others of the record did not pay."""
DECIDED = 3.0
"""Log odds of the first candidate from which on no further evidence is measured."""
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


def pairs_of(asked: Sequence[Asked]) -> Pairs:
    """Return the rows of queries; groups count alike, in them queries, in them candidates."""
    kept = [(each, known(each)) for each in asked if known(each).any()]
    per_group = {group: sum(each.group == group for each, _ in kept) for group in {each.group for each, _ in kept}}
    columns = [(evidence_of(each), mask) for each, mask in kept]
    return Pairs(
        {name: np.concatenate([each[name][mask] for each, mask in columns]) for name in PLACES},
        {field.name: field.rises for field in FIELDS},
        np.concatenate([each.labels[mask] == SAME for each, mask in kept]),
        np.repeat(np.arange(len(kept)), [mask.sum() for _, mask in kept]),
        np.concatenate([np.full(mask.sum(), 1 / per_group[each.group] / mask.sum()) for each, mask in kept]),
    )


def learn(
    learned: Sequence[Asked], halved: Sequence[Asked], policy: Policy, names: Sequence[str], settings: Settings
) -> Models:
    """Return both stages, learned from queries, the second also from halves of the atlases.

    The first is learned from what is known at every level of the cascade, so that what is missing has its price.
    """
    begin = fit(pairs_of([closed(each, policy, None, 1) for each in learned]), names, settings)
    variants = [closed(each, policy, begin, depth) for depth in range(len(policy.levels()) + 1) for each in learned]
    pair = fit(pairs_of(variants), names, settings) if len(policy.levels()) else begin
    ends = [cascaded(pair, None, each, policy) for each in (*learned, *halved)]
    every = [each for each in ends if first_label(pair, each) != UNKNOWN]
    per_group = {group: sum(each.group == group for each in every) for group in {each.group for each in every}}
    rows = [summary(pair.log_odds(evidence_of(each)), each.other, each.positions) for each in every]
    columns = {name: np.array([row[name] for row in rows]) for name in SUMMARY}
    right = np.array([first_label(pair, each) == SAME for each in every])
    weight = np.array([1 / per_group[each.group] for each in every])
    first = fit(Pairs(columns, SUMMARY, right, np.arange(len(every)), weight), list(SUMMARY), Settings(0.001, 0.0))
    return Models(pair, first)


def closed(asked: Asked, policy: Policy, begin: AdditiveModel | None, depth: int) -> Asked:
    """Return what is known after so many levels of a cascade; the first looks at all candidates.

    Args:
        asked: all that is known.
        policy: which levels there are.
        begin: what orders the candidates after the first level; None for similarity.
        depth: levels that were measured.
    """
    levels = policy.levels()
    order = np.arange(len(asked.table))
    result = limited(
        asked, order, {source: most if n < min(depth, 1) else 0 for n, (source, most) in enumerate(levels)}
    )
    if depth < 2 or begin is None:
        return result
    order = np.argsort(-begin.log_odds(evidence_of(result)), kind="stable")
    first = levels[0]
    opened = {source: most if n < depth else 0 for n, (source, most) in enumerate(levels) if (source, most) != first}
    return limited(limited(asked, np.arange(len(order)), {first[0]: first[1]}), order, opened)


def cascaded(pair: AdditiveModel, first: AdditiveModel | None, asked: Asked, policy: Policy) -> Asked:
    """Return what is known when a cascade ends: where the first candidate is certain, or all levels were measured."""
    for depth in range(1, len(policy.levels()) + 1):
        result = closed(asked, policy, pair, depth)
        log_odds = pair.log_odds(evidence_of(result))
        row = summary(log_odds, result.other, result.positions)
        certain = row["first"] if first is None else first_odds(first, row)
        if certain > DECIDED and not row["lead"] < LEAD:
            break
    return result


def first_odds(first: AdditiveModel, row: Mapping[str, float]) -> float:
    """Return the log odds that the first candidate is right."""
    return float(first.log_odds({name: np.array([value]) for name, value in row.items()})[0])


def first_label(pair: AdditiveModel, asked: Asked) -> int:
    """Return the label of the candidate that comes first."""
    return int(asked.labels[np.argmax(pair.log_odds(evidence_of(asked)))])


def confidence(models: Models, asked: Asked) -> float:
    """Return the log odds that the first candidate is right."""
    return first_odds(models.first, summary(models.pair.log_odds(evidence_of(asked)), asked.other, asked.positions))


def halves(assembler: Assembler, policy: Policy, count: int) -> Iterator[list[Asked]]:
    """Yield what is known in random halves of an atlas."""
    scene = assembler.scene
    for seed in range(count):
        part = np.zeros(len(scene.database), bool)
        part[np.random.default_rng(seed).permutation(len(part))[: len(part) // 2]] = True
        found = [assembler.asked(row, policy, part) for row in range(len(scene.queries))]
        yield [each for each in found if each is not None]


def recall(pair: AdditiveModel, asked: Sequence[Asked]) -> tuple[int, int]:
    """Return how many queries have a right candidate first, and how many could have."""
    able = [each for each in asked if each.findable and each.group == each.query_group]
    labels = [first_label(pair, each) for each in able]
    return sum(label == SAME for label in labels), sum(label != UNKNOWN for label in labels)


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
        self.asked = {each.scene.name: each.all_asked(policy) for each in assemblers}
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
            if group not in (each.group, each.query_group)
        ]
        halved = [each for each in self._halves if group not in (each.group, each.query_group)]
        return learn(learned, halved, self.policy, names, settings)

    def all_models(self, names: Sequence[str], settings: Settings) -> Split:
        """Return the models of every left-out group."""
        return {group: self.models(group, names, settings) for group in groups_of(self.assemblers)}
