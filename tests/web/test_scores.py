"""Scores of a page: the curves go through the points that Lighthouse publishes."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.web.scores import CURVES, WEIGHTS, accessibility, performance, score


def test_the_curves_go_through_their_points() -> None:
    for curves in CURVES.values():
        for good, middling in curves.values():
            assert abs(score(good, good, middling) - 0.9) < 1e-9 and abs(score(middling, good, middling) - 0.5) < 1e-9


@given(st.floats(0, 1e5), st.floats(0, 1e5))
@example(0.0, 5e-324)
def test_less_is_never_worse(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0 <= score(high, 200, 600) <= score(low, 200, 600) <= 1


def test_the_performance_is_a_weighted_mean() -> None:
    nothing = dict.fromkeys(WEIGHTS, 0.0)
    assert performance(nothing, "mobile") == performance(nothing, "desktop") == 100
    good = {name: CURVES["mobile"][name][0] for name in WEIGHTS}
    assert performance(good, "mobile") == 90
    assert performance(nothing | {"total_blocking_time": 1e9}, "mobile") == round(100 * 60 / 90)


def test_a_violation_costs_as_much_as_it_matters() -> None:
    passed = {"image-alt": "critical", "region": "moderate", "unknown": None}
    assert accessibility(passed, {}) == accessibility({}, {}) == 100
    assert accessibility(passed, {"tabindex": "minor"}) == 93
    assert accessibility(passed, {"button-name": "critical"}) < accessibility(passed, {"tabindex": "minor"})
