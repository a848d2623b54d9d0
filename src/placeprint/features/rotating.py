"""Choose rotations of a photo to try, and extract its features in one of them, in pixels of the original photo.

Networks and upright descriptors tolerate rotations of about fifteen degrees. A rotated photo is found by describing it
in several rotations, each of which costs as much as a query. So the picture itself (`features.upright`) and cheap looks
(`searching.rotations`; for two photos, steered features) choose the rotations that are tried. A photo that a program
has rotated is straightened before (`features.straightening`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from placeprint.features.resizing import shrink, to_photo
from placeprint.photos import rotate_image, rotation_matrix, trim_border
from placeprint.photos.masks import as_mask
from placeprint.types import Extractor, Image, LocalFeatures, Mask, Verification

Look = TypeVar("Look")

ROTATIONS = ((90, 180, 270), (30, 60, 120, 150, 210, 240, 300, 330))
"""Rotations in degrees tried for a photo that is not confirmed upright, by stage; phones rotate photos by 90
degrees."""
SPARE = 2
"""A photo is shrunk to this many times the extractor's size before rotation, because its borders may be cropped."""
LONGEST = 10_000
"""Longest side in pixels of a photo that is rotated for an extractor that works at full size."""
MAX_LOOKS = 1
"""The number of promising rotations to examine after the quick check."""


def all_rotations() -> list[int]:
    """Return the degrees of all rotations of `ROTATIONS`."""
    return [degrees for stage in ROTATIONS for degrees in stage]


def best_rotation(
    first: Look,
    look: Callable[[float], Look],
    confirmed: Callable[[Look], bool],
    certainty: Callable[[Look], Any],
    stages: Callable[[], Iterable[tuple[int, ...]]] = lambda: ROTATIONS,
) -> Look:
    """Return the result for the upright photo if it is confirmed, otherwise the best over all rotations.

    Args:
        first: the result for the upright photo.
        look: a function that returns the result for the photo rotated by a number of degrees.
        confirmed: a function that returns whether a result is good enough to stop.
        certainty: a function that returns the value to compare; of equal results the first is returned.
        stages: a function that returns the rotations to try, by stage; called only if the first is not confirmed.
    """
    best = first
    if confirmed(best):
        return best
    for stage in stages():
        best = max([best, *map(look, stage)], key=certainty)
        if confirmed(best):
            break
    return best


def promising_rotations(
    checks: Mapping[int, Verification],
    verdict: Callable[[Verification | None], str],
    probability: Callable[[int], float] = lambda _: 1.0,
) -> list[tuple[int, ...]]:
    """Return the promising rotations, the most promising first, one per stage.

    Args:
        checks: for each rotation, what a cheap look found, its strength raised to what a real look would find.
        verdict: the verdict of the verifier that made the checks.
        probability: how probable a rotation is before its look; strengths are multiplied by it to rank them.
    """
    hopeful = [degrees for degrees, check in checks.items() if verdict(check) == "same place"]
    hopeful.sort(key=lambda degrees: -checks[degrees].strength * probability(degrees))
    return [(degrees,) for degrees in hopeful[:MAX_LOOKS]]


def rotated_features(extractor: Extractor, image: Image, degrees: float, mask: Mask | None = None) -> LocalFeatures:
    """Return the features of the image rotated counter-clockwise, in pixels of the original image.

    The image is first shrunk to the extractor's size. The black borders of the rotation are cropped before the
    extractor scales the picture.

    Args:
        extractor: the extractor of the features.
        image: ``(H, W, 3)`` uint8 RGB.
        degrees: the rotation counter-clockwise; 0 does not change the image.
        mask: ``(H, W)`` bool, True where keypoints are allowed.
    """
    if degrees % 360 == 0:
        return extractor.extract(image, mask)
    original = image.shape[1], image.shape[0]
    image, mask = shrink(image, as_mask(mask, original), SPARE * working_size(extractor) or LONGEST)
    height, width = image.shape[:2]
    matrix, _ = rotation_matrix((width, height), degrees)
    turned, (left, top) = trim_border(rotate_image(image, degrees))
    found = extractor.extract(turned, None if mask is None else _rotated_mask(mask, degrees, turned, (left, top)))
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
    """Return the longest side in pixels of an extractor's working copy; 0 if it works at full size.

    An extractor of another package may have no such parameter; then 0.
    """
    size, scales = getattr(extractor, "size", 0), getattr(extractor, "scales", (1.0,))
    known = isinstance(size, int) and size > 0 and len(scales) > 0
    return round(size * max(1.0, *scales)) if known else 0


def bears_rotation(features: LocalFeatures) -> bool:
    """Return whether the features have orientations, so that rotating the photo changes nothing."""
    return features.angles is not None and len(features) > 1 and bool(np.ptp(features.angles) > 0)


def _rotated_mask(mask: Mask, degrees: float, turned: Image, corner: tuple[int, int]) -> Mask:
    white = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    left, top = corner
    height, width = turned.shape[:2]
    return np.asarray(rotate_image(white, degrees)[top : top + height, left : left + width, 0] == 255)
