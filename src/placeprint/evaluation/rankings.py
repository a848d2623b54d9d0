"""Queries of a retrieval set, searched in an atlas of its database by the rules of its protocol.

A query that the protocol crops is cropped before it is described. What is junk for a query, and the query itself where
the database holds it, is no candidate: it is neither verified nor ranked. Of a group, as the cut-outs of a panorama,
the best candidate stays. Where a set is judged at several levels, each level searches anew: what is junk at one is a
candidate at another, and geometry checks the best candidates only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from placeprint.atlas import Atlas
from placeprint.datasets.retrieval_set import Box, RetrievalSet
from placeprint.errors import DatasetError, PhotoError
from placeprint.images import crop_image, normalized, read_image, turn_image
from placeprint.types import Evidence, Image

KEPT = 100
"""Candidates of a query of which more is kept than their rank."""


@dataclass(frozen=True, eq=False)
class RankedQuery:
    """What the atlas said of one query.

    Args:
        query: path in the set.
        ranking: paths of the candidates, best first; empty where the query could not be used.
        similarities: cosines of the first `KEPT`.
        scores: what they are ranked by.
        inliers: verified matches, None of those that were not verified.
        confidence: how sure the first candidate is, see `confidence_of`; None without one.
        turn: degrees the query was turned by to be found, None where it could not be used.
        seconds: time of the parts, as of `Answer`.
        error: why it could not be used, or None.
    """

    query: str
    ranking: tuple[str, ...] = ()
    similarities: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    inliers: tuple[int | None, ...] = ()
    confidence: float | None = None
    turn: float | None = None
    seconds: dict[str, float] | None = None
    error: str | None = None

    def as_data(self) -> dict[str, Any]:
        """Return what JSON says of it, of the first `KEPT` candidates."""
        return {
            "query": self.query,
            "turn": self.turn,
            "confidence": None if self.confidence is None else round(self.confidence, 5),
            "ranking": list(self.ranking[:KEPT]),
            "similarities": [round(each, 5) for each in self.similarities],
            "scores": [round(each, 5) for each in self.scores],
            "inliers": list(self.inliers),
        } | ({} if self.error is None else {"error": self.error})


def confidence_of(first: Evidence) -> float:
    """Return how sure a first candidate is, comparable between queries, which scores need not be.

    It is its similarity where nothing was verified. Else it is the strength of its verification; where geometry found
    nothing, its similarity less one, so that all of these are below those that geometry supports.
    """
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
    """

    def __init__(self, atlas: Atlas, dataset: RetrievalSet, *, verify: int = 0, turn: float = 0.0) -> None:
        self._atlas, self._dataset, self._verify, self._turn = atlas, dataset, verify, turn
        self._paths = {path: str(normalized(dataset.root / path)) for path in dataset.database}
        self._names = {whole: path for path, whole in self._paths.items()}
        self._groups = dict(zip(dataset.database, dataset.groups, strict=True)) if dataset.groups else {}
        sizes = _counts(dataset.groups)
        self._wanted = len(atlas) if dataset.depth is None else dataset.depth * max(sizes, default=1)

    def rank(self, query: str, box: Box | None = None, junk: Iterable[str] = ()) -> RankedQuery:
        """Search one query.

        Args:
            query: path in the set.
            box: part of the photo that is searched; None for all of it.
            junk: database photos that are no candidates.

        Raises:
            DatasetError: the atlas holds a photo that is not of the database.
        """
        left_out = [self._paths[path] for path in junk if path in self._paths]
        if query in self._paths and not self._dataset.finds_itself:
            left_out.append(self._paths[query])
        try:
            image = self._read(query, box)
            answer = self._atlas.search(image, top=self._wanted, verify=self._verify, without=left_out)
        except PhotoError as error:
            return RankedQuery(query, error=str(error))
        ranked = list(self._best_of_groups(answer.evidence))[: self._dataset.depth]
        return RankedQuery(
            query,
            tuple(self._names[item.path] for item in ranked),
            tuple(item.similarity for item in ranked[:KEPT]),
            tuple(item.score for item in ranked[:KEPT]),
            tuple(item.num_inliers for item in ranked[:KEPT]),
            confidence_of(ranked[0]) if ranked else None,
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


def rank_queries(
    atlas: Atlas,
    dataset: RetrievalSet,
    *,
    verify: int = 0,
    turn: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[list[RankedQuery]], list[RankedQuery]]:
    """Search all queries.

    Args:
        atlas: of the database photos.
        dataset: what is searched.
        verify: candidates verified a query; 0 for search only.
        turn: degrees counter-clockwise the queries are turned by first.
        progress: called with the count of searches done and of all.

    Returns:
        For each judgment of the set its queries, in order; and the queries that are not in the database.
    """
    ranker = QueryRanker(atlas, dataset, verify=verify, turn=turn)
    judgments, boxes = dataset.judgments, dataset.crops or (None,) * len(dataset.queries)
    found: list[list[RankedQuery]] = [[] for _ in judgments]
    total, done = len(dataset.queries) * len(judgments) + len(dataset.not_in_database), 0
    for place, (query, box) in enumerate(zip(dataset.queries, boxes, strict=True)):
        for ranked, judgment in zip(found, judgments, strict=True):
            ranked.append(ranker.rank(query, box, judgment.junk[place] if judgment.junk else ()))
            done += 1
            if progress is not None:
                progress(done, total)
    absent = []
    for query in dataset.not_in_database:
        absent.append(ranker.rank(query))
        done += 1
        if progress is not None:
            progress(done, total)
    return found, absent


def _counts(groups: Iterable[str]) -> list[int]:
    counts: dict[str, int] = {}
    for group in groups:
        counts[group] = counts.get(group, 0) + 1
    return list(counts.values())
