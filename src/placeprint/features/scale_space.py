"""The Gaussian scale space of a picture and its gradients (Lowe, IJCV 2004, section 3).

Each octave has three levels, each smoother than the last by a factor of the cube root of 2. Every octave has every
second pixel of the one before, as in the paper, so pixel (i, j) of a level is pixel (step i, step j) of the picture.

Departure from the paper: the picture is not doubled. Instead a level is blurred less than its nominal sigma, by what
central differences (the derivative after a box two pixels wide, of variance 1/3 along it) and lookups between pixels
(1/6 on average) will add. So small keypoints are described as if there were pixels in between, at a quarter of the
work; benchmarks/speed/descriptor.py measures the agreement with OpenCV, which doubles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import ShapeError
from placeprint.types import Floats, Image

LEVELS = 3
"""Levels per octave."""
FINEST = 1.0
"""Sigma of the first level, in pixels of the picture."""
CAMERA_BLUR = 0.5
"""Assumed sigma of the input picture, in its pixels (section 3.3)."""
DIFFERENCE = 0.2
"""Variance of the blur that differences and lookups add beyond those of a doubled picture, in pixels of a level."""
SMALLEST = 8
"""Octaves with a shorter side than this are skipped, except the first."""


@dataclass(frozen=True, eq=False)
class Level:
    """One level of a scale space.

    Args:
        smooth: ``(h, w)`` float32, gray values from 0 to 255.
        sigma: the standard deviation of the blur in pixels of the picture, including that of differences.
        step: the pixels of the picture from one pixel of the level to the next.
    """

    smooth: Floats
    sigma: float
    step: int

    def gradient(self) -> Floats:
        """Return ``(2, h, w)`` float32: change of gray in x and in y, in levels (0 to 255) per pixel."""
        import cv2

        gradient = np.empty((2, *self.smooth.shape), np.float32)
        for axis in range(2):
            cv2.Sobel(
                self.smooth,
                cv2.CV_32F,
                1 - axis,
                axis,
                dst=gradient[axis],
                ksize=1,
                scale=0.5 / self.step,
                borderType=cv2.BORDER_REPLICATE,
            )
        return gradient

    def gradient_at(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Sample the gradient between pixels, as the difference of four samples.

        Args:
            x: ``(a, b)`` float32 pixels of the level; a and b below 32768.
            y: the same.

        Returns:
            Two ``(a, b)`` float32 arrays: change of gray in x and in y as in `gradient`, 0 outside the picture.
        """
        import cv2

        def gray(right: int, down: int) -> Floats:
            places = (x + np.float32(right), y + np.float32(down))
            return np.asarray(cv2.remap(self.smooth, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

        height, width = self.smooth.shape
        inside = (np.abs(x - (width - 1) / 2) <= width / 2) & (np.abs(y - (height - 1) / 2) <= height / 2)
        weight = inside * np.float32(0.5 / self.step)
        return (gray(1, 0) - gray(-1, 0)) * weight, (gray(0, 1) - gray(0, -1)) * weight


@dataclass(frozen=True, eq=False)
class ScaleSpace:
    """A picture at increasing smoothness; make it with `of`.

    Args:
        levels: by increasing sigma, each `LEVELS`-th root of 2 times the last.
    """

    levels: tuple[Level, ...]

    @classmethod
    def of(cls, image: Image) -> Self:
        """Build the scale space of an ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 gray picture.

        Raises:
            ShapeError: the picture has another shape or dtype, or no pixels.
        """
        return cls(tuple(_levels(_gray(image))))

    def nearest(self, diameters: Floats) -> NDArray[np.intp]:
        """Return for ``(k,)`` diameters in pixels the index of the level whose sigma is nearest to half of each.

        Example:
            >>> ScaleSpace.of(np.zeros((64, 64), np.uint8)).nearest(np.array([0.0, 2.0, 4.1])).tolist()
            [0, 0, 3]
        """
        sigmas = np.maximum(np.asarray(diameters, np.float64) / 2, FINEST)
        wanted = np.rint(LEVELS * np.log2(sigmas / FINEST))
        return np.asarray(np.minimum(wanted, len(self.levels) - 1), np.intp)


def _gray(image: Image) -> Floats:
    import cv2

    if image.dtype != np.uint8 or image.ndim not in {2, 3} or image.shape[2:] not in {(), (3,)} or not image.size:
        raise ShapeError(f"an image must be (H, W) or (H, W, 3) uint8 and not empty, got {image.shape} {image.dtype}")
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(gray, np.float32)


def _levels(gray: Floats) -> Iterator[Level]:
    """Blur each level from the last; the variances of blurs add up."""
    import cv2

    first, variance, step = gray, CAMERA_BLUR**2, 1
    while step == 1 or min(first.shape) >= SMALLEST:
        octave = np.empty((LEVELS, *first.shape), np.float32)
        for index in range(LEVELS):
            sigma = FINEST * 2 ** (index / LEVELS)
            wanted = step**2 * (sigma**2 - DIFFERENCE)
            blur = np.sqrt(wanted - variance) / step
            source = octave[index - 1] if index else first
            cv2.GaussianBlur(source, (0, 0), blur, dst=octave[index], borderType=cv2.BORDER_REPLICATE)
            variance = wanted
            yield Level(octave[index], sigma * step, step)
        step *= 2
        first = np.ascontiguousarray(octave[-1, ::2, ::2])
