"""Transforms between two photos, estimated robustly by OpenCV; None instead of an exception on poor input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats

Transform = NDArray[np.float64]
Found = tuple[Transform, NDArray[np.bool_]]

CONFIDENCE = 0.999
ITERATIONS = 1000
MAX_SCALE = 5.0
"""Two photos whose scales differ by more have no matches to speak of: the transform has collapsed."""


def estimate_similarity(query: Floats, database: Floats, pixels: float) -> Found | None:
    """Fit turn, scale and shift by RANSAC, with a tolerance that holds in both photos.

    A tolerance in the database photo alone lets a transform that shrinks everything to a spot explain anything, so
    the fit is tried in both directions, and what counts as inlier is near in both photos.

    Args:
        query: ``(m, 2)`` points.
        database: ``(m, 2)`` points, matched row by row.
        pixels: residual of an inlier, in either photo.

    Returns:
        ``(3, 3)`` transform from query to database and ``(m,)`` inliers, or None.
    """
    import cv2

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        matrix, mask = cv2.estimateAffinePartial2D(
            a, b, method=cv2.RANSAC, ransacReprojThreshold=pixels, maxIters=500, confidence=0.99
        )
        return (None if matrix is None else np.vstack([matrix, [0.0, 0.0, 1.0]])), mask

    forward, backward = _estimate(fit, query, database, 2), _estimate(fit, database, query, 2)
    transforms: list[Transform] = [] if forward is None else [forward[0]]
    if backward is not None and abs(np.linalg.det(backward[0])) > 1e-9:
        transforms.append(np.asarray(np.linalg.inv(backward[0]), np.float64))
    best: Found | None = None
    for transform in transforms:
        scale = float(np.hypot(*transform[:2, 0]))
        if 1 / MAX_SCALE < scale < MAX_SCALE:
            residuals = np.linalg.norm(query @ transform[:2, :2].T + transform[:2, 2] - database, axis=1)
            inliers = residuals < pixels * min(1.0, scale)
            if best is None or inliers.sum() > best[1].sum():
                best = transform, inliers
    return best


def estimate_homography(query: Floats, database: Floats, pixels: float) -> Found | None:
    """Fit a homography by MAGSAC++ (Barath et al., CVPR 2020); arguments and result as `estimate_similarity`."""
    import cv2

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        return cv2.findHomography(a, b, cv2.USAC_MAGSAC, pixels, maxIters=ITERATIONS, confidence=CONFIDENCE)

    return _estimate(fit, query, database, 4)


def estimate_fundamental(query: Floats, database: Floats, pixels: float) -> Found | None:
    """Fit a fundamental matrix by MAGSAC++: for scenes that are not one plane.

    Arguments and result as `estimate_similarity`; the matrix F has ``database^T F query = 0``.
    """
    import cv2

    def fit(a: Floats, b: Floats) -> tuple[Any, Any]:
        return cv2.findFundamentalMat(a, b, cv2.USAC_MAGSAC, pixels, CONFIDENCE, ITERATIONS)

    return _estimate(fit, query, database, 8)


def _estimate(
    fit: Callable[[Floats, Floats], tuple[Any, Any]], query: Floats, database: Floats, minimum: int
) -> Found | None:
    import cv2

    if _degenerate(query, database, minimum):
        return None
    try:
        matrix, mask = fit(np.ascontiguousarray(query), np.ascontiguousarray(database))
    except cv2.error:  # OpenCV raises where no sample gave a model
        return None
    if matrix is None or matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        return None
    return np.asarray(matrix, np.float64), np.asarray(mask).ravel() > 0


def _degenerate(query: Floats, database: Floats, minimum: int) -> bool:
    """Say whether there are too few different points, or all are on one line."""
    for points in (query, database):
        if len(points) < minimum or len(np.unique(points, axis=0)) < minimum:
            return True
        if minimum > 2:
            spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
            if spread[1] < 1e-3 * spread[0]:
                return True
    return False
