"""Our own SIFT descriptor and dominant orientations (Lowe, IJCV 2004, sections 5 and 6), for all keypoints at once.

Descriptor (section 6). A keypoint of diameter D and angle a has a square of ``cells x cells`` cells around it, rotated
by a; the side of a cell is ``width`` sigmas, sigma = D / 2. Each gradient in it is added to a histogram of ``bins``
orientations per cell, with its length times a Gaussian of half the square's side, shared linearly between the two
nearest cells in x and in y and the two nearest orientations. The vector of all histograms is scaled to unit length,
clipped at ``clip``, and scaled to unit length again.

The gradients are sampled on a grid of ``patch x patch`` points that is the same for all keypoints in their own frames.
So window and sharing between cells are one constant matrix of shape (cells^2, patch^2), and the histograms of many
keypoints are one product of it with the lengths, once per orientation.

Departures from the paper: the grid covers half a cell more on each side than the cells, as far as a gradient
contributes to a cell (OpenCV does the same; the paper's 16 x 16 samples end with the cells), and its points scale with
the keypoint instead of being whole pixels of a level. Conventions and layout are OpenCV's: row of cells, column of
cells, direction; directions run from the keypoint's angle *against* the direction in which angles grow.

Orientations (section 5): a smoothed histogram of 36 orientations of the gradients around a point, with a Gaussian of
1.5 sigma; the highest peak and all of at least 0.8 of it, each refined by a parabola, are angles of keypoints. Votes
are shared between the two nearest orientations, which the paper leaves open; OpenCV gives them to one.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import normalize
from placeprint.errors import OptionError, ShapeError
from placeprint.features.root_sift import root_sift
from placeprint.features.scale_space import Level, ScaleSpace
from placeprint.types import Floats, Image

CHUNK = 1 << 15
"""Gradients processed at once, which fit in the CPU cache."""
DIRECTIONS = 36
PEAK = 0.8
"""Share of the highest peak that another peak must reach."""
FAINT = 1e-3
"""Gradients with fewer gray levels per pixel count as rounding errors, so a blank picture stays blank."""
ROUND = 16
"""Gradients sampled along each side around a point for its orientations."""


def describe(
    image: Image | ScaleSpace,
    keypoints: Floats,
    *,
    patch: int = 16,
    cells: int = 4,
    bins: int = 8,
    width: float = 3.0,
    clip: float = 0.2,
    root: bool = False,
) -> Floats:
    """Describe keypoints of a picture.

    Args:
        image: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 gray, or the scale space of one.
        keypoints: ``(k, 4)`` float32: x, y and diameter in pixels, and the angle in degrees from the x to the y axis.
        patch: the gradients sampled along each side of a keypoint's square.
        cells: the number of cells along each side.
        bins: the number of orientations.
        width: the side of a cell in sigmas; sigma is half the diameter.
        clip: the largest value before the last normalization.
        root: whether to use RootSIFT, see `root_sift`.

    Returns:
        ``(k, cells * cells * bins)`` float32 rows of unit length; zeros if there is no gradient or no picture.

    Raises:
        ShapeError: the image or the keypoints have another shape.
        OptionError: a parameter is not above 0.

    Example:
        >>> ramp = np.repeat(np.arange(64, dtype=np.uint8)[None], 64, axis=0)
        >>> row = describe(ramp, np.array([[31.0, 31.0, 4.0, 0.0]]))[0]
        >>> row.shape, np.flatnonzero(row.reshape(16, 8).sum(axis=0)).tolist()
        ((128,), [0])
    """
    raw = histograms(image, keypoints, patch=patch, cells=cells, bins=bins, width=width)
    return from_histograms(raw, clip=clip, root=root)


def histograms(
    image: Image | ScaleSpace,
    keypoints: Floats,
    *,
    patch: int = 16,
    cells: int = 4,
    bins: int = 8,
    width: float = 3.0,
) -> Floats:
    """Return the histograms behind the descriptors; parameters and errors are those of `describe`.

    Returns:
        ``(k, cells * cells * bins)`` float32, in gray levels from 0 to 255 per pixel of the picture: a row's sum is the
        mean length of the gradients under the window, without those outside the outer cells or the picture.
    """
    if min(patch, cells, bins, width) <= 0:
        raise OptionError(f"patch, cells, bins and width must be above 0, got {patch}, {cells}, {bins} and {width}")
    keypoints = _checked(keypoints, 4, "keypoints")
    space = image if isinstance(image, ScaleSpace) else ScaleSpace.of(image)
    shares = _shares(patch, cells)
    result = np.empty((len(keypoints), cells * cells, bins), np.float32)
    for level, rows in _chunks(space, keypoints[:, 2], patch * patch):
        lengths, turns = _gradients(level, keypoints[rows], _grid(patch, cells + 1), width)
        directions = (1 - turns) * np.float32(bins)
        for index in range(bins):
            result[rows, :, index] = (lengths * _direction_share(directions, index, bins)) @ shares
    return result.reshape(len(keypoints), cells * cells * bins)


def from_histograms(raw: Floats, *, clip: float = 0.2, root: bool = False) -> Floats:
    """Return the ``(k, d)`` unit descriptors of ``(k, d)`` histograms; zero rows stay zero."""
    rows = normalize(np.minimum(normalize(raw), np.float32(clip)))
    return root_sift(rows) if root else rows


def orientations(image: Image | ScaleSpace, points: Floats, diameters: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Find the dominant orientations of the gradients around points.

    Args:
        image: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 gray, or the scale space of one.
        points: ``(k, 2)`` float32, ``(x, y)`` in pixels.
        diameters: ``(k,)`` float32 pixels, twice sigma.

    Returns:
        ``(m,)`` increasing rows of the points, and ``(m,)`` float32 angles in [0, 360) from the x to the y axis. A
        point has one or more, the highest peak first; none if there is no gradient.

    Raises:
        ShapeError: the arrays have another shape.
    """
    points = _checked(points, 2, "points")
    diameters = np.asarray(diameters, np.float32)
    if diameters.shape != (len(points),):
        raise ShapeError(f"diameters must have shape ({len(points)},), got {diameters.shape}")
    space = image if isinstance(image, ScaleSpace) else ScaleSpace.of(image)
    keypoints = np.column_stack([points, diameters, np.zeros(len(points), np.float32)])
    # 4.5 sigmas to each side are three of the window's
    grid = _grid(ROUND, 9)
    window = np.exp(-0.5 * np.square(grid / 1.5).sum(axis=1)).astype(np.float32)
    votes = np.empty((len(points), DIRECTIONS), np.float32)
    for level, rows in _chunks(space, diameters, ROUND * ROUND):
        lengths, turns = _gradients(level, keypoints[rows], grid, 1.0)
        votes[rows] = _votes(lengths * window, turns * np.float32(DIRECTIONS))
    return _peaks(_smoothed(votes))


def _checked(rows: Floats, columns: int, name: str) -> Floats:
    rows = np.asarray(rows, np.float32)
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise ShapeError(f"{name} must have shape (k, {columns}), got {rows.shape}")
    return rows


def _chunks(space: ScaleSpace, diameters: Floats, samples: int) -> list[tuple[Level, NDArray[np.intp]]]:
    """Return groups of rows that use the same level, each of about `CHUNK` gradients."""
    nearest = space.nearest(diameters)
    count = max(1, CHUNK // samples)
    chunks = []
    for index in np.unique(nearest):
        rows = np.flatnonzero(nearest == index)
        chunks += [(space.levels[index], rows[start : start + count]) for start in range(0, len(rows), count)]
    return chunks


@cache
def _grid(samples: int, side: float) -> Floats:
    """Return the ``(samples^2, 2)`` points ``(x, y)`` of a square grid around 0 that covers a side, row by row."""
    steps = ((np.arange(samples) + 0.5) / samples - 0.5) * side
    x, y = np.meshgrid(steps, steps)
    return np.column_stack([x.ravel(), y.ravel()]).astype(np.float32)


@cache
def _shares(patch: int, cells: int) -> Floats:
    """Return ``(patch^2, cells^2)``: how much of each gradient of the grid goes to each cell."""
    grid = _grid(patch, cells + 1)
    centers = np.arange(cells) - (cells - 1) / 2
    x, y = (np.maximum(0, 1 - np.abs(grid[:, axis, None] - centers)) for axis in range(2))
    window = np.exp(-np.square(grid).sum(axis=1) / (2 * (cells / 2) ** 2))
    window /= window.sum()
    return np.asarray(window[:, None, None] * y[:, :, None] * x[:, None], np.float32).reshape(len(grid), -1)


def _gradients(level: Level, keypoints: Floats, grid: Floats, width: float) -> tuple[Floats, Floats]:
    """Sample the gradients of keypoints on a grid in their own frames.

    Args:
        level: the level to sample.
        keypoints: ``(k, 4)``.
        grid: ``(s, 2)``.
        width: the sigmas per unit of the grid.

    Returns:
        ``(k, s)`` lengths, and ``(k, s)`` directions from the keypoint's angle, as fractions of 360 degrees in [0, 1].
    """
    angles = np.radians(keypoints[:, 3:4].astype(np.float64))
    side = width * keypoints[:, 2:3] / (2 * level.step)
    along, across = (side * np.cos(angles)).astype(np.float32), (side * np.sin(angles)).astype(np.float32)
    x, y = level.gradient_at(
        along * grid[:, 0] - across * grid[:, 1] + keypoints[:, 0:1] / np.float32(level.step),
        across * grid[:, 0] + along * grid[:, 1] + keypoints[:, 1:2] / np.float32(level.step),
    )
    turns = (np.arctan2(y, x) - angles.astype(np.float32)) * np.float32(0.5 / np.pi)
    turns -= np.floor(turns)
    lengths = np.sqrt(x * x + y * y)
    lengths *= lengths > FAINT / level.step
    return lengths, turns


def _direction_share(directions: Floats, index: int, bins: int) -> Floats:
    """Return the share of gradients with ``(k, s)`` directions in [0, bins] that goes to one bin of the histogram."""
    if bins == 1:
        return np.ones_like(directions)
    away = np.abs(directions - np.float32(index))
    np.minimum(away, np.float32(bins) - away, out=away)  # the last bin is next to the first
    np.subtract(np.float32(1), away, out=away)
    return np.asarray(np.maximum(away, np.float32(0), out=away), np.float32)


def _votes(lengths: Floats, directions: Floats) -> Floats:
    """Return ``(k, DIRECTIONS)`` histograms of ``(k, s)`` gradients, shared between the two nearest directions."""
    lower = np.floor(directions)
    upper_share = (directions - lower) * lengths
    start = np.arange(len(lengths))[:, None] * DIRECTIONS
    votes = np.zeros(len(lengths) * DIRECTIONS)
    for offset, shares in ((0, lengths - upper_share), (1, upper_share)):
        places = (lower.astype(np.intp) + offset) % DIRECTIONS + start
        votes += np.bincount(places.ravel(), shares.ravel(), len(votes))
    return votes.reshape(len(lengths), DIRECTIONS).astype(np.float32)


def _smoothed(votes: Floats) -> Floats:
    """Blur ``(k, n)`` circular histograms by the binomial 1, 4, 6, 4, 1."""
    near = np.roll(votes, 1, axis=1) + np.roll(votes, -1, axis=1)
    far = np.roll(votes, 2, axis=1) + np.roll(votes, -2, axis=1)
    return np.asarray((6 * votes + 4 * near + far) / 16, np.float32)


def _peaks(votes: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return rows and degrees of the peaks of ``(k, n)`` circular histograms, by row and falling height."""
    before, after = np.roll(votes, 1, axis=1), np.roll(votes, -1, axis=1)
    highest = votes.max(axis=1, keepdims=True, initial=0)
    rows, columns = np.nonzero((votes > before) & (votes >= after) & (votes >= PEAK * highest))
    order = np.lexsort((-votes[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    left, middle, right = before[rows, columns], votes[rows, columns], after[rows, columns]
    refined = columns + 0.5 * (left - right) / (left - 2 * middle + right)
    return rows, np.asarray(refined * (360 / votes.shape[1]) % 360, np.float32)
