"""Fit any model to matches robustly, by OpenCV or PoseLib.

Poor input (too few points, all on one line, all identical, none finite) gives None, never an exception. Points that are
not finite are never inliers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import check_name
from placeprint.errors import OptionError
from placeprint.types import Floats
from placeprint.verification import opencv_ransac, poselib_ransac
from placeprint.verification.transforms import Cameras, Transform, degenerate, find_model, residuals

Found = tuple[Transform, NDArray[np.bool_]]

METHODS = ("auto", "opencv", "poselib")


def estimate(
    model: str,
    query: Floats,
    database: Floats,
    pixels: float,
    *,
    method: str = "auto",
    seed: int = 0,
    cameras: Cameras | None = None,
) -> Found | None:
    """Fit a model robustly to matched points.

    Args:
        model: a name of `MODELS`.
        query: ``(m, 2)`` points.
        database: ``(m, 2)`` points, matched row by row.
        pixels: the largest residual of an inlier (`residuals`).
        method: ``"opencv"`` (MAGSAC++, the fastest; similarities by RANSAC in both directions), ``"poselib"``
            (LO-RANSAC with a final refinement on the inliers, more accurate; homography, fundamental, essential) or
            ``"auto"``: PoseLib for the models it supports.
        seed: the seed of the samples; the same seed gives the same result.
        cameras: the intrinsics of both cameras, which an essential matrix needs.

    Returns:
        ``(3, 3)`` transform from query to database and ``(m,)`` inliers; None when no transform explains more matches
        than determine it.

    Raises:
        OptionError: the model or method is unknown, they cannot be combined, or intrinsics are missing.
    """
    kind = find_model(model)
    check_name("method", method, METHODS)
    if model == "essential" and cameras is None:
        raise OptionError("an essential matrix needs the intrinsics of both cameras; give them, or use 'fundamental'")
    finite = np.isfinite(query).all(axis=1) & np.isfinite(database).all(axis=1)
    known, matched = query[finite], database[finite]
    if degenerate(known, matched, kind.sample):
        return None
    by_poselib = method == "poselib" or (method == "auto" and model in poselib_ransac.KNOWN)
    fit = poselib_ransac.fit if by_poselib else opencv_ransac.fit
    order = np.random.default_rng(seed).permutation(len(known)) if seed else np.arange(len(known))
    a, b = (np.ascontiguousarray(points[order], np.float32) for points in (known, matched))
    transform = fit(model, a, b, pixels, cameras)
    if transform is None or not np.isfinite(transform).all():
        return None
    inliers = residuals(model, transform, query, database, cameras) < pixels
    if degenerate(query[inliers], database[inliers], kind.sample):
        return None
    return transform, inliers
