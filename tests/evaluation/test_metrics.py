from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from placeprint.datasets.readers.place_folder import read_place_folder
from placeprint.errors import ShapeError
from placeprint.evaluation.metrics import Hits, average_precisions, bootstrap_interval, recall_at
from placeprint.evaluation.precision_recall import precision_recall


def test_average_precision_by_hand() -> None:
    # positives at ranks 1, 3 and one not ranked: (1/1 + 2/3 + 0) / 3
    assert average_precisions(Hits.of([["a", "x", "b"]], [{"a", "b", "c"}]))[0] == pytest.approx(5 / 9)


def test_an_empty_ranking_finds_nothing() -> None:
    assert average_precisions(Hits.of([[]], [{"a"}]))[0] == 0
    assert Hits.of([[]], [{"a"}]).first[0] == np.inf


def test_recall_counts_a_query_once() -> None:
    hits = Hits.of([["a", "b"], ["x", "b"], ["x", "y"]], [{"a", "b"}, {"b"}, {"z"}]).first
    assert [recall_at(hits, k) for k in (1, 2)] == pytest.approx([1 / 3, 2 / 3])
    assert np.isnan(recall_at(np.zeros(0), 1))


def test_a_query_without_positives_is_refused_for_precision() -> None:
    with pytest.raises(ShapeError, match="at least one positive"):
        average_precisions(Hits.of([["a"]], [set()]))


def test_lists_of_unequal_length_are_refused() -> None:
    with pytest.raises(ShapeError, match="1 rankings and 2"):
        Hits.of([["a"]], [{"a"}, {"b"}])


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        sample = (generator.random(101) < 0.7).astype(float)
        low, high = bootstrap_interval(sample, lambda v: float(v.mean()), samples=400, seed=seed)
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / 200 <= 0.99


PUBLISHED = {
    "NetVLAD": (67.6, 93.7),
    "denseVLAD": (70.3, 95.5),
    "AP-GeM": (53.2, 81.1),
    "AMOSNet": (84.7, 99.1),
    "HybridNet": (90.1, 99.1),
    "CoHOG": (62.2, 89.2),
    "HOG": (47.7, 72.1),
    "CALC": (32.4, 48.6),
    "RegionVLAD": (43.2, 71.2),
    "AlexNet": (68.5, 90.1),
}


def _published(data: Path, method: str) -> NDArray[np.float64]:
    with np.load(data / "corridor" / "published_scores.npz") as scores:
        found = scores[next(name for name in scores.files if _plain(name).startswith(_plain(method)))]
    return np.asarray(found, np.float64)


@pytest.mark.parametrize("method", PUBLISHED)
def test_published_scores_give_the_published_recall(data: Path, method: str) -> None:
    dataset = read_place_folder(data / "corridor")
    similarity = _published(data, method)
    rankings = [[dataset.database[i] for i in np.argsort(-row, kind="stable")] for row in similarity]
    hits = Hits.of(rankings, dataset.positives).first
    assert [100 * recall_at(hits, k) for k in (1, 5)] == pytest.approx(PUBLISHED[method], abs=0.05)


@pytest.mark.parametrize("method", PUBLISHED)
def test_precision_and_recall_of_published_scores_are_those_of_scikit_learn(data: Path, method: str) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    dataset = read_place_folder(data / "corridor")
    similarity = _published(data, method)
    best, scores = similarity.argmax(axis=1), similarity.max(axis=1)
    right = np.array([dataset.database[i] in wanted for i, wanted in zip(best, dataset.positives, strict=True)])
    curve = precision_recall(scores, right, len(right))
    expected = metrics.average_precision_score(right, scores) * right.mean()  # of all queries, not of those found
    assert curve.area == pytest.approx(expected)
    assert curve.recall[-1] == pytest.approx(PUBLISHED[method][0] / 100, abs=0.0005)
    assert curve.recall_at_full_precision == np.mean(right & (scores > scores[~right].max()))


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
