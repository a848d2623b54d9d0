"""The probability of two photos without an atlas."""

from __future__ import annotations

import numpy as np
import pytest

from placeprint.errors import OptionError
from placeprint.evidence.model import AdditiveModel, Curve
from placeprint.evidence.record import OF_VERIFICATIONS, Values
from placeprint.evidence.two_photos import (
    FIELDS,
    SOURCES,
    TwoPhotosModel,
    columns_of_looks,
    load_two_photos_model,
    two_photos_model_of,
)

NAMES = [name for name, *_ in OF_VERIFICATIONS]


def look(**known: float) -> Values:
    """Return the values of a look."""
    return np.array([known.get(name, 0.0) for name in NAMES])


def test_looks_become_columns_and_what_was_not_looked_at_is_missing() -> None:
    columns = columns_of_looks([{"xfeat": look(strength=7.0)}, {"sift": look(strength=3.0, static=0.5)}])
    assert set(columns) == set(FIELDS)
    assert np.array_equal(columns["xfeat.strength"], [7.0, np.nan], equal_nan=True)
    assert np.array_equal(columns["sift.static"], [np.nan, 0.5], equal_nan=True)
    assert np.isnan(columns["tilted.inliers"]).all()


def test_more_agreement_never_makes_the_shipped_model_less_sure() -> None:
    model = load_two_photos_model()
    for source in SOURCES:
        for name, steps in (("strength", (0, 2, 5, 10, 40, 300)), ("inliers", (0, 4, 10, 30, 200))):
            found = [
                model.probability({source: look(**{"strength": 5.0, "inliers": 12.0} | {name: value})})
                for value in steps
            ]
            assert found == sorted(found)
        still = [model.probability({source: look(strength=9.0, inliers=20.0, static=each)}) for each in (0, 0.5, 1)]
        assert still == sorted(still, reverse=True)


def test_the_shipped_model_tells_proof_from_nothing() -> None:
    model = load_two_photos_model()
    proof = look(strength=120.0, inliers=150.0, ratio=0.8, coverage=0.6, spread=0.6)
    assert model.probability({"xfeat": proof}) > 0.95
    nothing = look(spread=np.nan, static=np.nan)  # as `measure.geometry` gives it where there are no inliers
    assert model.probability(dict.fromkeys(SOURCES, nothing)) < 0.2


def test_a_model_is_read_as_it_was_written() -> None:
    model = load_two_photos_model()
    again = two_photos_model_of(model.as_data())
    looks = {"xfeat": look(strength=8.0, inliers=20.0)}
    assert again.probability(looks) == pytest.approx(model.probability(looks), abs=1e-3)
    assert np.allclose(again.odds, model.odds, atol=0.01) and np.array_equal(again.right, model.right)


def test_a_precision_is_promised_from_pairs_else_the_largest_that_holds() -> None:
    curves = {"xfeat.strength": Curve(np.array([0.0, 20.0]), np.array([-3.0, 3.0]), 0.0)}
    odds, right = np.repeat([4.0, 0.5, -3.0], [60, 20, 60]), np.repeat([True, False, False], [60, 20, 60])
    model = TwoPhotosModel(AdditiveModel(0.0, curves), odds, right)
    given = model.promise(0.95)
    assert given.precision == 0.95 and given.score == pytest.approx(1 / (1 + np.exp(-4)))
    assert model.promise(0.99).precision == 0.96
    none = TwoPhotosModel(AdditiveModel(0.0, curves), odds, ~right)
    with pytest.raises(OptionError, match=r"cannot be guaranteed from 140 pairs"):
        none.promise(0.9)
