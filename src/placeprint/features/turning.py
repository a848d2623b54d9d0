"""Features of a photo that is turned first, in pixels of the photo as it is.

Networks and upright descriptors bear turns of some fifteen degrees. A photo that was taken turned is found by
describing it in several turns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from placeprint.images import trim_border, turn_image, turn_matrix
from placeprint.types import Extractor, Image, LocalFeatures, Mask

Look = TypeVar("Look")

TURNS = ((90, 180, 270), (30, 60, 120, 150, 210, 240, 300, 330))
"""Turns in degrees tried for a photo that is not confirmed as it is, stage by stage: phones turn by quarters."""


def best_turn(
    first: Look, look: Callable[[float], Look], confirmed: Callable[[Look], bool], certainty: Callable[[Look], Any]
) -> Look:
    """Return what was found of a photo as it is if that is confirmed, else the best of it and of further turns.

    Args:
        first: what was found of the photo as it is.
        look: finds it of the photo turned by so many degrees.
        confirmed: whether no further stage of `TURNS` is wanted.
        certainty: what is compared; of equal ones the first is returned.
    """
    best = first
    for stage in TURNS:
        if confirmed(best):
            break
        best = max([best, *map(look, stage)], key=certainty)
    return best


def turned_features(extractor: Extractor, image: Image, degrees: float, mask: Mask | None = None) -> LocalFeatures:
    """Return the features of the image turned counter-clockwise, in pixels of the image as it is.

    Black borders, which a turn leaves, are cut off before the extractor scales the picture.

    Args:
        extractor: what finds the features.
        image: ``(H, W, 3)`` uint8 RGB.
        degrees: counter-clockwise; 0 leaves the image alone.
        mask: ``(H, W)`` bool, True where keypoints may be.
    """
    if degrees % 360 == 0:
        return extractor.extract(image, mask)
    height, width = image.shape[:2]
    matrix, _ = turn_matrix((width, height), degrees)
    turned, (left, top) = trim_border(turn_image(image, degrees))
    found = extractor.extract(turned, None if mask is None else _turned_mask(mask, degrees, turned, (left, top)))
    inverse = np.linalg.inv(matrix[:, :2])
    points = (found.keypoints + np.array([left, top]) - matrix[:, 2]) @ inverse.T
    inside = ((points >= -0.5) & (points <= np.array([width, height]) - 0.5)).all(axis=1)
    return LocalFeatures(
        points[inside].astype(np.float32),
        found.descriptors[inside],
        found.scores[inside],
        (width, height),
        None if found.scales is None else found.scales[inside],
        None if found.angles is None else (found.angles[inside] + np.float32(degrees)) % 360,
    )


def bears_turns(features: LocalFeatures) -> bool:
    """Say whether the features carry directions of their own, so that turning the photo changes nothing."""
    return features.angles is not None and len(features) > 1 and bool(np.ptp(features.angles) > 0)


def _turned_mask(mask: Mask, degrees: float, turned: Image, corner: tuple[int, int]) -> Mask:
    white = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    left, top = corner
    height, width = turned.shape[:2]
    return np.asarray(turn_image(white, degrees)[top : top + height, left : left + width, 0] == 255)
