"""Features that bear a strong change of view: those of a photo seen from the side as well, by simulated tilts.

A plane seen from the side is compressed along one direction. No keypoint detector is invariant to that, but it can be
simulated: the photo is rotated by an angle, blurred along x against aliasing, and subsampled along x by the tilt. The
features of all simulated views, in pixels of the original photo, are matched at once (ASIFT: Morel and Yu, SIAM Journal
on Imaging Sciences, 2009, section 3).

Departures: one tilt and few angles, since both photos of a pair are tilted and their tilts multiply; and all views are
matched together by mutual nearest neighbors, not pair of views by pair of views. So the second nearest neighbor of a
ratio test must be somewhere else in the photo (``far`` of `verification.nearest`): each point is there several times.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from placeprint.features.pyramid import allowed
from placeprint.features.resizing import shrink, to_photo
from placeprint.types import Extractor, Floats, Image, LocalFeatures, Mask

ANTIALIASING = 0.8
"""Standard deviation in pixels of the blur along x, for a tilt of ``sqrt(2)``: ``ANTIALIASING * sqrt(tilt^2 - 1)``."""
TILT = 2.0
"""Compression of the simulated views."""
ANGLES = (0.0, 45.0, 90.0, 135.0)
"""Directions in degrees along which they are compressed."""


def tilted_features(
    extractor: Extractor,
    image: Image,
    mask: Mask | None = None,
    *,
    size: int,
    tilt: float = TILT,
    angles: Sequence[float] = ANGLES,
) -> LocalFeatures:
    """Return the features of a photo and of its simulated views, in pixels of the photo.

    Args:
        extractor: the extractor of the features, which should bear rotations.
        image: ``(H, W, 3)`` uint8 RGB.
        mask: ``(H, W)`` bool, True where keypoints are allowed.
        size: longest side in pixels to which the photo is shrunk first.
        tilt: compression of the views, above 1.
        angles: directions of compression in degrees.
    """
    original = image.shape[1], image.shape[0]
    small, _ = shrink(image, None, size)
    found = [extractor.extract(small), *(_view(extractor, small, tilt, angle) for angle in angles)]
    height, width = small.shape[:2]
    points = to_photo(np.concatenate([each.keypoints for each in found]), (width, height), original)
    kept = allowed(points, mask)
    return LocalFeatures(
        points[kept],
        np.concatenate([each.descriptors for each in found])[kept],
        np.concatenate([each.scores for each in found])[kept],
        original,
    )


def _view(extractor: Extractor, image: Image, tilt: float, angle: float) -> LocalFeatures:
    """Return the features of one simulated view, in pixels of the image."""
    height, width = image.shape[:2]
    radians = np.radians(angle)
    matrix = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]) @ matrix.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    across, along = (int(np.ceil(each)) + 1 for each in high - low)
    turned = cv2.warpAffine(
        image, np.column_stack([matrix, -low]), (across, along), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    blurred = cv2.GaussianBlur(turned, (0, 0), sigmaX=ANTIALIASING * float(np.sqrt(tilt**2 - 1)), sigmaY=0.01)
    seen = cv2.resize(blurred, (max(round(across / tilt), 1), along), interpolation=cv2.INTER_LINEAR)
    features = extractor.extract(np.asarray(seen, np.uint8))
    points = _back(features.keypoints, across / seen.shape[1], low, matrix)
    inside = ((points >= 0) & (points <= np.array([width, height]) - 1)).all(axis=1)
    return LocalFeatures(points[inside], features.descriptors[inside], features.scores[inside], (width, height))


def _back(points: Floats, tilt: float, low: Floats, matrix: Floats) -> Floats:
    """Return points of a view in pixels of the image it was made of."""
    wide = np.column_stack([(points[:, 0] + 0.5) * tilt - 0.5, points[:, 1]])
    return np.asarray((wide + low) @ matrix, np.float32)
