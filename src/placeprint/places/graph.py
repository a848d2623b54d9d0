"""The match graph of an atlas: which of its photos show the same place, confirmed by geometry.

Each photo is searched among the others, using its stored features. A pair is a link if geometry was computed for it and
its probability is not negligible. This probability differs from that of a candidate in two ways. In a search, geometry
counts for whole places, so all photos of a place are as probable as the best confirmed one; here each pair counts only
its own geometry. And a candidate can rank first although the place is not in the atlas; here the confidence of the
answer limits the probability of every pair. Both photos of a pair are searched, and their log odds are averaged.

The graph provides neighbors, image pairs for reconstruction, and loop closures of a sequence. `grouping` makes places
from it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from placeprint.core.options import Count, Share, checked
from placeprint.errors import OptionError
from placeprint.evidence.measure import compared
from placeprint.evidence.model import to_probability
from placeprint.evidence.record import PLACES, by_name, no_evidence
from placeprint.evidence.shipped import EvidenceModel, load_model
from placeprint.searching.reader import AtlasReader
from placeprint.searching.search import no_probabilities
from placeprint.searching.snapshot import Snapshot
from placeprint.store import PhotoRecord
from placeprint.types import Answer, Progress, Verification

CHUNK = 32
"""Photos searched before progress is reported."""
LEAST = 0.1
"""Probability below which a pair is no link."""
CANDIDATES = 20
"""Candidates of each photo."""
LIMITS = 1e-6
"""Probabilities are kept so far from 0 and 1."""


@dataclass(frozen=True, eq=False)
class Link:
    """Two photos that may show the same place.

    Args:
        first: id of the photo with the smaller id.
        second: id of the other one.
        probability: that they show the same place.
        verification: what geometry found, from the first to the second; only matches that follow the transform.
    """

    first: int
    second: int
    probability: float
    verification: Verification

    def other(self, photo: int) -> int:
        """Return the id of the photo at the other end."""
        return self.second if photo == self.first else self.first


@dataclass(frozen=True, eq=False)
class MatchGraph:
    """The photos of an atlas and the links between them.

    Args:
        photos: the record of each usable photo, by id.
        links: the most probable first.
    """

    photos: Mapping[int, PhotoRecord]
    links: tuple[Link, ...]

    @functools.cached_property
    def _by_photo(self) -> Mapping[int, list[Link]]:
        found: dict[int, list[Link]] = {photo: [] for photo in self.photos}
        for link in self.links:
            found[link.first].append(link)
            found[link.second].append(link)
        return found

    def of(self, photo: int) -> Sequence[Link]:
        """Return the links of a photo by its id, the most probable first.

        Raises:
            KeyError: there is no such photo.
        """
        return self._by_photo[photo]

    def neighbors(self, photo: int, least: float = LEAST) -> list[tuple[int, float]]:
        """Return the photos that show the place of a photo, and their probabilities, the most probable first."""
        return [(link.other(photo), link.probability) for link in self.of(photo) if link.probability >= least]

    def pairs(self, least: float = 0.5) -> list[tuple[str, str]]:
        """Return paths of photos that likely show the same place: image pairs for a reconstruction."""
        return [(self.photos[e.first].path, self.photos[e.second].path) for e in self.links if e.probability >= least]


@checked
def match_graph(
    atlas: AtlasReader, *, candidates: Count = CANDIDATES, least: Share = LEAST, progress: Progress | None = None
) -> MatchGraph:
    """Return the match graph of an atlas, from what is stored.

    Memory holds the features of some hundred photos and the inliers of the links. All cores work.

    Args:
        atlas: of a preset that gives probabilities.
        candidates: the number of candidates considered for each photo.
        least: probability below which a pair is no link.
        progress: called with the count of photos done and of all.

    Raises:
        OptionError: the preset gives no probabilities.
    """
    now = atlas.snapshot()
    photos = dict(now.usable().items())
    ids, seen = sorted(photos), Sightings(evidence_model(now), least)
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        for photo, answer in atlas.search_stored(chunk, top=candidates, likely=least).items():
            seen.add(photo, answer)
        if progress is not None:
            progress(min(start + CHUNK, len(ids)), len(ids))
    return MatchGraph(photos, seen.links(photos))


class Sightings:
    """What photos say of each other, joined to links.

    Args:
        model: what evidence is worth.
        least: probability below which a pair is no link.
    """

    def __init__(self, model: EvidenceModel, least: float) -> None:
        self._model, self._least = model, least
        self._log_odds: dict[tuple[int, int], float] = {}
        self._checks: dict[tuple[int, int], Verification] = {}

    def add(self, photo: int, answer: Answer) -> None:
        """Add what a search of a photo found."""
        for evidence, probability in zip(answer.evidence, pair_probabilities(answer, self._model), strict=True):
            self._log_odds[photo, evidence.id] = log_odds(probability)
            check = evidence.verification
            if probability >= self._least and check is not None and check.num_inliers:
                self._checks[photo, evidence.id] = inliers_only(check)

    def links(self, photos: Iterable[int]) -> tuple[Link, ...]:
        """Return the links between some photos, the most probable first."""
        known = set(photos)
        pairs = {(min(pair), max(pair)) for pair in self._checks if known.issuperset(pair)}
        links = [link for pair in sorted(pairs) if (link := self._link(*pair)).probability >= self._least]
        return tuple(sorted(links, key=lambda link: -link.probability))

    def _link(self, first: int, second: int) -> Link:
        said = [self._log_odds[pair] for pair in ((first, second), (second, first)) if pair in self._log_odds]
        checks = [self._checks.get((first, second)), self._checks.get((second, first))]
        there, back = checks[0], None if checks[1] is None else reversed_check(checks[1])
        chosen = max((c for c in (there, back) if c is not None), key=lambda check: check.num_inliers)
        return Link(first, second, float(to_probability(np.asarray(np.mean(said)))), chosen)


def evidence_model(now: Snapshot) -> EvidenceModel:
    """Return what evidence is worth in an atlas.

    Raises:
        OptionError: its preset gives no probabilities.
    """
    if now.preset.evidence is None:
        raise OptionError(no_probabilities(now.preset.name))
    return load_model(now.preset.evidence.model)


def pair_probabilities(answer: Answer, model: EvidenceModel) -> list[float]:
    """Return for each candidate the probability that it shows the query's place, by the evidence of this pair alone.

    Args:
        answer: of a preset that gives probabilities.
        model: of the preset.
    """
    if not answer.evidence or answer.confidence is None:
        return [0.0 for _ in answer.evidence]
    table = no_evidence(len(answer.evidence))
    for row, evidence in zip(table, answer.evidence, strict=True):
        row[[PLACES[name] for name in evidence.known]] = list(evidence.known.values())
    alone = ~np.eye(len(table), dtype=bool)
    odds = model.pair.log_odds(by_name(compared(table, alone)))
    return list(map(float, to_probability(odds - max(0.0, odds.max() - log_odds(answer.confidence)))))


def log_odds(probability: float) -> float:
    """Return ``log(p / (1 - p))``, with p kept a little from 0 and 1."""
    kept = min(max(probability, LIMITS), 1 - LIMITS)
    return float(np.log(kept / (1 - kept)))


def inliers_only(check: Verification) -> Verification:
    """Return a verification without the matches that do not follow the transform."""
    kept = check.inliers
    return replace(check, matches=check.matches[kept], points=check.points[kept], inliers=kept[kept])


def reversed_check(check: Verification) -> Verification:
    """Return a verification from the second photo to the first."""
    transform = check.transform
    if transform is not None and check.model in {"fundamental", "essential"}:
        transform = transform.T
    elif transform is not None:
        back = np.linalg.pinv(transform)
        transform = np.asarray(back / (back[2, 2] or 1.0), np.float64)
    return replace(check, matches=check.matches[:, ::-1], points=check.points[:, ::-1], transform=transform)
