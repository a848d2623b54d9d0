"""Fit transforms by OpenCV: MAGSAC++ (Barath et al., CVPR 2020), and RANSAC for similarities; None on poor input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from placeprint.types import Floats
from placeprint.verification.transforms import Cameras, Transform, residuals

CONFIDENCE = 0.999
ITERATIONS = 1000
MAX_SCALE = 5.0
"""Largest change of scale of a similarity; beyond that it has collapsed to a point."""


def fit(model: str, query: Floats, database: Floats, pixels: float, cameras: Cameras | None) -> Transform | None:
    """Return the ``(3, 3)`` transform from query to database, or None; arguments as for `estimation.estimate`."""
    import cv2

    if model == "similarity":
        return _similarity(query, database, pixels)
    estimators: dict[str, Callable[[], Any]] = {
        "affine": lambda: _squared(
            cv2.estimateAffine2D(
                query,
                database,
                method=cv2.USAC_MAGSAC,
                ransacReprojThreshold=pixels,
                maxIters=ITERATIONS,
                confidence=CONFIDENCE,
            )[0]
        ),
        "homography": lambda: cv2.findHomography(
            query, database, cv2.USAC_MAGSAC, pixels, maxIters=ITERATIONS, confidence=CONFIDENCE
        )[0],
        "fundamental": lambda: cv2.findFundamentalMat(query, database, cv2.USAC_MAGSAC, pixels, CONFIDENCE, ITERATIONS)[
            0
        ],
        "essential": lambda: _essential(query, database, pixels, cameras),
    }
    return _attempt(estimators[model])


def relative_pose(essential: Transform, points: Floats, cameras: Cameras) -> tuple[Transform, Transform] | None:
    """Return the rotation ``(3, 3)`` and the unit translation ``(3,)`` from the first to the second camera.

    An essential matrix allows four poses; the result is the one with most points in front of both cameras, or None.

    Args:
        essential: ``(3, 3)``.
        points: ``(m, 2, 2)``: for each match the pixel in the first photo and the pixel in the second.
        cameras: the intrinsics of both photos.
    """
    import cv2

    rays = [
        np.ascontiguousarray((points[:, side] - camera[:2, 2]) / np.diag(camera)[:2], np.float64)
        for side, camera in enumerate(cameras)
    ]
    try:
        _, rotation, translation, _ = cv2.recoverPose(essential, rays[0], rays[1], np.eye(3))
    except cv2.error:  # no points, or a matrix that is not an essential one
        return None
    return np.asarray(rotation, np.float64), np.asarray(translation, np.float64).ravel()


def _essential(query: Floats, database: Floats, pixels: float, cameras: Cameras | None) -> Any:
    import cv2

    assert cameras is not None
    return cv2.findEssentialMat(
        query, database, cameras[0], None, cameras[1], None, cv2.USAC_MAGSAC, CONFIDENCE, pixels
    )[0]


def _similarity(query: Floats, database: Floats, pixels: float) -> Transform | None:
    """Fit in both directions and return the one that explains more; see `transforms.residuals`."""
    import cv2

    def fit_one_way(a: Floats, b: Floats) -> Transform | None:
        return _attempt(
            lambda: _squared(
                cv2.estimateAffinePartial2D(
                    a, b, method=cv2.RANSAC, ransacReprojThreshold=pixels, maxIters=500, confidence=0.99
                )[0]
            )
        )

    forward, backward = fit_one_way(query, database), fit_one_way(database, query)
    transforms = [] if forward is None else [forward]
    if backward is not None and abs(np.linalg.det(backward)) > 1e-9:
        transforms.append(np.asarray(np.linalg.inv(backward), np.float64))
    best, most = None, -1
    for transform in transforms:
        if 1 / MAX_SCALE < float(np.hypot(*transform[:2, 0])) < MAX_SCALE:
            count = int((residuals("similarity", transform, query, database) < pixels).sum())
            if count > most:
                best, most = transform, count
    return best


def _attempt(estimator: Callable[[], Any]) -> Transform | None:
    import cv2

    try:
        matrix = estimator()
    except cv2.error:  # OpenCV raises if no sample gave a model
        return None
    return None if matrix is None or matrix.shape != (3, 3) else np.asarray(matrix, np.float64)


def _squared(matrix: Any) -> Any:
    """Return a ``(2, 3)`` matrix as ``(3, 3)``; None stays None."""
    return None if matrix is None else np.vstack([matrix, [0.0, 0.0, 1.0]])
