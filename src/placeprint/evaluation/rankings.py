"""Queries of a retrieval set, searched in an atlas of its database by the rules of its protocol.

A query that the protocol crops is cropped before it is described. What is junk for a query, and the query itself where
the database holds it, is no candidate: it is neither verified nor ranked. Of a group, as the cut-outs of a panorama,
the best candidate stays; those verified are counted before, as re-ranking is measured elsewhere. Where a set is judged
at several levels, each level searches anew: what is junk at one is a candidate at another, and geometry checks the best
candidates only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from placeprint.atlas.atlas import Atlas
from placeprint.core.options import CountOrNone, Degrees, checked
from placeprint.datasets.retrieval_set import Box, RetrievalSet
from placeprint.errors import DatasetError, PhotoError
from placeprint.photos import crop_image, normalized, read_image, turn_image
from placeprint.types import Evidence, Image

KEPT = 100
"""Candidates of a query of which more is kept than their rank."""


@dataclass(frozen=True, eq=False)
class RankedQuery:
    """What the atlas said of one query, at one level of judgment.

    Args:
        query: path in the set.
        level: name of the level, empty for the set's own.
        ranking: paths of the candidates, best first; empty where the query could not be used.
        similarities: cosines of the first `KEPT`.
        scores: what they are ranked by.
        inliers: verified matches, None of those that were not verified.
        probabilities: that they show the query's place, None where evidence is not weighed.
        confidence: how sure the first candidate is, see `confidence_of`; None without one.
        turn: degrees the query was turned by to be found, None where it could not be used.
        seconds: time of the parts, as of `Answer`; None where it could not be used.
        error: why it could not be used, or None.
    """

    query: str
    level: str = ""
    ranking: tuple[str, ...] = ()
    similarities: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    inliers: tuple[int | None, ...] = ()
    probabilities: tuple[float | None, ...] = ()
    confidence: float | None = None
    turn: float | None = None
    seconds: Mapping[str, float] | None = None
    error: str | None = None

    def as_data(self) -> dict[str, Any]:
        """Return all of it, ready for JSON; times in milliseconds, ``ms`` their sum."""
        parts = None if self.seconds is None else {part: round(1000 * each, 3) for part, each in self.seconds.items()}
        data: dict[str, Any] = {
            "query": self.query,
            "turn": self.turn,
            "ms": None if parts is None else round(sum(parts.values()), 3),
            "ms_parts": parts,
            "confidence": self.confidence,  # whole, as equal ones are accepted together
            "ranking": list(self.ranking),
            "similarities": [round(each, 5) for each in self.similarities],
            "scores": [round(each, 5) for each in self.scores],
            "inliers": list(self.inliers),
        }
        if any(each is not None for each in self.probabilities):
            data["candidates"] = [
                {"photo": photo, "probability": probability}
                for photo, probability in zip(self.ranking, self.probabilities, strict=False)
            ]
        return data | {key: value for key, value in (("level", self.level), ("error", self.error)) if value}


def confidence_of(first: Evidence, confidence: float | None = None) -> float:
    """Return how sure a first candidate is, comparable between queries, which scores need not be.

    It is the answer's own confidence where evidence is weighed. Without, it is its similarity where nothing was
    verified, else the strength of its verification; where geometry found nothing, its similarity less one, so that all
    of these are below those that geometry supports.
    """
    if confidence is not None:
        return confidence
    if first.verification is None:
        return first.similarity
    return first.verification.strength if first.verification.strength > 0 else first.similarity - 1


class QueryRanker:
    """Ranks the database of a set for its queries.

    Args:
        atlas: of the database photos.
        dataset: what is searched.
        verify: candidates verified a query; 0 for search only.
        turn: degrees counter-clockwise the queries are turned by first.
        by: as of `Atlas.search`.
    """

    def __init__(
        self, atlas: Atlas, dataset: RetrievalSet, *, verify: int = 0, turn: float = 0.0, by: str | None = None
    ) -> None:
        self._atlas, self._dataset, self._verify, self._turn, self._by = atlas, dataset, verify, turn, by
        self._paths = {path: str(normalized(dataset.root / path)) for path in dataset.database}
        self._names = {whole: path for path, whole in self._paths.items()}
        self._groups = dict(zip(dataset.database, dataset.groups, strict=True)) if dataset.groups else {}
        sizes = _counts(dataset.groups)
        self._wanted = len(atlas) if dataset.depth is None else dataset.depth * max(sizes, default=1)

    def rank(self, query: str, box: Box | None = None, junk: Iterable[str] = (), level: str = "") -> RankedQuery:
        """Search one query.

        Args:
            query: path in the set.
            box: part of the photo that is searched; None for all of it.
            junk: database photos that are no candidates.
            level: whose junk it is.

        Raises:
            DatasetError: the atlas holds a photo that is not of the database.
        """
        left_out = [self._paths[path] for path in junk if path in self._paths]
        if query in self._paths and not self._dataset.finds_itself:
            left_out.append(self._paths[query])
        try:
            image = self._read(query, box)
            answer = self._atlas.search(image, top=self._wanted, verify=self._verify, without=left_out, by=self._by)
        except PhotoError as error:
            return RankedQuery(query, level, error=str(error))
        ranked = list(self._best_of_groups(answer.evidence))[: self._dataset.depth]
        return RankedQuery(
            query,
            level,
            tuple(self._names[item.path] for item in ranked),
            tuple(item.similarity for item in ranked[:KEPT]),
            tuple(item.score for item in ranked[:KEPT]),
            tuple(item.num_inliers for item in ranked[:KEPT]),
            tuple(item.probability for item in ranked[:KEPT]),
            confidence_of(ranked[0], answer.confidence) if ranked else None,
            answer.turn,
            answer.seconds,
        )

    def _read(self, query: str, box: Box | None) -> Image:
        image = read_image(self._dataset.root / query)
        image = image if box is None else crop_image(image, box)
        return turn_image(image, self._turn) if self._turn else image

    def _best_of_groups(self, evidence: Iterable[Evidence]) -> Iterator[Evidence]:
        seen: set[str] = set()
        for item in evidence:
            if item.path not in self._names:
                raise DatasetError(f"the atlas holds {item.path!r}, which is no database photo of the set")
            group = self._groups.get(self._names[item.path])
            if group is None:
                yield item
            elif group not in seen:
                seen.add(group)
                yield item


@checked
def rank_queries(
    atlas: Atlas,
    dataset: RetrievalSet,
    *,
    verify: CountOrNone = 0,
    turn: Degrees = 0.0,
    by: str | None = None,
    first: CountOrNone = 0,
) -> Iterator[RankedQuery]:
    """Yield every search: each query at each level of judgment in turn, then the queries that are not in the database.

    Args:
        atlas: of the database photos.
        dataset: what is searched.
        verify: candidates verified a query; 0 for search only.
        turn: degrees counter-clockwise the queries are turned by first.
        by: as of `Atlas.search`.
        first: searches left out, as those that are done already.

    Raises:
        DatasetError: the atlas holds a photo that is not of the database.
    """
    ranker, levels = QueryRanker(atlas, dataset, verify=verify, turn=turn, by=by), dataset.judgments
    for number in range(first, num_searches(dataset)):
        place, which = divmod(number, len(levels))
        if place < len(dataset.queries):
            level, box = levels[which], dataset.crops[place] if dataset.crops else None
            yield ranker.rank(dataset.queries[place], box, level.junk[place] if level.junk else (), level.name)
        else:
            yield ranker.rank(dataset.not_in_database[number - len(dataset.queries) * len(levels)])


def num_searches(dataset: RetrievalSet) -> int:
    """Return how many searches `rank_queries` makes."""
    return len(dataset.queries) * len(dataset.judgments) + len(dataset.not_in_database)


def _counts(groups: Iterable[str]) -> list[int]:
    counts: dict[str, int] = {}
    for group in groups:
        counts[group] = counts.get(group, 0) + 1
    return list(counts.values())
