"""By how much a program rotated a photo, read off the black corners that this leaves.

A rotation by an angle that is not a quarter leaves a black triangle in each corner. The sides of the photo are then
sides of the convex hull of all that is not black, and their directions give the angle away, up to quarters. Most of the
hull must agree, so a dark photo or the round picture of a lens is not taken for a rotated one.
"""

from __future__ import annotations

import numpy as np

from placeprint.types import Floats, Image, Mask

BLACK = 16
"""Gray levels up to this are black, also near an edge in a picture that was saved as JPEG."""
LONGEST = 1000
"""Pixels that the longest side has at most where the hull is made."""
AGREEMENT = 2.5
"""Degrees that sides of the hull may differ from the common direction; up to quarters, it is so far from the axes."""
SHARE = 0.6
"""Share of the hull's length, without the borders of the picture, that must agree."""
LENGTH = 0.3
"""The agreeing length must be at least this many times width plus height: a few dark pixels in a corner do not make a
side."""
SIDES = 3
"""This many of the four sides of the rectangle must be visible; a dark scene may hide one."""


def tilt_of(image: Image) -> float:
    """Return the degrees in [0, 90) counter-clockwise, up to quarters, that a photo was rotated by; 0 for most photos.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.

    Example:
        >>> from placeprint.photos import rotate_image
        >>> round(tilt_of(rotate_image(np.full((120, 160, 3), 99, np.uint8), 120)))
        30
    """
    step = -(-max(image.shape[:2]) // LONGEST)
    seen = image[::step, ::step]
    if seen[[0, 0, -1, -1], [0, -1, 0, -1]].max() > BLACK:
        return 0.0
    lit = np.asarray(seen.max(axis=2) > BLACK)
    if not lit.any():
        return 0.0
    lengths, directions = _hull(lit)
    if not len(lengths):
        return 0.0
    apart = np.abs((directions[:, None] - directions[None] + 45) % 90 - 45)
    agreeing = np.asarray((apart <= AGREEMENT) @ lengths)
    best = int(agreeing.argmax())
    kept = apart[best] <= AGREEMENT
    offsets = (directions[kept] - directions[best] + 45) % 90 - 45
    angle = float(directions[best] + np.average(offsets, weights=lengths[kept])) % 90
    sides = len(np.unique(np.round((directions[kept] - angle) / 90) % 4))
    sure = agreeing[best] >= max(SHARE * lengths.sum(), LENGTH * sum(lit.shape)) and sides >= SIDES
    return angle if sure and AGREEMENT < angle < 90 - AGREEMENT else 0.0


def _hull(lit: Mask) -> tuple[Floats, Floats]:
    """Return the lengths in pixels and the directions in degrees of the hull's sides that lie inside the picture."""
    import cv2

    hull = cv2.convexHull(cv2.findNonZero(lit.astype(np.uint8)))[:, 0].astype(np.float32)
    following = np.roll(hull, -1, axis=0)
    last = np.array(lit.shape[::-1], np.float32) - 1
    border = ((hull == following) & ((hull == 0) | (hull == last))).any(axis=1)
    x, y = (following - hull)[~border].T
    return np.hypot(x, y), np.degrees(np.arctan2(-y, x))
