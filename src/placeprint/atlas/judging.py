"""The last stage of an answer: the confidence that holds in this atlas, and the verdict that follows from it."""

from __future__ import annotations

from dataclasses import replace

from placeprint.errors import OptionError
from placeprint.evidence.calibration import Calibration
from placeprint.evidence.shipped import SURE, verdict_of
from placeprint.types import Answer


def least_confidence(calibration: Calibration | None, precision: float | None) -> float:
    """Return the confidence from which on the first candidate is called "same place".

    Args:
        calibration: of the atlas; None if it has none.
        precision: that is promised; None to take the confidence at its word.

    Raises:
        OptionError: a precision is requested that cannot be promised.
    """
    if precision is None:
        return SURE
    if calibration is None:
        raise OptionError(
            "a precision can be promised only for an atlas that was calibrated with its own photos; "
            "run: placeprint calibrate"
        )
    return calibration.least_confidence(precision)


def judged(answer: Answer, calibration: Calibration | None, least: float) -> Answer:
    """Return an answer with a calibrated confidence, and the verdict of its first candidate that follows.

    Args:
        answer: with the confidence of the model that ships; without one, it is returned as it is.
        calibration: of the atlas; None if it has none.
        least: the confidence from which on the verdict is "same place".
    """
    if answer.confidence is None or not answer.evidence:
        return answer
    confidence = answer.confidence if calibration is None else calibration.confidence(answer.confidence)
    first, *others = answer.evidence
    if first.verification is not None:
        first = replace(first, verdict=verdict_of(confidence, least))
    return replace(answer, evidence=(first, *others), confidence=confidence)
