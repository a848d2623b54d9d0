"""Which rotations of a photo to look at, and its features in one of them, in pixels of the photo as it is.

Networks and upright descriptors bear rotations of some fifteen degrees. A photo that was taken rotated is found by
describing it in several rotations. A look at each costs as much as a query. So where there are steerers
(`features.steering`), they say first which rotations may show something, and only those are looked at. A photo that a
program has rotated is made straight before (`features.straightening`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from placeprint.features.resizing import shrink, to_photo
from placeprint.photos import trim_border, turn_image, turn_matrix
from placeprint.photos.masks import as_mask
from placeprint.types import Extractor, Image, LocalFeatures, Mask, Verification

Look = TypeVar("Look")

TURNS = ((90, 180, 270), (30, 60, 120, 150, 210, 240, 300, 330))
"""Rotations in degrees tried for a photo that is not confirmed as it is, stage by stage: phones turn by quarters."""
SPARE = 2
"""A photo is shrunk to so many times the size that the extractor looks at, then rotated: its borders may be cut off."""
LONGEST = 10_000
"""Pixels that the longest side of a photo has at most when it is rotated for an extractor that takes it as it is."""
MAX_LOOKS = 1
"""Rotations looked at, of those that a cheap look finds promising."""


def all_turns() -> list[int]:
    """Return the degrees of all rotations of `TURNS`."""
    return [degrees for stage in TURNS for degrees in stage]


def best_turn(
    first: Look,
    look: Callable[[float], Look],
    confirmed: Callable[[Look], bool],
    certainty: Callable[[Look], Any],
    stages: Callable[[], Iterable[tuple[int, ...]]] = lambda: TURNS,
) -> Look:
    """Return what was found of a photo as it is if that is confirmed, else the best of it and of further rotations.

    Args:
        first: what was found of the photo as it is.
        look: finds it of the photo rotated by so many degrees.
        confirmed: whether no further stage is wanted.
        certainty: what is compared; of equal ones the first is returned.
        stages: the rotations to look at, stage by stage; called only when the first is not confirmed.
    """
    best = first
    if confirmed(best):
        return best
    for stage in stages():
        best = max([best, *map(look, stage)], key=certainty)
        if confirmed(best):
            break
    return best


def promising_turns(
    checks: Mapping[int, Verification], verdict: Callable[[Verification | None], str]
) -> list[tuple[int, ...]]:
    """Return the rotations that deserve a real look, the most promising first, one a stage.

    Args:
        checks: for each rotation, what a cheap look found, its strength raised to what a real look would find.
        verdict: of the verifier that made the checks.
    """
    hopeful = [degrees for degrees, check in checks.items() if verdict(check) == "same place"]
    hopeful.sort(key=lambda degrees: -checks[degrees].strength)
    return [(degrees,) for degrees in hopeful[:MAX_LOOKS]]


def turned_features(extractor: Extractor, image: Image, degrees: float, mask: Mask | None = None) -> LocalFeatures:
    """Return the features of the image rotated counter-clockwise, in pixels of the image as it is.

    The image is first shrunk to the size that the extractor looks at. Black borders, which a rotation leaves, are cut
    off before the extractor scales the picture.

    Args:
        extractor: what finds the features.
        image: ``(H, W, 3)`` uint8 RGB.
        degrees: counter-clockwise; 0 leaves the image alone.
        mask: ``(H, W)`` bool, True where keypoints may be.
    """
    if degrees % 360 == 0:
        return extractor.extract(image, mask)
    original = image.shape[1], image.shape[0]
    image, mask = shrink(image, as_mask(mask, original), SPARE * working_size(extractor) or LONGEST)
    height, width = image.shape[:2]
    matrix, _ = turn_matrix((width, height), degrees)
    turned, (left, top) = trim_border(turn_image(image, degrees))
    found = extractor.extract(turned, None if mask is None else _turned_mask(mask, degrees, turned, (left, top)))
    inverse = np.linalg.inv(matrix[:, :2])
    points = (found.keypoints + np.array([left, top]) - matrix[:, 2]) @ inverse.T
    inside = ((points >= -0.5) & (points <= np.array([width, height]) - 0.5)).all(axis=1)
    factor = original[0] / width
    return LocalFeatures(
        to_photo(points[inside], (width, height), original),
        found.descriptors[inside],
        found.scores[inside],
        original,
        None if found.scales is None else found.scales[inside] * np.float32(factor),
        None if found.angles is None else (found.angles[inside] + np.float32(degrees)) % 360,
    )


def working_size(extractor: Extractor) -> int:
    """Return the longest side in pixels that an extractor looks at; 0 where it takes the photo as it is.

    Of an extractor of another package, which may have no such parameter, nothing is known.
    """
    size, scales = getattr(extractor, "size", 0), getattr(extractor, "scales", (1.0,))
    known = isinstance(size, int) and size > 0 and len(scales) > 0
    return round(size * max(1.0, *scales)) if known else 0


def bears_turns(features: LocalFeatures) -> bool:
    """Say whether the features carry directions of their own, so that turning the photo changes nothing."""
    return features.angles is not None and len(features) > 1 and bool(np.ptp(features.angles) > 0)


def _turned_mask(mask: Mask, degrees: float, turned: Image, corner: tuple[int, int]) -> Mask:
    white = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    left, top = corner
    height, width = turned.shape[:2]
    return np.asarray(turn_image(white, degrees)[top : top + height, left : left + width, 0] == 255)
