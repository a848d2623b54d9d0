"""Align one photo with another by the verified matches.

If the transform maps a plane (homography, affine, similarity), it is used directly. A fundamental or essential matrix
maps points to lines; then the homography that most of the verified matches follow is used, if there are enough of them.
It fits one facade, or distant objects, and the rest is shifted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Image, Verification
from placeprint.verification.transforms import MODELS, SIDE

LEAST_MATCHES = 12
"""Matches that a plane needs."""
LEAST_SHARE = 0.3
"""Share of the verified matches that a plane needs."""
PIXELS = 6.0
"""Largest distance of a match from a plane, in pixels of a photo whose longest side has 640."""
LEAST_OVERLAP = 0.04
"""Share of the frame that both photos must cover."""
FAINT = 0.28
"""Brightness of the rest of the frame, where only one photo shows something."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A homography between two photos.

    Args:
        transform: ``(3, 3)`` float64 from pixels of the query to pixels of the other photo.
        followed: verified matches that follow it.
        verified: all verified matches.
    """

    transform: NDArray[np.float64]
    followed: int
    verified: int


@dataclass(frozen=True, eq=False)
class Overlay:
    """Two photos in one frame.

    Args:
        before: ``(h, w, 3)`` uint8 RGB, the photo that makes the frame.
        after: the same size, the other photo laid over it; the first, faintly, where it shows nothing.
        overlap: share of the frame that both cover.
    """

    before: Image
    after: Image
    overlap: float


def plane_of(check: Verification | None) -> Plane | None:
    """Return the homography of a verification, or None if there is none to trust.

    Args:
        check: a verification, or None.
    """
    if check is None or check.transform is None or check.num_inliers < LEAST_MATCHES:
        return None
    count = check.num_inliers
    if MODELS[check.model].pointwise:
        return Plane(np.asarray(check.transform, np.float64), count, count)
    return _fitted(check)


def overlay_of(query: Image, other: Image, plane: Plane) -> Overlay | None:
    """Lay the other photo over the query, in the query's frame, cut to where both are; None where they hardly overlap.

    Args:
        query: ``(H, W, 3)`` uint8 RGB.
        other: the same, of any size.
        plane: the homography between them.
    """
    import cv2

    height, width = query.shape[:2]
    if not _is_sound(plane.transform, (width, height), other.shape[1::-1]):
        return None
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(other, plane.transform, (width, height), flags=flags)
    full = np.full(other.shape[:2], 255, np.uint8)
    covered = cv2.warpPerspective(full, plane.transform, (width, height), flags=flags) > 254
    overlap = float(covered.mean())
    if overlap < LEAST_OVERLAP:
        return None
    faint = cv2.cvtColor(cv2.cvtColor(query, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) * FAINT
    after = np.where(covered[..., None], moved, faint.astype(np.uint8))
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    cut = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Overlay(np.ascontiguousarray(query[cut]), np.ascontiguousarray(after[cut]), overlap)


def _fitted(check: Verification) -> Plane | None:
    """Return the homography that most inliers follow, or None if they are too few."""
    import cv2

    points = np.asarray(check.points[check.inliers], np.float64)
    largest = float(np.abs(points).max()) or 1.0
    pixels = PIXELS * largest / SIDE
    transform, kept = cv2.findHomography(points[:, 0], points[:, 1], cv2.USAC_MAGSAC, pixels, maxIters=5000)
    followed = 0 if kept is None else int(kept.sum())
    if transform is None or followed < max(LEAST_MATCHES, LEAST_SHARE * len(points)):
        return None
    return Plane(np.asarray(transform, np.float64), followed, len(points))


def _is_sound(transform: NDArray[np.float64], size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether a homography keeps a photo in one piece: its corners stay in front of the camera and in order."""
    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    mapped = corners @ transform.T
    if not np.isfinite(mapped).all() or (np.sign(mapped[:, 2]) != np.sign(mapped[0, 2])).any() or mapped[0, 2] == 0:
        return False
    flat = mapped[:, :2] / mapped[:, 2:]
    sides = np.roll(flat, -1, axis=0) - flat
    turns = sides[:, 0] * np.roll(sides[:, 1], -1) - sides[:, 1] * np.roll(sides[:, 0], -1)
    area = abs(float(np.sum(flat[:, 0] * np.roll(flat[:, 1], -1) - np.roll(flat[:, 0], -1) * flat[:, 1]))) / 2
    ratio = area / (other[0] * other[1])
    return bool((turns > 0).all() and 1e-3 < ratio < 1e3)
