"""A matcher of pictures as the last opinion on an answer: it looks at the photos themselves.

It is asked only where no candidate is confirmed, about the first `LOOKED_AT` of them. Those whose matches follow one
transform that chance does not explain (`verification.two_view`) are confirmed, the best of them first. No model has
learned what such matches are worth, so the answer then has no confidence.
"""

from __future__ import annotations

import time
from dataclasses import replace

from placeprint.errors import PhotoError
from placeprint.pairs.pictures import NamedMatcher, look_at_pictures
from placeprint.photos import read_image
from placeprint.types import Answer, Evidence, Image
from placeprint.verification.two_view import TwoView

LOOKED_AT = 5


def ask_pictures(named: NamedMatcher, image: Image, answer: Answer) -> Answer:
    """Return an answer with the candidates that a matcher of pictures confirms first.

    Args:
        named: the matcher, with its name.
        image: ``(H, W, 3)`` uint8 RGB, the query.
        answer: to the query.

    Raises:
        WeightsError: the matcher's weights are not here.
    """
    if answer.best is not None:
        return answer
    began = time.perf_counter()
    looks = [_look(named, image, each) for each in answer.evidence[:LOOKED_AT]]
    confirmed = sorted((each for each in looks if each is not None), key=lambda each: -_strength(each))
    ids = {each.id for each in confirmed}
    others = [each for each in answer.evidence if each.id not in ids]
    seconds = answer.seconds | {"verify": answer.seconds["verify"] + time.perf_counter() - began}
    confidence = None if confirmed else answer.confidence
    return replace(answer, evidence=(*confirmed, *others), seconds=seconds, confidence=confidence)


def _look(named: NamedMatcher, image: Image, candidate: Evidence) -> Evidence | None:
    """Return a candidate with a new verification that confirms it; None where it does not, or the photo is gone."""
    try:
        images = image, read_image(candidate.path)
    except PhotoError:
        return None
    verifier = TwoView()
    check = look_at_pictures(named, verifier, images, (None, None), None).check
    verdict = verifier.verdict(check)
    return replace(candidate, verification=check, verdict=verdict) if verdict == "same place" else None


def _strength(candidate: Evidence) -> float:
    return 0.0 if candidate.verification is None else candidate.verification.strength
