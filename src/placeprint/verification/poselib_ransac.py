"""Fit transforms by PoseLib: LO-RANSAC with non-linear refinement (Larsson et al., poselib.org); None on poor input."""

from __future__ import annotations

from typing import Any

import numpy as np

from placeprint.errors import OptionError
from placeprint.types import Floats
from placeprint.verification.transforms import Cameras, Transform

FEWEST = {"essential": 20}
"""Samples at least, where not `OPTIONS` says it: one of five points costs most, and each good one is refined."""
KNOWN = ("homography", "fundamental", "essential")
OPTIONS = {"max_iterations": 1000, "min_iterations": 100, "success_prob": 0.999, "seed": 0}


def fit(model: str, query: Floats, database: Floats, pixels: float, cameras: Cameras | None) -> Transform | None:
    """Return the ``(3, 3)`` transform from query to database, or None; arguments as for `estimation.estimate`.

    Raises:
        OptionError: PoseLib does not support the model.
    """
    if model not in KNOWN:
        raise OptionError(f"poselib has no {model}; it has {', '.join(KNOWN)}: use the method 'opencv'")
    least = FEWEST.get(model, OPTIONS["min_iterations"])
    options = OPTIONS | {"min_iterations": least, "max_reproj_error": pixels, "max_epipolar_error": pixels}
    try:
        return _estimate(model, query, database, options, cameras)
    except (RuntimeError, ValueError):  # PoseLib raises if no sample gave a model
        return None


def _estimate(
    model: str, query: Floats, database: Floats, options: dict[str, Any], cameras: Cameras | None
) -> Transform | None:
    import poselib

    if model == "homography":
        matrix, report = poselib.estimate_homography(query, database, options)
    elif model == "fundamental":
        matrix, report = poselib.estimate_fundamental(query, database, options)
    else:
        assert cameras is not None
        pose, report = poselib.estimate_relative_pose(query, database, *map(_camera, cameras), options)
        matrix = _cross(pose.t) @ pose.R
    return np.asarray(matrix, np.float64) if report["num_inliers"] else None


def _camera(intrinsics: Transform) -> dict[str, Any]:
    focal, center = [intrinsics[0, 0], intrinsics[1, 1]], [intrinsics[0, 2], intrinsics[1, 2]]
    return {"model": "PINHOLE", "width": 0, "height": 0, "params": [*focal, *center]}


def _cross(vector: Any) -> Transform:
    """Return the matrix of the cross product with a vector."""
    x, y, z = (float(value) for value in np.ravel(vector))
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], np.float64)
