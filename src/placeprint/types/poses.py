"""Where the camera of a photo was in a model, and where it looked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a camera was, and where it looked.

    Args:
        rotation: ``(3, 3)`` from the model's coordinates to the camera's: x to the right, y down, z ahead.
        translation: ``(3,)``, so that a point ``p`` is at ``rotation @ p + translation``.
        covariance: ``(6, 6)`` of a small rotation ``w`` in radians, after ``rotation``, and of the translation.
        inliers: points that fit.
        matches: points that were tried.
        focal: focal length in pixels of the photo, refined where EXIF had none.
        location: latitude and longitude in degrees, or None if the model is not on the map.
        heading: degrees clockwise from north in which the camera looked, or None.
        photos: names of the photos of the model that it was matched with.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    covariance: NDArray[np.float64]
    inliers: int
    matches: int
    focal: float
    location: tuple[float, float] | None
    heading: float | None
    photos: tuple[str, ...]

    @property
    def center(self) -> NDArray[np.float64]:
        """The position of the camera in the model's coordinates."""
        return np.asarray(-self.rotation.T @ self.translation, np.float64)

    @property
    def position_covariance(self) -> NDArray[np.float64]:
        """``(3, 3)`` covariance of the position, in the model's coordinates.

        The position is ``-R^T t``, so it moves by ``-R^T [t]x w - R^T dt``.
        """
        x, y, z = self.translation
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        moves = -self.rotation.T @ np.hstack([cross, np.eye(3)])
        return np.asarray(moves @ self.covariance @ moves.T, np.float64)

    @property
    def position_spread(self) -> float:
        """Standard deviation of the position, in the model's units: the root of the trace of its covariance."""
        return float(np.sqrt(np.trace(self.position_covariance)))
