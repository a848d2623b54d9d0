"""Confidences fitted to trials."""

import json

import numpy as np
import pytest

from placeprint.errors import OptionError, ShapeError
from placeprint.evidence.calibration import (
    Calibration,
    Trials,
    calibrated,
    calibration_error,
    calibration_of,
    log_odds_of,
)
from placeprint.evidence.model import to_probability


def sample(count: int, offset: float, slope: float) -> Trials:
    """Return trials in which the model that ships is wrong by a line."""
    random = np.random.default_rng(1)
    odds = random.normal(0, 3, count)
    right = random.uniform(0, 1, count) < to_probability(offset + slope * odds)
    return Trials(odds, right, np.arange(count) % 2 == 0)


def test_many_trials_find_the_line() -> None:
    found = calibrated(sample(60_000, -1.0, 0.6), 30_000, 30_000)
    assert found.offset == pytest.approx(-1.0, abs=0.15)
    assert found.slope == pytest.approx(0.6, abs=0.05)
    assert found.error(calibrated=True) < 0.03 < found.error(calibrated=False)


def test_few_trials_stay_near_the_model_that_ships() -> None:
    found = calibrated(sample(4, -3.0, 0.2), 2, 2)
    assert abs(found.offset) < 0.1
    assert abs(found.slope - 1) < 0.2


def test_trials_that_all_are_right_do_not_make_it_certain() -> None:
    odds = np.linspace(-1, 3, 60)
    found = calibrated(Trials(odds, np.ones(60, bool), np.ones(60, bool)), 60, 60)
    assert 0 < found.slope < 10
    assert found.confidence(0.5) < 0.9999


def test_confidences_keep_their_order() -> None:
    found = calibrated(sample(300, -2.0, 0.4), 150, 150)
    sure = [found.confidence(each) for each in (0.0, 1e-6, 0.2, 0.5, 0.9, 0.999, 1.0)]
    assert sure == sorted(sure)
    assert 0 < sure[0] < sure[-1] < 1


def test_json_gives_it_back() -> None:
    before = calibrated(sample(60, -1.0, 0.7), 30, 40)
    after = calibration_of(json.loads(json.dumps(before.as_data())))
    assert (after.photos, after.atlas_photos, after.offset, after.slope) == (30, 40, before.offset, before.slope)
    np.testing.assert_allclose(after.trials.odds, before.trials.odds, atol=1e-3)
    np.testing.assert_array_equal(after.trials.right, before.trials.right)
    np.testing.assert_array_equal(after.trials.drawn, before.trials.drawn)


@pytest.mark.parametrize("change", [{"odds": [1.0]}, {"slope": 0.0}, {"drawn": []}])
def test_parts_that_do_not_fit_are_refused(change: dict[str, object]) -> None:
    data = calibrated(sample(6, 0.0, 1.0), 3, 3).as_data() | change
    with pytest.raises(ShapeError):
        calibration_of(data)


def separable(photos: int) -> Calibration:
    """Return the calibration of an atlas in which known places have far higher odds."""
    odds = np.tile([5.0, -5.0], photos) + np.linspace(0, 1, 2 * photos)
    right = np.tile([True, False], photos)
    drawn = np.repeat([True, False], photos) ^ right
    return calibrated(Trials(odds, right, drawn), photos, photos)


def test_a_promised_precision_gives_a_threshold_between_right_and_wrong() -> None:
    found = separable(200)
    least = found.least_confidence(0.95)
    assert 0.5 <= least <= found.confidence(float(to_probability(np.array([5.0]))[0]))


def test_too_few_photos_say_how_many_are_needed() -> None:
    with pytest.raises(OptionError, match=r"needs about 50\d photos .* 200 were asked; .*up to 0.97"):
        separable(200).least_confidence(0.99)
    separable(510).least_confidence(0.99)


def test_what_cannot_be_promised_gets_the_strictest_threshold_of_the_largest_that_can() -> None:
    found = separable(200)
    given, lax = found.promise(0.99), found.promise(0.97)
    assert given.precision == lax.precision == 0.97
    assert given.score > lax.score >= found.least_confidence(0.95)


def test_nothing_can_be_promised_where_most_answers_are_wrong() -> None:
    trials = Trials(np.linspace(0, 1, 400), np.arange(400) % 4 == 0, np.ones(400, bool))
    with pytest.raises(OptionError, match="no precision can be guaranteed from 400 queries"):
        calibrated(trials, 400, 400).promise(0.9)


def test_wrong_answers_are_the_other_reason() -> None:
    odds = np.linspace(0, 1, 400)
    trials = Trials(odds, np.arange(400) % 2 == 0, np.ones(400, bool))
    with pytest.raises(OptionError, match="too many wrong"):
        calibrated(trials, 400, 400).least_confidence(0.9)


def test_log_odds_are_those_of_the_probability() -> None:
    odds = np.array([-20.0, -1.0, 0.0, 3.0])
    np.testing.assert_allclose(log_odds_of(to_probability(odds)), odds, rtol=1e-6)
    assert np.isfinite(log_odds_of(np.array([0.0, 1.0]))).all()


def test_the_calibration_error_is_the_distance_of_the_bins() -> None:
    sure = np.repeat([0.1, 0.9], 50)
    right = np.tile([True, False], 50)
    assert calibration_error(sure, right) == pytest.approx(0.4)
    assert calibration_error(right.astype(float), right) == 0
