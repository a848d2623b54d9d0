"""The rules of protocols while queries are searched, with an atlas whose order is known; and one real atlas."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from placeprint.atlas import Atlas
from placeprint.datasets.retrieval_set import Judgment, RetrievalSet
from placeprint.errors import DatasetError, OptionError, ShapeError
from placeprint.evaluation.rankings import KEPT, QueryRanker, confidence_of, rank_queries
from placeprint.evaluation.results import QueryResult, Result
from placeprint.evaluation.retrieval import evaluate_retrieval, measure
from placeprint.photos import normalized
from placeprint.types import Answer, Evidence, Image, Verification
from tests.conftest import make_scene, random_features, write_photo

NOTHING = random_features(0, 4)


class FixedAtlas:
    """Answers every query with the same order of photos, first the first, and remembers what it was asked."""

    def __init__(self, root: Path, order: Collection[str]) -> None:
        self.paths = [str(normalized(root / path)) for path in order]
        self.images: list[Image] = []
        self.tops: list[int] = []

    def __len__(self) -> int:
        return len(self.paths)

    def search(
        self, photo: Image, *, top: int, verify: int, exclude: Collection[str], mode: str | None = None
    ) -> Answer:
        self.images.append(photo)
        self.tops.append(top)
        kept = [path for path in self.paths if path not in exclude][:top]
        evidence = [Evidence(n, path, 1 - n / 100, 1 - n / 100, None, "not verified") for n, path in enumerate(kept)]
        return Answer(tuple(evidence), NOTHING, 0.0, {"describe": 0.001, "search": 0.001, "verify": 0.0})


def make(root: Path, database: str, queries: str, **more: Any) -> tuple[RetrievalSet, FixedAtlas, Atlas]:
    names = tuple(f"{each}.png" for each in database)
    asked = tuple(f"{each}.png" for each in queries)
    for name in {*names, *asked}:
        write_photo(root / name, make_scene(0, 48, 32))
    values: dict[str, Any] = {"positives": [frozenset({names[0]})] * len(asked)} | more
    dataset = RetrievalSet(root, "test-1", names, asked, **values)
    atlas = FixedAtlas(root, names)
    return dataset, atlas, cast(Atlas, atlas)


def searched(atlas: Atlas, dataset: RetrievalSet, first: int = 0) -> list[QueryResult]:
    return list(rank_queries(atlas, dataset, first=first))


def evaluated(atlas: Atlas, dataset: RetrievalSet) -> Result:
    return measure(dataset, searched(atlas, dataset))


def letters(ranking: tuple[str, ...]) -> str:
    return "".join(path[0] for path in ranking)


def test_junk_is_no_candidate(tmp_path: Path) -> None:
    dataset, _, atlas = make(tmp_path, "abcd", "xy", junk=[frozenset({"a.png", "c.png"}), frozenset()])
    assert [letters(query.ranking) for query in rank_queries(atlas, dataset)] == ["bd", "abcd"]


def test_a_query_in_the_database_does_not_find_itself(tmp_path: Path) -> None:
    dataset, _, atlas = make(tmp_path, "abc", "abc")
    assert [letters(query.ranking) for query in rank_queries(atlas, dataset)] == ["bc", "ac", "ab"]
    dataset, _, atlas = make(tmp_path, "abc", "abc", finds_itself=True)
    assert letters(list(rank_queries(atlas, dataset))[1].ranking) == "abc"


def test_only_the_best_of_a_group_stays(tmp_path: Path) -> None:
    dataset, fixed, atlas = make(tmp_path, "abcdef", "x", groups=tuple("112232"), depth=2)
    (query,) = rank_queries(atlas, dataset)
    assert letters(query.ranking) == "ac"
    assert fixed.tops == [2 * 3], "as many as could be of the same groups"
    assert query.similarities == (1.0, 0.98)


def test_a_query_is_cropped_then_turned(tmp_path: Path) -> None:
    dataset, fixed, atlas = make(tmp_path, "a", "xy", crops=((2, 4, 42, 30), None))
    list(rank_queries(atlas, dataset, turn=90))
    assert [image.shape for image in fixed.images] == [(40, 26, 3), (48, 32, 3)]
    whole = make_scene(0, 48, 32)
    assert (np.rot90(fixed.images[0], -1) == whole[4:30, 2:42]).all()


def test_a_box_outside_the_picture_fails_that_query_only(tmp_path: Path) -> None:
    dataset, _, atlas = make(tmp_path, "a", "xy", crops=((100, 100, 200, 200), (0, 0, 500, 500)))
    bad, good = rank_queries(atlas, dataset)
    assert bad.error is not None and "leaves less than 16 pixels" in bad.error
    assert bad.ranking == () and bad.confidence is None and letters(good.ranking) == "a"


def test_a_query_that_cannot_be_read_counts_as_failed(tmp_path: Path) -> None:
    dataset, _, atlas = make(tmp_path, "ab", "xy", not_in_database=("n.png",))
    for name in ("y.png", "n.png"):
        (tmp_path / name).write_text("no picture")
    result = evaluated(atlas, dataset)
    assert result.failed_queries == 2
    # y could have been answered and was not; n is no wrong answer, as there is none
    assert result.metrics["recall@1"] == result.metrics["auc_pr"] == 0.5


def test_each_level_searches_without_its_own_junk(tmp_path: Path) -> None:
    hard = Judgment("hard", [frozenset({"c.png"})], [frozenset({"a.png", "b.png"})])
    dataset, _, atlas = make(tmp_path, "abcd", "x", junk=[frozenset({"b.png"})], others=(hard,), metrics=("mAP",))
    ranked = list(rank_queries(atlas, dataset))
    assert [(query.level, letters(query.ranking)) for query in ranked] == [("", "acd"), ("hard", "cd")]
    assert evaluated(atlas, dataset).metrics["mAP hard"] == 1


def test_confidence_is_geometry_where_there_is_any() -> None:
    def verified(strength: float) -> Evidence:
        check = Verification(np.zeros((0, 2), np.int64), np.zeros((0, 2, 2), np.float32), np.zeros(0, bool), strength)
        return Evidence(0, "a", 0.9, 3.9, check, "possible")

    assert confidence_of(Evidence(0, "a", 0.4, 0.4, None, "not verified")) == 0.4
    assert confidence_of(verified(7.5)) == 7.5
    assert confidence_of(verified(0.0)) == pytest.approx(-0.1)


def test_the_metrics_of_an_evaluation(tmp_path: Path) -> None:
    wanted = [frozenset({"a.png"}), frozenset({"c.png"}), frozenset()]
    dataset, _, atlas = make(
        tmp_path,
        "abc",
        "xyz",
        positives=wanted,
        metrics=("recall@1", "mP@2", "N-S score"),
        not_in_database=("n.png",),
        database_positions=np.array([[0.0, 0], [10, 0], [30, 0]]),
        query_positions=np.array([[0.0, 4], [0, 20], [3, 4]]),
    )
    write_photo(tmp_path / "n.png", make_scene(1, 48, 32))
    result = evaluated(atlas, dataset)
    metrics = result.metrics
    # x is right; y's positive is the third; z and n are not to be found
    assert (metrics["recall@1"], metrics["mP@2"], metrics["N-S score"]) == (0.5, 0.5, 1)
    assert list(result.per_query["recall@1"]) == [1, 0, None]
    # four answers of the same score, one of them right, of two that could be
    assert metrics["auc_pr"] == pytest.approx(0.5 * 0.25)
    assert metrics["recall_at_100_precision"] == 0
    assert (metrics["median_error_m"], metrics["within_5_m"], metrics["within_25_m"]) == (5, 2 / 3, 1)
    assert list(result.per_query["within_5_m"]) == [1, 0, 1] and list(metrics)[:3] == list(dataset.metrics)
    assert [query.right for query in result.queries] == [True, False, False]
    assert result.not_in_database[0].query == "n.png"
    assert result.queries_without_positives == 1 and result.ms_per_query == pytest.approx(2)


def test_an_answer_may_be_expected_that_the_database_cannot_give(tmp_path: Path) -> None:
    wanted = [frozenset({"a.png"}), frozenset(), frozenset()]
    metrics = ("recall@1", "mAP", "micro-AP")
    dataset, _, atlas = make(tmp_path, "abc", "xyz", positives=wanted, answerable=(True, True, False), metrics=metrics)
    result = evaluated(atlas, dataset)
    assert [result.metrics[name] for name in metrics] == [0.5, 0.5, 0.5 / 3]
    assert list(result.per_query["mAP"]) == [1, 0, None]
    assert [query.expected for query in result.queries] == [True, True, False]


def test_confidences_that_are_nearly_equal_are_not_equal(tmp_path: Path) -> None:
    dataset, _, atlas = make(tmp_path, "ab", "xy", positives=[frozenset({"a.png"}), frozenset({"b.png"})])
    confidences = (0.9123408, 0.9123392)
    rows = [replace(row, confidence=each) for row, each in zip(searched(atlas, dataset), confidences, strict=True)]
    assert measure(dataset, rows).metrics["recall_at_100_precision"] == 0.5


def test_searches_go_on_where_they_were_left(tmp_path: Path) -> None:
    hard = Judgment("hard", [frozenset({"c.png"})] * 2, [frozenset({"a.png"})] * 2)
    dataset, _, atlas = make(tmp_path, "abc", "xy", others=(hard,), not_in_database=("x.png",))
    rows = searched(atlas, dataset)
    asked = [(row.query[0], row.level) for row in rows]
    assert asked == [("x", ""), ("x", "hard"), ("y", ""), ("y", "hard"), ("x", "")]
    for first in range(6):
        assert searched(atlas, dataset, first) == rows[first:]
    with pytest.raises(ShapeError, match="a row for each of the 5 searches, got 4"):
        measure(dataset, rows[:4])


def test_rankings_of_results_are_cut_after_they_are_measured(tmp_path: Path) -> None:
    names = tuple(f"{n}.png" for n in range(KEPT + 5))
    write_photo(tmp_path / "q.png", make_scene(0, 48, 32))
    dataset = RetrievalSet(tmp_path, "test-1", names, ("q.png",), [frozenset({names[-1]})], metrics=("mAP",))
    result = evaluated(cast(Atlas, FixedAtlas(tmp_path, names)), dataset)
    assert result.metrics["mAP"] == pytest.approx(1 / (KEPT + 5))
    assert len(result.queries[0].ranking) == len(result.queries[0].scores) == KEPT


def test_unknown_metrics_and_sets_without_positives_are_refused(tmp_path: Path) -> None:
    dataset, _, atlas = make(tmp_path, "a", "x", metrics=("recall@one",))
    with pytest.raises(OptionError, match="no metric called 'recall@one'; known: mAP, "):
        evaluated(atlas, dataset)
    dataset, _, _ = make(tmp_path, "a", "x")
    with pytest.raises(OptionError, match="turn must be a number from -360 to 360, got nan"):
        evaluate_retrieval(dataset, "sift-vlad", turn=float("nan"))
    dataset, _, _ = make(tmp_path, "a", "x", positives=[frozenset()])
    with pytest.raises(DatasetError, match="has a positive; recall cannot be measured"):
        evaluate_retrieval(dataset, "sift-vlad")


def test_parts_that_do_not_fit_the_queries_are_refused(tmp_path: Path) -> None:
    for more in ({"crops": (None,)}, {"groups": ("1",)}, {"others": (Judgment("hard", []),)}):
        with pytest.raises(ShapeError, match="must be as many as the 2"):
            make(tmp_path, "ab", "xy", **more)


def test_an_atlas_leaves_out_what_it_is_told_to(tmp_path: Path) -> None:
    photos = [write_photo(tmp_path / f"{n}.png", make_scene(n)) for n in range(5)]
    atlas = Atlas.create(tmp_path / "atlas", "sift-vlad")
    atlas.add(photos, learn=False)
    every = [item.path for item in atlas.search(photos[2], top=5, verify=0).evidence]
    left_out = {every[0], every[2], "/nowhere.png"}
    for verify in (0, 2):
        rest = atlas.search(photos[2], top=5, verify=verify, exclude=left_out).evidence
        assert {item.path for item in rest} == set(every) - left_out
        assert sum(item.verification is not None for item in rest) == verify
    with pytest.raises(DatasetError, match="which is not a database photo of the set"):
        QueryRanker(atlas, RetrievalSet(tmp_path, "test-1", ("0.png",), (), ())).rank("2.png")
