"""Revisited Oxford and Paris, class retrieval, UKBench, Google Landmarks, localization: by hand and by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placeprint.errors import OptionError, ShapeError
from placeprint.evaluation.class_retrieval import average_precisions_at_r, ns_scores, r_precisions
from placeprint.evaluation.localization import localization_errors
from placeprint.evaluation.measures import measure_errors
from placeprint.evaluation.metrics import Hits, average_precisions
from placeprint.evaluation.revisited import revisited_precisions, trapezoidal_average_precisions

RELEVANT = st.lists(st.booleans(), min_size=1, max_size=25).filter(any)


def ranked(relevant: list[bool]) -> tuple[list[list[int]], list[set[int]]]:
    return [list(range(len(relevant)))], [{n for n, each in enumerate(relevant) if each}]


def test_trapezoids_by_hand() -> None:
    # positives at ranks 0 and 2: (1 + 1) / 2 and (1/2 + 2/3) / 2, of two
    assert trapezoidal_average_precisions(Hits.of([["a", "x", "b"]], [{"a", "b"}]))[0] == pytest.approx(
        (1 + 7 / 12) / 2
    )
    # a positive at rank 1 only: (0/1 + 1/2) / 2
    assert trapezoidal_average_precisions(Hits.of([["x", "a"]], [{"a"}]))[0] == 0.25
    assert trapezoidal_average_precisions(Hits.of([[]], [{"a"}]))[0] == 0


@settings(deadline=None)
@given(RELEVANT, st.integers(0, 3))
def test_trapezoids_are_those_under_the_drawn_curve(relevant: list[bool], missing: int) -> None:
    rankings, positives = ranked(relevant)
    wanted = positives[0] | set(range(100, 100 + missing))
    area, found, recall, precision = 0.0, 0, 0.0, 1.0
    for place, each in enumerate(relevant, start=1):  # Philbin's: every photo is a point, area only where recall grows
        found += each
        area += (found / len(wanted) - recall) * (precision + found / place) / 2
        recall, precision = found / len(wanted), found / place
    assert trapezoidal_average_precisions(Hits.of(rankings, [wanted]))[0] == pytest.approx(area)


def test_precision_at_k_ends_at_the_last_positive() -> None:
    ranking = [["a", "x", "b", "y", "z", "w"]]
    assert revisited_precisions(Hits.of(ranking, [{"a", "b"}]), 1)[0] == 1
    assert revisited_precisions(Hits.of(ranking, [{"a", "b"}]), 2)[0] == 0.5
    assert revisited_precisions(Hits.of(ranking, [{"a", "b"}]), 5)[0] == pytest.approx(2 / 3)
    assert revisited_precisions(Hits.of(ranking, [{"a", "q"}]), 5)[0] == pytest.approx(
        1 / 5
    )  # one is behind the ranking
    with pytest.raises(OptionError, match="k must be a whole number from 1 to 1000000000, got 0"):
        revisited_precisions(Hits.of(ranking, [{"a"}]), 0)


def test_map_at_r_by_hand() -> None:
    # Musgrave et al.: R = 3, hits at 1 and 3 of the first 3: (1 + 0 + 2/3) / 3
    assert average_precisions_at_r(Hits.of([["a", "x", "b", "c"]], [{"a", "b", "c"}]))[0] == pytest.approx(5 / 9)
    assert average_precisions_at_r(Hits.of([["x", "y", "z", "a", "b", "c"]], [{"a", "b", "c"}]))[0] == 0
    assert r_precisions(Hits.of([["x", "a", "b", "c"], ["a"]], [{"a", "b", "c"}, {"a", "b"}])).tolist() == [2 / 3, 0.5]


@settings(deadline=None)
@given(RELEVANT)
def test_map_at_r_is_never_above_r_precision_and_average_precision(relevant: list[bool]) -> None:
    case = Hits.of(*ranked(relevant))
    assert average_precisions_at_r(case)[0] <= r_precisions(case)[0] + 1e-12
    assert average_precisions_at_r(case)[0] <= average_precisions(case)[0] + 1e-12


@settings(deadline=None)
@given(RELEVANT)
def test_average_precision_is_that_of_scikit_learn(relevant: list[bool]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    expected = metrics.average_precision_score(relevant, -np.arange(len(relevant)))
    assert average_precisions(Hits.of(*ranked(relevant)))[0] == pytest.approx(expected)


@settings(deadline=None)
@given(RELEVANT, st.integers(1, 12), st.integers(0, 5))
def test_average_precision_at_k_by_a_plain_loop(relevant: list[bool], k: int, missing: int) -> None:
    rankings, positives = ranked(relevant)
    wanted = positives[0] | set(range(100, 100 + missing))
    total, found = 0.0, 0
    for place, each in enumerate(relevant[:k], start=1):
        found += each
        total += each * found / place
    assert average_precisions(Hits.of(rankings, [wanted]), at=k)[0] == pytest.approx(total / min(k, len(wanted)))


def test_the_best_of_ukbench_is_four() -> None:
    wanted = {"q", "a", "b", "c"}
    assert ns_scores(Hits.of([["q", "a", "b", "c", "x"], ["x", "y", "z", "w", "q"]], [wanted, wanted])).tolist() == [
        4,
        0,
    ]


@pytest.mark.parametrize("measure", [trapezoidal_average_precisions, average_precisions_at_r, r_precisions, ns_scores])
def test_queries_without_positives_are_refused(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(ShapeError, match="at least one positive"):
        measure(Hits.of([["a"]], [set()]))


def test_an_unanswered_query_is_infinitely_far_off() -> None:
    errors = localization_errors(np.array([[0, 3.0], [np.nan, np.nan], [30, 40]]), np.array([[0, 0], [0, 0], [0, 0.0]]))
    assert errors.tolist() == [3, np.inf, 50]
    assert measure_errors("within_5_m", errors).value == measure_errors("within_25_m", errors).value == 1 / 3
    assert np.isnan(measure_errors("within_5_m", np.zeros(0)).value)
    median = measure_errors("median_error_m", errors)
    assert (median.value, median.low, median.high) == (50, 3, np.inf)
    with pytest.raises(ShapeError, match="finite"):
        localization_errors(np.zeros((1, 2)), np.full((1, 2), np.nan))
