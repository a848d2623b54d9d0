"""Search the queries of a retrieval set in an atlas of its database, by the rules of its protocol.

A query that the protocol crops is cropped before it is described. Junk for a query, and the query itself if it is in
the database, is never a candidate: it is neither verified nor ranked. A group, such as the cut-outs of a panorama,
keeps its best candidate; verified candidates are counted before that, as others measure re-ranking. If a set has
several levels of judgment, each level searches separately: junk at one level is a candidate at another, and geometry
checks only the best candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from placeprint.atlas.atlas import Atlas
from placeprint.core.options import CountOrNone, Degrees, checked
from placeprint.datasets.retrieval_set import Box, RetrievalSet
from placeprint.errors import DatasetError, PhotoError
from placeprint.evaluation.results import CandidateResult, QueryResult
from placeprint.photos import crop_image, normalized, read_image, rotate_image
from placeprint.types import Evidence, Image

KEPT = 100
"""Candidates of each query that a result keeps; the metrics are those of the whole ranking."""


def confidence_of(first: Evidence, confidence: float | None = None) -> float:
    """Return the confidence of a first candidate, which unlike scores is comparable between queries.

    It is the answer's own confidence where evidence is weighed. Without evidence, it is the strength of its
    verification, or its similarity where nothing was verified. Where geometry found nothing, it is the similarity less
    one, so that all of these are below those that geometry supports.
    """
    if confidence is not None:
        return confidence
    if first.verification is None:
        return first.similarity
    return first.verification.strength if first.verification.strength > 0 else first.similarity - 1


class QueryRanker:
    """Rank the database of a set for its queries.

    Args:
        atlas: the atlas of the database photos.
        dataset: the data set.
        verify: candidates verified a query; 0 for search only.
        turn: degrees counter-clockwise by which queries are rotated first.
        mode: the search mode, see `Atlas.search`.
    """

    def __init__(
        self, atlas: Atlas, dataset: RetrievalSet, *, verify: int = 0, turn: float = 0.0, mode: str | None = None
    ) -> None:
        self._atlas, self._dataset, self._verify, self._turn, self._mode = atlas, dataset, verify, turn, mode
        self._paths = {path: str(normalized(dataset.root / path)) for path in dataset.database}
        self._names = {whole: path for path, whole in self._paths.items()}
        self._groups = dict(zip(dataset.database, dataset.groups, strict=True)) if dataset.groups else {}
        largest = max(Counter(dataset.groups).values(), default=1)
        self._wanted = len(atlas) if dataset.depth is None else dataset.depth * largest

    def rank(self, query: str, box: Box | None = None, junk: Iterable[str] = (), level: str = "") -> QueryResult:
        """Search one query; similarities, scores and milliseconds are rounded.

        Args:
            query: the path of the query in the set.
            box: the part of the photo to use; None for all of it.
            junk: database photos to exclude.
            level: the level of judgment of the junk.

        Raises:
            DatasetError: the atlas has a photo that is not in the database.
        """
        excluded = [self._paths[path] for path in junk if path in self._paths]
        if query in self._paths and not self._dataset.finds_itself:
            excluded.append(self._paths[query])
        try:
            image = self._read(query, box)
            answer = self._atlas.search(image, top=self._wanted, verify=self._verify, exclude=excluded, mode=self._mode)
        except PhotoError as error:
            return QueryResult(query=query, level=level, error=str(error))
        ranked = list(self._best_of_groups(answer.evidence))[: self._dataset.depth]
        parts = {part: round(1000 * each, 3) for part, each in answer.seconds.items()}
        return QueryResult(
            query=query,
            level=level,
            turn=answer.rotation,
            ms=round(sum(parts.values()), 3),
            ms_parts=parts,
            confidence=confidence_of(ranked[0], answer.confidence)
            if ranked
            else None,  # not rounded, because equal ones are accepted together
            ranking=tuple(self._names[item.path] for item in ranked),
            similarities=tuple(round(item.similarity, 5) for item in ranked[:KEPT]),
            scores=tuple(round(item.score, 5) for item in ranked[:KEPT]),
            inliers=tuple(item.num_inliers for item in ranked[:KEPT]),
            candidates=tuple(
                CandidateResult(photo=self._names[item.path], probability=item.probability)
                for item in ranked[:KEPT]
                if item.probability is not None
            ),
        )

    def _read(self, query: str, box: Box | None) -> Image:
        image = read_image(self._dataset.root / query)
        image = image if box is None else crop_image(image, box)
        return rotate_image(image, self._turn) if self._turn else image

    def _best_of_groups(self, evidence: Iterable[Evidence]) -> Iterator[Evidence]:
        seen: set[str] = set()
        for item in evidence:
            if item.path not in self._names:
                raise DatasetError(f"the atlas has {item.path!r}, which is not a database photo of the set")
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
    mode: str | None = None,
    first: CountOrNone = 0,
) -> Iterator[QueryResult]:
    """Yield every search: each query at each level of judgment in turn, then the queries that are not in the database.

    Arguments are those of `QueryRanker`; the `first` searches, which are done already, are skipped.

    Raises:
        DatasetError: the atlas has a photo that is not in the database.
    """
    ranker, levels = QueryRanker(atlas, dataset, verify=verify, turn=turn, mode=mode), dataset.judgments
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
