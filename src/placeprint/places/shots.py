"""Whether two files are the same shot: copies that were recompressed, resized, cropped or rotated.

Unlike a second photo of the same place, copies show it at the same instant from the same point. So there is a
similarity transform (scale, rotation, shift) after which *every* textured part agrees, apart from a constant gain and
offset of the gray levels. A second photo has parallax, moving objects and different light.

1. Matches of oriented SIFT give the transform by RANSAC, at a longest side of `SIZE`; all matches refine it to an
   affine one, because the size of a copy is rounded to whole pixels.
2. The first photo is warped onto the second; the remaining motion of corners (Lucas and Kanade, IJCAI 1981) refines the
   transform to a small part of a pixel.
3. Both are blurred to the resolution of the smaller file. Normalized cross-correlation in windows measures how well
   each textured part agrees. Its low percentiles decide.
4. Parts that moved against each other (`parallax`) tell two photos of a burst from copies.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from placeprint.features.resizing import resize_longest
from placeprint.features.sift import SIFT
from placeprint.places.parallax import motion_left
from placeprint.types import Image, LocalFeatures

SIZE = 320
"""Longest side in pixels at which photos are compared."""
KEYPOINTS = 300
SIMILAR = 0.85
"""Cosine of two descriptors that may be of one point: copies lose little."""
PIXELS = 2.0
"""Residual of a match that follows the transform."""
MATCHES = 6
"""Matches that must follow the transform, at least."""
CORNERS = 200
WINDOW = 15
"""Side of a window in pixels."""
TEXTURE = 40.0
"""Variance of the gray levels in a window, above which it says something."""
LEAST_PIXELS = 100
"""Pixels in windows with texture that must be compared."""
FIFTH, FIRST = 0.92, 0.85
"""The 5th and the 1st percentile of the correlations of the same shot. On copies they are above .95 and .93, on
neighboring frames of videos and walks below .6 and .2."""
PARALLAX = 0.2
"""Pixels, as compared, that a fifth of the picture may have moved: on copies below 0.1, on photos of one burst that
agree in all else above 0.35."""
BLUR = 0.8
"""Standard deviation of the blur, in pixels of the smaller file; at least one pixel as compared."""
COVER = 0.8
"""Share of one photo that the other must cover."""
GAIN, ANISOTROPY = 1.15, 1.004
"""Contrast and aspect ratio of the same shot differ by less than these factors; a resized one has whole numbers of
pixels on its sides."""
RESIZED = 1.01
"""Ratio of the scales of two files from which one was resized."""


@dataclass(frozen=True, eq=False)
class Shot:
    """What is compared of a photo.

    Args:
        gray: ``(h, w)`` uint8, with a longest side of `SIZE`.
        features: oriented SIFT of it.
        factor: pixels of it per pixel of the file.
    """

    gray: Image
    features: LocalFeatures
    factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Agreement:
    """How two shots agree.

    Args:
        transform: ``(2, 3)`` from pixels of the first to pixels of the second, as compared.
        cover: the larger of the shares of both that the other covers.
        fifth: the 5th percentile of the correlations of windows.
        first: the 1st percentile.
        gain: factor of the gray levels, from the first to the second.
        parallax: pixels by which parts have moved against each other; only measured where all else agrees.
        rounded: by how much whole numbers of pixels may change the aspect ratio, as a factor.
    """

    transform: NDArray[np.float64]
    cover: float
    fifth: float
    first: float
    gain: float
    parallax: float
    rounded: float = 1.0

    @property
    def anisotropy(self) -> float:
        """By how much the transform stretches one direction more than the other, 1 or more."""
        large, small = np.linalg.svd(self.transform[:, :2], compute_uv=False)
        return float(large / max(small, 1e-9))

    @property
    def rotation(self) -> float:
        """Degrees counter-clockwise by which the first has to be rotated to look like the second, in [0, 360)."""
        return -math.degrees(math.atan2(self.transform[1, 0], self.transform[0, 0])) % 360

    @property
    def is_same_shot(self) -> bool:
        """Whether both are copies of one shot."""
        return (
            self.fifth >= FIFTH
            and self.first >= FIRST
            and self.cover >= COVER
            and 1 / GAIN <= self.gain <= GAIN
            and self.anisotropy <= ANISOTROPY * self.rounded
            and self.parallax <= PARALLAX
        )


@functools.cache
def _sift() -> SIFT:
    return SIFT(max_keypoints=KEYPOINTS, size=SIZE, contrast_threshold=0.01)


def shot_of(image: Image) -> Shot:
    """Return what is compared of an ``(H, W, 3)`` uint8 RGB photo."""
    import cv2

    small = resize_longest(image, SIZE)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    return Shot(gray, _sift().extract(small), SIZE / max(image.shape[:2]))


def agreement(first: Shot, second: Shot) -> Agreement | None:
    """Compare two shots; None where no transform joins them or they have too little texture."""
    rough = _aligned(first, second)
    if rough is None:
        return None
    transform = _refined(first.gray, second.gray, rough)
    if transform is None:
        return None
    warped, inside = _warped(first.gray, second.gray, transform)
    blur = max(1.0, BLUR * first.factor, BLUR * second.factor)
    correlations, gain = _correlations(warped, second.gray, inside, blur)
    if len(correlations) < LEAST_PIXELS:
        return None
    fifth, lowest = np.percentile(correlations, [5, 1])
    scale = float(abs(np.linalg.det(transform[:, :2])))
    covered = float(inside.sum())
    cover = max(covered / second.gray.size, covered / max(scale, 1e-9) / first.gray.size)
    rounded = _rounded(first, second, math.sqrt(scale))
    found = Agreement(transform, cover, float(fifth), float(lowest), gain, 0.0, rounded)
    if not found.is_same_shot:
        return found
    return replace(found, parallax=motion_left(_blurred(warped, blur), _blurred(second.gray, blur), inside))


def _rounded(first: Shot, second: Shot, scale: float) -> float:
    """Return how much whole numbers of pixels may change the aspect ratio of a resized file, 1 if none was resized."""
    ratio = scale * first.factor / second.factor
    if 1 / RESIZED < ratio < RESIZED:
        return 1.0
    return 1.0 + max(shot.factor / float(min(shot.gray.shape)) for shot in (first, second))


def _aligned(first: Shot, second: Shot) -> NDArray[np.float64] | None:
    """Return a ``(2, 3)`` affine transform that joins many matches, or None."""
    import cv2

    one, other = first.features, second.features
    if min(len(one), len(other)) < MATCHES:
        return None
    cosines = one.descriptors @ other.descriptors.T
    best, back = cosines.argmax(axis=1), cosines.argmax(axis=0)
    rows = np.flatnonzero((back[best] == np.arange(len(best))) & (cosines.max(axis=1) >= SIMILAR))
    if len(rows) < MATCHES:
        return None
    here, there = one.keypoints[rows], other.keypoints[best[rows]]
    found, follow = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=PIXELS)
    if found is None or int(follow.sum()) < MATCHES:
        return None
    kept = follow.ravel() > 0
    affine, _ = cv2.estimateAffine2D(here[kept], there[kept], method=cv2.LMEDS)
    return np.asarray(found if affine is None else affine, np.float64)


def _refined(first: Image, second: Image, rough: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the transform after the motion of corners that it leaves, or None if there are too few corners."""
    import cv2

    warped, inside = _warped(first, second, rough)
    corners = cv2.goodFeaturesToTrack(second, CORNERS, 0.005, 6, mask=inside.astype(np.uint8) * 255)
    if corners is None or len(corners) < MATCHES:
        return None
    moved, tracked, _ = cv2.calcOpticalFlowPyrLK(
        second, warped, corners, np.zeros_like(corners), winSize=(13, 13), maxLevel=1, criteria=(3, 20, 0.005)
    )
    kept = tracked.ravel() > 0
    if kept.sum() < MATCHES:
        return None
    points, motion = corners[kept, 0], moved[kept, 0] - corners[kept, 0]
    rows = np.column_stack([points, np.ones(len(points))])
    follow = np.ones(len(points), bool)
    for _ in range(5):
        change = np.linalg.lstsq(rows[follow], motion[follow], rcond=None)[0]
        left = np.linalg.norm(motion - rows @ change, axis=1)
        follow = left <= max(0.1, 2.5 * float(np.median(left)))
    onto_warped = np.vstack([np.column_stack([np.eye(2), np.zeros(2)]) + change.T, [0, 0, 1]])
    if abs(np.linalg.det(onto_warped)) < 0.5:
        return None
    return np.asarray((np.linalg.inv(onto_warped) @ np.vstack([rough, [0, 0, 1]]))[:2], np.float64)


def _warped(first: Image, second: Image, transform: NDArray[np.float64]) -> tuple[Image, NDArray[np.bool_]]:
    """Return the first picture in the pixels of the second, and where it is whole."""
    import cv2

    size = (second.shape[1], second.shape[0])
    warped = cv2.warpAffine(first, transform, size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.full(first.shape, 255, np.uint8), transform, size, flags=cv2.INTER_NEAREST)
    eroded = cv2.erode(inside, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(warped, np.uint8), np.asarray(eroded > 0)


def _blurred(picture: Image, blur: float) -> Image:
    import cv2

    return np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.uint8)


def _correlations(
    warped: Image, second: Image, inside: NDArray[np.bool_], blur: float
) -> tuple[NDArray[np.float32], float]:
    """Return the correlations of the windows around pixels with texture, and the gain of the gray levels."""
    import cv2

    a, b = (np.asarray(cv2.GaussianBlur(each, (0, 0), blur), np.float32) for each in (warped, second))

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.boxFilter(values, -1, (WINDOW, WINDOW)), np.float32)

    whole = mean(inside.astype(np.float32)) > 0.999
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    both = mean(a * b) - mean_a * mean_b
    textured = whole & ((var_a + var_b) / 2 > TEXTURE)
    correlations = both[textured] / np.sqrt(np.maximum(var_a[textured] * var_b[textured], 1.0))
    gain = math.sqrt(max(float(var_b[textured].sum()), 1e-9) / max(float(var_a[textured].sum()), 1e-9))
    return np.asarray(correlations, np.float32), gain
