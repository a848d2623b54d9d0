import json

import numpy as np
import pytest

from placeprint.errors import OptionError, ShapeError
from placeprint.evidence import FIELDS, PairEvidence
from placeprint.evidence.absent import SUMMARY, summary
from placeprint.evidence.model import AdditiveModel, Curve, model_of
from placeprint.evidence.record import PLACES, by_name, no_evidence
from placeprint.evidence.shipped import load_model, model_names, verdict_of

KNOWN = {field.name: field for field in FIELDS}


def test_a_model_comes_back_from_json() -> None:
    model = AdditiveModel(0.5, {"xfeat.inliers": Curve(np.array([0.0, 20]), np.array([0.0, 3]), -1.0)})
    again = model_of(json.loads(json.dumps(model.as_data())))
    columns = by_name(no_evidence(2))
    columns["xfeat.inliers"] = np.array([10.0, np.nan])
    assert again.log_odds(columns).tolist() == [2.0, -0.5]
    assert again.terms(columns)["xfeat.inliers"].tolist() == [1.5, -1.0]


@pytest.mark.parametrize("knots", [[0.0, 0.0], [1.0, 0.0], []])
def test_knots_must_rise(knots: list[float]) -> None:
    with pytest.raises(ShapeError):
        Curve(np.array(knots), np.zeros(len(knots)), 0.0)


@pytest.mark.parametrize("name", model_names())
def test_shipped_curves_go_the_way_their_field_says(name: str) -> None:
    model = load_model(name)
    for field, curve in model.pair.curves.items():
        steps = np.diff(curve.heights)
        assert (steps >= 0).all() if KNOWN[field].rises else (steps <= 0).all(), field
    for field, curve in model.first.curves.items():
        steps = np.diff(curve.heights)
        assert (steps >= 0).all() if SUMMARY[field] else (steps <= 0).all(), field


@pytest.mark.parametrize("name", model_names())
def test_a_confirmed_candidate_is_likelier_than_one_that_is_not(name: str) -> None:
    table = no_evidence(2)
    for field, good, bad in (
        ("keypoints.standard", 12, 2),
        ("map.standard", 8, 1),
        ("aliked.standard", 12, 2),
        ("xfeat.strength", 20, 2),
        ("xfeat.inliers", 120, 9),
        ("xfeat.significance", 80, 2),
        ("xfeat.coverage", 0.5, 0.1),
        ("xfeat.ratio", 0.5, 0.1),
        ("xfeat.spread", 0.6, 0.4),
        ("xfeat.static", 0, 0),
    ):
        table[:, PLACES[field]] = good, bad
    other = ~np.eye(2, dtype=bool)
    known = load_model(name).weigh(table, other)
    assert known.probabilities[0] > 0.8 > 0.2 > known.probabilities[1]
    unknown = load_model(name).weigh(table[1:], other[1:, 1:])
    assert known.confidence > 0.8 > 0.3 > unknown.confidence


def test_unknown_models_are_named() -> None:
    with pytest.raises(OptionError, match="fast"):
        load_model("fats")


def test_names_of_unknown_evidence_are_refused() -> None:
    with pytest.raises(OptionError, match="no evidence called"):
        PairEvidence(no_evidence(1)[0])["xfeat.inlier"]


def test_candidates_that_are_near_each_other_are_not_apart() -> None:
    log_odds = np.array([2.0, 1.0, 0.0])
    other = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0]], bool)
    columns = by_name(no_evidence(3))
    near = summary(log_odds, other, np.array([[0.0, 0], [3, 0], [0, 3]]), columns)
    far = summary(log_odds, other, np.array([[0.0, 0], [3000, 0], [0, 3000]]), columns)
    assert near["apart"] + 2 < far["apart"]
    assert (near["first"], near["lead"]) == (2.0, 2.0)
    assert np.isnan(summary(log_odds, ~np.ones((3, 3), bool), None, columns)["lead"])


def test_verdicts_are_ranges_of_the_probability() -> None:
    assert [verdict_of(p) for p in (0.95, 0.6, 0.1)] == ["same place", "possible", "not confirmed"]
