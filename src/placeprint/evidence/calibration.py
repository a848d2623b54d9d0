"""Calibration to a user's own photos: confidences that hold for them, and thresholds with a guaranteed precision.

Calibration searches an atlas for its own photos (`atlas.calibrating`), and stores for each trial the log odds of the
shipped model, and whether the answer was right. From these trials come

- a line, ``log odds = offset + slope * log odds of the model`` (Platt, 1999), fitted by logistic loss, and regularized
  toward the line of the shipped model (offset 0, slope 1), more strongly with fewer trials;
- the threshold for a guaranteed precision (`guarantee`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError, ShapeError
from placeprint.evidence.guarantee import RISK, Promise, fewest_accepted, most_precise, promise, promised_threshold
from placeprint.evidence.model import to_probability
from placeprint.evidence.record import Values

PRIOR = 200.0
"""How much the line of the shipped model counts, in squared log odds; a trial of unclear outcome counts 1/4. Known
trials are easier than photos of another day, and unknown ones harder than photos from elsewhere, so a line that follows
them alone is too steep: with 4 instead of 200 the calibration error on a walk rises from 3 to 15 %."""
SMALLEST_SLOPE = 0.05
LIKELY = 0.5
"""An answer that is more probably wrong than right is never accepted."""
BINS = 10
"""Bins of a calibration error."""
LARGEST = 30.0
"""The largest log odds that are distinguished."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Queries with a known answer.

    Args:
        odds: ``(n,)`` log odds by the shipped model that the first candidate was right.
        right: ``(n,)`` whether it was.
        drawn: ``(n,)`` whether the trial is one of those that a precision is guaranteed from: one for each photo, so
            that they are independent.

    Raises:
        ShapeError: the arrays do not fit together.
    """

    odds: Values
    right: NDArray[np.bool_]
    drawn: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not self.odds.shape == self.right.shape == self.drawn.shape or self.odds.ndim != 1:
            shapes = f"{self.odds.shape}, {self.right.shape} and {self.drawn.shape}"
            raise ShapeError(f"trials need as many outcomes as log odds, got {shapes}")

    def __len__(self) -> int:
        return len(self.odds)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration of the confidences of an atlas.

    Args:
        trials: it was learned from.
        photos: photos that were used.
        atlas_photos: photos that the atlas had.
        offset: of the line, in log odds.
        slope: of the line, above 0.
    """

    trials: Trials
    photos: int
    atlas_photos: int
    offset: float
    slope: float

    def confidence(self, confidence: float) -> float:
        """Return the calibrated confidence for one of the shipped model.

        Example:
            >>> none = np.zeros(0)
            >>> doubtful = Calibration(Trials(none, none > 0, none > 0), 0, 0, -1.0, 1.0)
            >>> round(doubtful.confidence(0.9), 3)
            0.768
        """
        return float(self.probabilities(log_odds_of(np.array([confidence])))[0])

    def probabilities(self, odds: Values) -> Values:
        """Return ``(n,)`` calibrated probabilities for log odds of the shipped model."""
        return to_probability(self.offset + self.slope * odds)

    def error(self, *, calibrated: bool) -> float:
        """Return the expected calibration error of the trials, as a share.

        Args:
            calibrated: of the calibrated confidences, each by a line of the other half of the trials; else of those of
                the shipped model.
        """
        trials = self.trials
        shipped = to_probability(trials.odds)
        if not calibrated:
            return calibration_error(shipped, trials.right)
        halves = np.arange(len(trials)) // 2 % 2 == 0
        sure = np.zeros(len(trials))
        for half in (halves, ~halves):
            offset, slope = _line(trials.odds[~half], trials.right[~half])
            sure[half] = to_probability(offset + slope * trials.odds[half])
        return calibration_error(sure, trials.right)

    def in_words(self) -> str:
        """Return how it was made, in one line.

        Example:
            >>> none = np.zeros(0)
            >>> Calibration(Trials(none, none > 0, none > 0), 150, 150, 0.0, 1.0).in_words()
            'with 150 of then 150 photos; no precision can be guaranteed'
        """
        most = self.most_precise()
        told = "no precision can be guaranteed" if most is None else f"a precision of up to {most:g} can be guaranteed"
        return f"with {self.photos} of then {self.atlas_photos} photos; {told}"

    def least_confidence(self, precision: float) -> float:
        """Return the calibrated confidence from which on answers are accepted, for a guaranteed precision.

        It is at least `LIKELY`, whatever the precision would allow.

        Raises:
            OptionError: the trials are too few for it, or had too many wrong answers.
        """
        drawn = self.trials.drawn
        odds, right = self.trials.odds[drawn], self.trials.right[drawn]
        found = promised_threshold(odds, right, precision)
        if found is not None:
            return max(float(self.probabilities(np.array([found]))[0]), LIKELY)
        least, count, rights = fewest_accepted(precision), len(odds), int(right.sum())
        if rights < least:
            needed = round(1.1 * least * count / rights) if rights else 4 * least
            raise OptionError(
                f"a precision of {precision:g} needs about {needed} photos to calibrate with, {count} were asked; "
                f"calibrate with more photos, or request less{self._most()}"
            )
        raise OptionError(
            f"the {count} queries of the calibration had too many wrong answers with a high confidence to promise a "
            f"precision of {precision:g}; request less{self._most()}"
        )

    def promise(self, precision: float) -> Promise:
        """Return the guarantee for a requested precision, with a calibrated confidence as its score, at least `LIKELY`.

        It is the precision itself, else the largest one below it that can be guaranteed, see `guarantee.promise`.

        Raises:
            OptionError: nothing can be guaranteed.
        """
        drawn = self.trials.drawn
        found = promise(self.trials.odds[drawn], self.trials.right[drawn], precision)
        if found is None:
            raise OptionError(
                f"no precision can be guaranteed from {int(drawn.sum())} queries of the calibration; "
                "calibrate with more photos: placeprint calibrate"
            )
        return Promise(found.precision, max(float(self.probabilities(np.array([found.score]))[0]), LIKELY))

    def most_precise(self) -> float | None:
        """Return the largest whole percentage of precision that the trials can guarantee, as a share; None for none."""
        drawn = self.trials.drawn
        return most_precise(self.trials.odds[drawn], self.trials.right[drawn])

    def _most(self) -> str:
        most = self.most_precise()
        return "" if most is None else f" (up to {most:g} can be guaranteed, with a risk of {RISK:.0%})"

    def as_data(self) -> dict[str, Any]:
        """Return what `calibration_of` reads, ready for JSON."""
        return {
            "photos": self.photos,
            "atlas_photos": self.atlas_photos,
            "offset": self.offset,
            "slope": self.slope,
            "odds": [round(float(value), 3) for value in self.trials.odds],
            "right": [int(value) for value in self.trials.right],
            "drawn": [int(value) for value in self.trials.drawn],
        }


def calibration_of(data: Mapping[str, Any]) -> Calibration:
    """Return the calibration of `Calibration.as_data`.

    Raises:
        ShapeError: its arrays do not fit together.
        KeyError: a part is missing.
        ValueError: a part is not a number.
        TypeError: the same.
    """
    odds = np.array(data["odds"], np.float64)
    right, drawn = (np.array(data[name], np.int64).astype(bool) for name in ("right", "drawn"))
    slope = float(data["slope"])
    if not slope > 0:
        raise ShapeError(f"the slope of a calibration must be above 0, got {slope}")
    trials = Trials(odds, right, drawn)
    return Calibration(trials, int(data["photos"]), int(data["atlas_photos"]), float(data["offset"]), slope)


def calibrated(trials: Trials, photos: int, atlas_photos: int) -> Calibration:
    """Return the calibration from some trials, with equal weights.

    Args:
        trials: they.
        photos: photos that were used.
        atlas_photos: photos that the atlas has.
    """
    offset, slope = _line(trials.odds, trials.right)
    return Calibration(trials, photos, atlas_photos, offset, slope)


def calibration_error(probabilities: Values, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over `BINS` bins of equal count (Naeini, Cooper and Hauskrecht, 2015).

    Args:
        probabilities: ``(n,)``, n above 0.
        right: ``(n,)`` outcomes.

    Example:
        >>> round(calibration_error(np.array([0.8, 0.8]), np.array([True, True])), 3)
        0.2
    """
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return float(sum(len(p) * abs(probabilities[p].mean() - right[p].mean()) for p in parts) / len(order))


def log_odds_of(probabilities: Values) -> Values:
    """Return the log odds of ``(n,)`` probabilities, at most `LARGEST`."""
    with np.errstate(divide="ignore"):
        odds = np.log(probabilities) - np.log1p(-probabilities)
    return np.asarray(odds.clip(-LARGEST, LARGEST), np.float64)


def _line(odds: Values, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return offset and slope by Newton's method."""
    design = np.column_stack([np.ones(len(odds)), odds])
    line = np.array([0.0, 1.0])
    for _ in range(50):
        probability = to_probability(design @ line)
        slope = design.T @ (probability - right) + PRIOR * (line - [0.0, 1.0])
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design + PRIOR * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        line = line - step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return float(line[0]), float(max(line[1], SMALLEST_SLOPE))
