"""SURF: speeded-up robust features (Bay et al., CVIU 2008).

Detector: maxima, over position and scale, of ``det = Dxx Dyy - (0.9 Dxy)^2``, where D are second derivatives by box
filters, divided by the filter's area. A filter with lobes of L pixels is 3 L pixels wide and stands for the scale ``s =
0.4 L`` (9 pixels for 1.2). There are four layers per octave: L = 3, 5, 7, 9; 5, 9, 13, 17; 9, 17, 25, 33; 17, 33, 49,
65. A maximum is refined by the parabola through its neighbors.

Orientation: Haar wavelets of side 4 s at the points of a grid of step s within 6 s, weighted by a Gaussian of 2 s; the
longest sum over any 60 degrees. Descriptor: a square of side 20 s, rotated by it, in 4 x 4 parts. Each part gives the
sums of dx, dy, |dx| and |dy| of Haar wavelets of side 2 s at 5 x 5 points, weighted by a Gaussian of 3.3 s: 64 numbers.

Departures: wavelets are at subpixel positions (the box sums are interpolated), so rotating a photo by 180 degrees
    changes nothing; the 60-degree window slides in steps of 5; the sign of the Laplacian, which the paper uses to skip
    comparisons, is not stored. It is implemented here because OpenCV's wheels have no SURF, and that of mahotas moves
    maxima the wrong way (a test shows it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import normalize
from placeprint.core.options import NotNegative, checked
from placeprint.features.keypoint_extractor import KeypointExtractor
from placeprint.types import Floats, Image, LocalFeatures, Mask

OCTAVES = ((3, 5, 7, 9), (5, 9, 13, 17), (9, 17, 25, 33), (17, 33, 49, 65))
"""Lobe size of each layer in pixels; octave o is sampled every ``2 ** o`` pixels."""
SCALE_PER_LOBE = 0.4
BINS = 72
"""Bins of the orientation histogram, 5 degrees each."""
CHUNK = 500
"""Keypoints described at once, which bounds the memory."""

Doubles = NDArray[np.float64]


@checked
@dataclass(kw_only=True, eq=False)
class SURF(KeypointExtractor):
    """SURF keypoints; see `KeypointExtractor` for the other parameters.

    Scales are the sides of the filters, 7.5 s.

    Args:
        hessian_threshold: the determinant that a keypoint must exceed, in (gray levels per pixel squared) squared.
        upright: whether to describe all keypoints upright (U-SURF).
    """

    hessian_threshold: NotNegative = 10.0
    upright: bool = False

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        return 64

    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        integral = integral_of(image)
        found, found_scales, determinants = find_keypoints(integral, self.hessian_threshold)
        keypoints, strengths = found.astype(np.float32), determinants.astype(np.float32)
        size = (image.shape[1], image.shape[0])
        order = self._best(keypoints, strengths, image, mask)
        points, scales = found[order], found_scales[order]
        angles, descriptors = np.zeros(len(order)), np.zeros((len(order), self.dim), np.float32)
        for first in range(0, len(order), CHUNK):
            part = slice(first, first + CHUNK)
            if not self.upright:
                angles[part] = orientations(integral, points[part], scales[part])
            descriptors[part] = describe(integral, points[part], scales[part], angles[part])
        return LocalFeatures(
            keypoints[order],
            descriptors,
            strengths[order],
            size,
            (scales * 3 / SCALE_PER_LOBE).astype(np.float32),
            (np.rad2deg(angles) % 360).astype(np.float32) % np.float32(360),
        )


def integral_of(image: Image) -> Doubles:
    """Return the ``(H + 1, W + 1)`` sums of the gray levels above and left of each pixel corner.

    The picture's mean is subtracted first, so the outside counts as mean gray.
    """
    import cv2

    gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float64)
    return np.asarray(cv2.integral(gray - gray.mean(), sdepth=cv2.CV_64F), np.float64)


def find_keypoints(integral: Doubles, threshold: float) -> tuple[Doubles, Doubles, Doubles]:
    """Return the maxima of the determinant above a threshold.

    Returns:
        ``(n, 2)`` pixels, ``(n,)`` scales s in pixels, and ``(n,)`` determinants.
    """
    found = [_of_octave(integral, lobes, 2**octave, threshold) for octave, lobes in enumerate(OCTAVES)]
    points, scales, strengths = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return points, scales, strengths


def hessian_determinants(integral: Doubles, lobe: int, step: int) -> Doubles:
    """Return the determinant at every ``step``-th pixel, 0 where the filter does not fit into the picture.

    Args:
        integral: ``(H + 1, W + 1)``, from `integral_of`.
        lobe: L in pixels, odd.
        step: the distance between samples in pixels, from pixel 0 on.
    """
    height, width = integral.shape[0] - 1, integral.shape[1] - 1
    result = np.zeros((-(-height // step), -(-width // step)))
    reach = (3 * lobe - 1) // 2
    first = -(-reach // step)
    rows, columns = ((side - 1 - reach) // step - first + 1 for side in (height, width))
    if rows <= 0 or columns <= 0:
        return result

    def box(left: int, top: int, box_width: int, box_height: int) -> Doubles:
        """Sum a box around each sample; its first pixel is ``(left, top)`` from the sample."""

        def corner(x: int, y: int) -> Doubles:
            x, y = first * step + x, first * step + y
            return integral[y : y + rows * step : step, x : x + columns * step : step][:rows, :columns]

        right, bottom = left + box_width, top + box_height
        return corner(right, bottom) - corner(left, bottom) - corner(right, top) + corner(left, top)

    half, long = lobe // 2, 2 * lobe - 1
    xx = box(-reach, 1 - lobe, 3 * lobe, long) - 3 * box(-half, 1 - lobe, lobe, long)
    yy = box(1 - lobe, -reach, long, 3 * lobe) - 3 * box(1 - lobe, -half, long, lobe)
    xy = box(1, 1, lobe, lobe) + box(-lobe, -lobe, lobe, lobe) - box(1, -lobe, lobe, lobe) - box(-lobe, 1, lobe, lobe)
    result[first : first + rows, first : first + columns] = (xx * yy - (0.9 * xy) ** 2) / (3 * lobe) ** 4
    return result


def _of_octave(
    integral: Doubles, lobes: Sequence[int], step: int, threshold: float
) -> tuple[Doubles, Doubles, Doubles]:
    """Find the keypoints of one octave, as `find_keypoints`."""
    import cv2

    layers = np.stack([hessian_determinants(integral, lobe, step) for lobe in lobes])
    highest = np.stack([cv2.dilate(layer, np.ones((3, 3), np.uint8)) for layer in layers])
    inner = layers[1:-1]
    peaks = (inner > threshold) & (inner >= highest[1:-1]) & (inner > highest[:-2]) & (inner > highest[2:])
    margin = (3 * lobes[-1] - 1) // 2 // step + 1  # closer to the border the layers above have no values
    allowed_here = np.zeros(peaks.shape[1:], bool)
    allowed_here[margin:-margin, margin:-margin] = True
    layer, row, column = np.nonzero(peaks & allowed_here)
    moves = _parabola_peaks(layers, layer + 1, row, column)
    near = (np.abs(moves) < 1).all(axis=1)  # farther away the parabola is meaningless
    points = (np.stack([column, row], axis=1) + moves[:, :2]) * step
    scales = SCALE_PER_LOBE * (lobes[0] + (layer + 1 + moves[:, 2]) * (lobes[1] - lobes[0]))
    return points[near], scales[near], layers[layer + 1, row, column][near]


def _parabola_peaks(
    layers: Doubles, layer: NDArray[np.intp], row: NDArray[np.intp], column: NDArray[np.intp]
) -> Doubles:
    """Return ``(n, 3)`` offsets from maxima to those of the parabola, in samples of x, y and layer; inf if none."""

    def at(x: int, y: int, z: int) -> Doubles:
        return layers[layer + z, row + y, column + x]

    units = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    gradient = np.stack([(at(*u) - at(-u[0], -u[1], -u[2])) / 2 for u in units], axis=1)
    second = np.empty((len(layer), 3, 3))
    for i, u in enumerate(units):
        for j, v in enumerate(units):
            if i == j:
                second[:, i, i] = at(*u) - 2 * at(0, 0, 0) + at(-u[0], -u[1], -u[2])
            else:
                both, apart = [a + b for a, b in zip(u, v, strict=True)], [a - b for a, b in zip(u, v, strict=True)]
                against = [-a for a in apart]
                second[:, i, j] = (at(*both) - at(*apart) - at(*against) + at(*[-a for a in both])) / 4
    peaked = np.linalg.det(second) < -1e-12
    moves = np.full((len(layer), 3), np.inf)
    moves[peaked] = -np.linalg.solve(second[peaked], gradient[peaked][..., None])[..., 0]
    return moves


def orientations(integral: Doubles, points: Doubles, scales: Doubles) -> Doubles:
    """Return ``(n,)`` radians from the x to the y axis: the longest sum of gradients over 60 degrees."""
    across, down = np.meshgrid(np.arange(-5, 6), np.arange(-5, 6))
    disk = across**2 + down**2 < 36
    grid = np.stack([across[disk], down[disk]], axis=1).astype(np.float64)
    where = points[:, None] + grid[None] * scales[:, None, None]
    gradients = haar(integral, where, 2 * scales) * np.exp(-(grid**2).sum(axis=1) / (2 * 2.0**2))[None, :, None]
    angle = np.arctan2(gradients[..., 1], gradients[..., 0])
    angle_bin = (angle * BINS / (2 * np.pi)).astype(int) % BINS
    cell = (np.arange(len(points))[:, None] * BINS + angle_bin).ravel()
    window = BINS // 6
    sums = []
    for axis in range(2):
        histogram = np.bincount(cell, gradients[..., axis].ravel(), len(points) * BINS).reshape(-1, BINS)
        around = np.cumsum(np.concatenate([np.zeros((len(points), 1)), histogram, histogram[:, :window]], 1), 1)
        sums.append(around[:, window : window + BINS] - around[:, :BINS])
    best = np.hypot(*sums).argmax(axis=1)
    rows = np.arange(len(points))
    return np.asarray(np.arctan2(sums[1][rows, best], sums[0][rows, best]), np.float64)


def describe(integral: Doubles, points: Doubles, scales: Doubles, angles: Doubles) -> Floats:
    """Return ``(n, 64)`` unit rows: for each part of the square, row by row, the sums of dx, dy, |dx| and |dy|."""
    steps = np.arange(20) - 9.5
    across, down = (values.ravel() for values in np.meshgrid(steps, steps))
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    turned = np.stack([cosine * across - sine * down, sine * across + cosine * down], axis=-1)
    gradients = haar(integral, points[:, None] + turned * scales[:, None, None], scales)
    gradients *= np.exp(-(across**2 + down**2) / (2 * 3.3**2))[None, :, None]
    along = cosine * gradients[..., 0] + sine * gradients[..., 1]
    beside = cosine * gradients[..., 1] - sine * gradients[..., 0]
    values = np.stack([along, beside, np.abs(along), np.abs(beside)], axis=-1)
    parts = values.reshape(-1, 4, 5, 4, 5, 4).sum(axis=(2, 4))
    return normalize(parts.reshape(-1, 64))


def box_sums(integral: Doubles, x: Doubles, y: Doubles) -> Doubles:
    """Return the integral at fractional corners, interpolated between the four around each; constant outside.

    OpenCV is not used, because its lookups in float64 arrays round positions to 1/32 of a pixel.

    Args:
        integral: ``(H + 1, W + 1)``.
        x: ``(..., a)`` columns of the integral.
        y: ``(..., b)`` rows.

    Returns:
        ``(..., b, a)``.
    """
    height, width = integral.shape
    column, right = _cells(x, width)
    row, down = _cells(y, height)
    first = row[..., :, None] * width + column[..., None, :]
    flat, right, down = integral.ravel(), right[..., None, :], down[..., :, None]
    upper = flat[first] + right * (flat[first + 1] - flat[first])
    first += width
    lower = flat[first] + right * (flat[first + 1] - flat[first])
    return np.asarray(upper + down * (lower - upper), np.float64)


def _cells(places: Doubles, count: int) -> tuple[NDArray[np.intp], Doubles]:
    """Return the sample before each position, and how far after it the position is, from 0 to 1."""
    inside = np.clip(places, 0, count - 1)
    before = np.minimum(inside.astype(np.intp), count - 2)
    return before, inside - before


def haar(integral: Doubles, where: Doubles, half: Doubles) -> Doubles:
    """Return the responses of the two Haar wavelets at points: how much brighter the picture gets along x and along y.

    Args:
        integral: ``(H + 1, W + 1)``.
        where: ``(n, m, 2)`` points in pixels, with fractions.
        half: ``(n,)`` half the side of the wavelets in pixels.

    Returns:
        ``(n, m, 2)``: right half minus left half, lower half minus upper half, in gray levels of the mean pixel.
    """
    offsets = half[:, None] * np.array([-1, 0, 1])
    # pixel x reaches from corner x to corner x + 1 of the integral, so its center is at corner x + 0.5
    x = where[:, :, 0, None] + 0.5 + offsets[:, None]
    y = where[:, :, 1, None] + 0.5 + offsets[:, None]
    corners = box_sums(integral, x, y)
    columns = np.diff(corners[..., 2, :] - corners[..., 0, :], axis=-1)
    rows = np.diff(corners[..., :, 2] - corners[..., :, 0], axis=-1)
    brighter = np.stack([columns[..., 1] - columns[..., 0], rows[..., 1] - rows[..., 0]], axis=-1)
    return np.asarray(brighter / (2 * half[:, None, None] ** 2), np.float64)
