"""Which photos are right by label or position, and their ranks, beside plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.evaluation import relevance
from placeprint.evaluation.metrics import Hits
from placeprint.evaluation.relevance import Relevance
from placeprint.types import Floats


def whole(count: int, seed: int) -> Floats:
    """Return rows of few whole numbers, so that many are exactly equally similar."""
    return np.random.default_rng(seed).integers(-1, 2, (count, 3)).astype(np.float32)


def plain_hits(relevant: Relevance, queries: Floats, database: Floats) -> Hits:
    """Return the hits by loops over queries and photos."""
    rankings, positives = [], []
    for row, query in enumerate(queries):
        searched, right = [], set()
        for place in range(len(database)):
            apart = float(np.linalg.norm(relevant.queries[row] - relevant.database[place]))
            same = relevant.groups is not None and relevant.groups[0][row] == relevant.groups[1][place]
            if same and (relevant.nearest is None or apart <= relevant.nearest):
                continue
            searched.append(place)
            if apart <= (relevant.radius or 0):
                right.add(place)
        similarities = database @ query
        rankings.append(sorted(searched, key=lambda place: -similarities[place]))
        positives.append(right)
    return Hits.of(rankings, positives)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("case", ["labels", "labels in groups", "places", "places near", "places in groups"])
def test_ranks_are_those_of_a_plain_loop(case: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relevance, "ROWS", 5)
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, 13), generator.integers(0, 3, 31)
    places = generator.uniform(0, 20, (13, 2)), generator.uniform(0, 20, (31, 2))
    groups = generator.integers(0, 3, 13), generator.integers(0, 3, 31)
    relevant = {
        "labels": Relevance(*labels),
        "labels in groups": Relevance(*labels, groups),
        "places": Relevance(*places, radius=6.0),
        "places near": Relevance(*places, groups, radius=6.0, nearest=2.0),
        "places in groups": Relevance(*places, groups, radius=6.0),
    }[case]
    queries, database = whole(13, seed), whole(31, seed + 100)
    hits, expected = relevant.hits(queries, database), plain_hits(relevant, queries, database)
    assert [ranks.tolist() for ranks in hits.ranks] == [ranks.tolist() for ranks in expected.ranks]
    assert hits.counts.tolist() == expected.counts.tolist()
    assert relevant.first_hits(queries, database).tolist() == expected.first.tolist()
    assert relevant.answerable().tolist() == (expected.counts > 0).tolist()


def test_of_equally_similar_photos_the_first_counts() -> None:
    same = np.ones((3, 1), np.float32)
    relevant = Relevance(np.array([1]), np.array([0, 1, 1]))
    assert relevant.first_hits(same[:1], same).tolist() == [1]
    assert relevant.hits(same[:1], same).ranks[0].tolist() == [1, 2]
