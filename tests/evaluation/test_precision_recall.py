"""Precision and recall over queries: by hand, by scikit-learn, and by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.errors import ShapeError
from placeprint.evaluation.precision_recall import precision_recall


def test_a_curve_by_hand() -> None:
    # right, right, wrong, right of five queries that could be answered
    curve = precision_recall([0.2, 0.9, 0.6, 0.5], [True, True, True, False], 5)
    assert curve.thresholds.tolist() == [0.9, 0.6, 0.5, 0.2]
    assert curve.recall.tolist() == [0.2, 0.4, 0.4, 0.6]
    assert curve.precision == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert curve.area == pytest.approx(0.2 + 0.2 + 0 + 0.2 * 0.75)
    assert curve.recall_at_full_precision == 0.4


def test_equal_scores_are_accepted_together() -> None:
    for right in ([True, False, True], [False, True, True]):
        curve = precision_recall([1.0, 1.0, 0.5], right, 2)
        assert curve.precision == pytest.approx([1 / 2, 2 / 3])
        assert curve.recall_at_full_precision == 0


def test_a_query_that_is_not_in_the_database_lowers_precision_only() -> None:
    without = precision_recall([0.9, 0.7], [True, True], 2)
    with_one = precision_recall([0.9, 0.8, 0.7], [True, False, True], 2)
    assert without.area == 1
    assert with_one.recall[-1] == without.recall[-1] == 1
    assert with_one.area == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_without_answers_there_is_nothing() -> None:
    curve = precision_recall([], [], 3)
    assert (len(curve.thresholds), curve.area, curve.recall_at_full_precision) == (0, 0, 0)
    assert precision_recall([0.5], [False], 0).area == 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="must be"):
        precision_recall([1.0], [True, False], 2)
    with pytest.raises(ShapeError, match="finite"):
        precision_recall([np.nan], [True], 1)
    with pytest.raises(ShapeError, match="2 answers are right, but only 1"):
        precision_recall([1.0, 2.0], [True, True], 1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40).filter(
        lambda a: any(r for _, r in a)
    )
)
def test_the_area_is_that_of_scikit_learn(answers: list[tuple[int, bool]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, right = np.array([s for s, _ in answers], float), np.array([r for _, r in answers])
    curve = precision_recall(scores, right, int(right.sum()))
    assert curve.area == pytest.approx(metrics.average_precision_score(right, scores))
    precision, recall, thresholds = metrics.precision_recall_curve(right, scores)
    assert curve.thresholds.tolist() == thresholds[::-1].tolist()
    assert curve.precision == pytest.approx(precision[:-1][::-1])
    assert curve.recall == pytest.approx(recall[:-1][::-1])


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 5))
def test_the_area_is_the_sum_of_its_definition(right: list[bool], missing: int) -> None:
    scores, asked = [float(-n) for n in range(len(right))], sum(right) + missing
    total, found = 0.0, 0
    for place, each in enumerate(right, start=1):
        found += each
        total += each * found / place
    expected = total / asked if asked else 0.0
    assert precision_recall(scores, right, asked).area == pytest.approx(expected)
