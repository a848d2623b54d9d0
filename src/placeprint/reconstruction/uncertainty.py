"""The covariance of a pose, from how the points move on the photo when the camera moves.

With J the derivatives of the residuals, ``s^2 (J^T J)^-1`` (Hartley and Zisserman, Multiple View Geometry, 2004,
section 5.2.3). COLMAP's own covariance assumes errors of one pixel, and counts half angles; here s comes from the
residuals, robustly, by their median. If the focal length was estimated too, it is one more unknown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
STEP = 1e-5
"""Change of a parameter for its derivative, of a rotation in radians, of lengths relative to the scene."""
MEDIAN = 1.1774
"""Median of the length of a vector of two normal values of deviation 1."""
LEAST = 1e-3
"""Pixels: smallest deviation of a point."""


def pose_covariance(
    camera: Any, rotation: Values, translation: Values, points: Values, landmarks: Values, *, with_focal: bool
) -> Values:
    """Return ``(6, 6)`` of a small rotation in radians, from the left, and of the translation.

    Args:
        camera: of pycolmap.
        rotation: ``(3, 3)`` from the model to the camera.
        translation: ``(3,)``.
        points: ``(n, 2)`` pixels of the points that fit, n at least 4.
        landmarks: ``(n, 3)`` their positions in the model, in front of the camera.
        with_focal: whether the focal length was estimated with the pose.
    """
    seen = landmarks @ rotation.T + translation
    scale = STEP * float(np.median(seen[:, 2]))
    base = _projected(camera, seen)
    columns = [
        (_projected(camera, seen + STEP * np.cross(axis, seen - translation)) - base) / STEP for axis in np.eye(3)
    ]
    columns += [(_projected(camera, seen + scale * axis) - base) / scale for axis in np.eye(3)]
    if with_focal:
        columns.append((base - [camera.principal_point_x, camera.principal_point_y]) / camera.mean_focal_length())
    jacobian = np.stack([column.ravel() for column in columns], axis=1)
    deviation = max(float(np.median(np.linalg.norm(points - base, axis=1))) / MEDIAN, LEAST)
    return np.asarray(deviation**2 * np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)[:6, :6], np.float64)


def _projected(camera: Any, seen: Values) -> Values:
    return np.asarray(camera.img_from_cam(seen), np.float64)
