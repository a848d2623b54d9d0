"""The pose of the camera of one frame relative to that of another, from verified matches.

With intrinsics, an essential matrix gives the rotation and the direction of the translation; two views do not give its
length (Hartley and Zisserman, Multiple View Geometry, 2004, section 9.6). If the camera only rotated, or everything is
far away, the rotation alone explains the matches, and there is no direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError
from placeprint.types import Floats, Verification
from placeprint.verification.estimation import estimate
from placeprint.verification.opencv_ransac import relative_pose
from placeprint.verification.transforms import SIDE

PIXELS = 2.0
"""Residual of an inlier, in pixels of a frame whose longest side has 640."""
ROTATED = 0.8
"""Share of the inliers that a rotation alone explains, from which on there is no direction."""
FEWEST = 12
"""Inliers of an essential matrix, at least."""
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RelativePose:
    """Where the earlier frame's camera sees what the new frame's camera sees.

    A point ``p`` in the coordinates of the new camera (x to the right, y down, z ahead) is at ``rotation @ p + s *
    direction`` in those of the earlier one, with a length s that two views do not give.

    Args:
        model: ``"essential"``, or without intrinsics ``"fundamental"``, ``"homography"`` or ``"similarity"``.
        transform: ``(3, 3)`` from pixels of the new frame to those of the earlier one; an essential matrix is between
            the cameras' coordinates.
        inliers: matches that follow it, or the rotation where there is no direction.
        rotation: ``(3, 3)``, or None without intrinsics.
        direction: ``(3,)`` unit translation, or None without intrinsics or where the camera hardly moved.
    """

    model: str
    transform: Matrix
    inliers: int
    rotation: Matrix | None = None
    direction: Matrix | None = None


def checked_camera(camera: NDArray[np.floating] | None) -> Matrix | None:
    """Return intrinsics as float64.

    Raises:
        OptionError: they are no ``(3, 3)`` matrix of intrinsics.
    """
    if camera is None:
        return None
    found = np.asarray(camera, np.float64)
    usual = found.shape == (3, 3) and bool(np.isfinite(found).all())
    if not usual or found[0, 0] <= 0 or found[1, 1] <= 0 or not np.allclose(found[2], [0, 0, 1]):
        raise OptionError(
            "camera must be a (3, 3) matrix of intrinsics in pixels, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], "
            f"got {np.array2string(np.asarray(camera), threshold=9)[:80]}"
        )
    return found


def pose_of(check: Verification, size: tuple[int, int], camera: Matrix | None) -> RelativePose | None:
    """Return the relative pose of two frames.

    Args:
        check: verified matches; the query is the new frame.
        size: ``(width, height)`` of both frames.
        camera: ``(3, 3)`` intrinsics of both, or None.

    Returns:
        None where nothing agrees.
    """
    if camera is None:
        if check.transform is None:
            return None
        return RelativePose(check.model, check.transform, check.num_inliers)
    factor = SIDE / max(size)
    scaled = np.diag([factor, factor, 1.0]) @ camera
    points = np.asarray(check.points * factor, np.float32)
    found = estimate("essential", points[:, 0], points[:, 1], PIXELS, cameras=(scaled, scaled))
    if found is None or found[1].sum() < FEWEST:
        return None
    essential, inliers = found
    turned = _rotation(points, scaled)
    if turned is not None and turned[1] >= ROTATED * inliers.sum():
        return RelativePose("essential", essential, turned[1], turned[0], None)
    moved = relative_pose(essential, points[inliers], (scaled, scaled))
    return None if moved is None else RelativePose("essential", essential, int(inliers.sum()), *moved)


def _rotation(points: Floats, camera: Matrix) -> tuple[Matrix, int] | None:
    """Return the rotation alone that explains ``(m, 2, 2)`` matches best, and how many it explains.

    A homography selects the matches; the rotation is that between their rays, by least squares (Kabsch, Acta
    Crystallographica A 32, 1976).
    """
    found = estimate("homography", points[:, 0], points[:, 1], PIXELS, method="opencv")
    if found is None:
        return None
    rays = [np.column_stack([points[:, side], np.ones(len(points))]) @ np.linalg.inv(camera).T for side in (0, 1)]
    first, second = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in rays)
    left, _, right = np.linalg.svd(second[found[1]].T @ first[found[1]])
    rotation = left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right
    seen = first @ (camera @ rotation).T
    ahead = seen[:, 2] > 1e-9
    away = np.linalg.norm(seen[:, :2] / np.where(ahead, seen[:, 2], 1.0)[:, None] - points[:, 1], axis=1)
    return np.asarray(rotation, np.float64), int((ahead & (away < PIXELS)).sum())
