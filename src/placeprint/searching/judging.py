"""The last stage of an answer: the calibrated confidence, and the verdict that follows from it."""

from __future__ import annotations

from dataclasses import replace

from placeprint.errors import OptionError
from placeprint.evidence.calibration import Calibration
from placeprint.evidence.guarantee import Promise
from placeprint.evidence.shipped import SURE, verdict_of
from placeprint.types import Answer


def promised(calibration: Calibration | None, precision: float | None) -> Promise | None:
    """Return the guarantee for answers called "same place"; None if no precision is requested.

    Args:
        calibration: of the atlas; None if it has none.
        precision: the requested one; if the trials do not support it, the highest one below it that they support is
            guaranteed.

    Raises:
        OptionError: nothing can be guaranteed.
    """
    if precision is None:
        return None
    if calibration is None:
        raise OptionError(
            "a precision can be guaranteed only for an atlas that was calibrated with its own photos; "
            "run: placeprint calibrate"
        )
    return calibration.promise(precision)


def judged(answer: Answer, calibration: Calibration | None, promise: Promise | None) -> Answer:
    """Return an answer with a calibrated confidence, and the verdict of its first candidate that follows.

    Args:
        answer: with the confidence of the shipped model; an answer without a confidence is returned unchanged.
        calibration: of the atlas; None if it has none.
        promise: with the smallest confidence for the verdict "same place"; None to use the probability directly.
    """
    if promise is not None:
        answer = replace(answer, precision=promise.precision)
    if answer.confidence is None or not answer.evidence:
        return answer
    confidence = answer.confidence if calibration is None else calibration.confidence(answer.confidence)
    first, *others = answer.evidence
    if first.verification is not None:
        first = replace(first, verdict=verdict_of(confidence, SURE if promise is None else promise.score))
    return replace(answer, evidence=(first, *others), confidence=confidence)
