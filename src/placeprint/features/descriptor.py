"""Our own SIFT descriptor and dominant directions (Lowe, IJCV 2004, sections 5 and 6), for all keypoints at once.

Descriptor (section 6). Round a keypoint of diameter D and angle a lies a square of ``cells x cells`` cells, turned by
a; the side of a cell is ``width`` sigmas, sigma = D / 2. Each gradient in it is added to a histogram of ``bins``
directions a cell, with its length times a Gaussian of half the square's side, shared out linearly between the two
nearest cells in x and in y and the two nearest directions. The vector of all histograms is brought to unit length,
cut at ``clip`` and brought to unit length again.

The gradients are looked up on a grid of ``patch x patch`` points that is the same for all keypoints in a keypoint's own
frame. So window and sharing between cells are one constant matrix of shape (cells^2, patch^2), and the histograms of
many keypoints are one product of it with the lengths, once for each direction.

Departures from the paper: the grid covers half a cell more on each side than the cells, as far as a gradient has a
share in one (OpenCV does the same; the paper's 16 x 16 samples end with the cells), and its points come with the
keypoint's size instead of being whole pixels of a level. Conventions and layout are OpenCV's: row of cells, column of
cells, direction; directions run from the keypoint's angle *against* the direction in which angles grow.

Directions (section 5): a histogram of 36 directions of the gradients round a point, with a Gaussian of 1.5 sigma,
smoothed; the highest peak and all of at least 0.8 of it, each refined by a parabola, are angles of keypoints. Votes are
shared between the two nearest directions, which the paper leaves open; OpenCV gives them to one.
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
"""Gradients worked on at once: what stays in the processor's cache."""
DIRECTIONS = 36
PEAK = 0.8
"""Share of the highest peak another must reach."""
FAINT = 1e-3
"""Gradients of fewer grey levels a pixel of the level are taken for rounding errors: a blank picture stays blank."""
ROUND = 16
"""Gradients looked up along each side round a point for its directions."""


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
        image: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 grey, or the scale space of one.
        keypoints: ``(k, 4)`` float32: x, y and diameter in pixels, and the angle in degrees from the x to the y axis.
        patch: gradients looked up along each side of a keypoint's square.
        cells: along each side.
        bins: directions told apart.
        width: side of a cell in sigmas; sigma is half the diameter.
        clip: no value is above this before the last normalization.
        root: RootSIFT, see `root_sift`.

    Returns:
        ``(k, cells * cells * bins)`` float32 rows of unit length; zeros where there is no gradient or no picture.

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
    """Return the histograms that descriptors are made of; parameters and errors are those of `describe`.

    Returns:
        ``(k, cells * cells * bins)`` float32, in grey levels of 0 to 255 a pixel of the picture: a row's sum is
        the mean length of the gradients under the window, less what lies beyond the outer cells or the picture.
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
    """Return ``(k, d)`` descriptors of unit length of ``(k, d)`` histograms; zero rows stay zero."""
    rows = normalize(np.minimum(normalize(raw), np.float32(clip)))
    return root_sift(rows) if root else rows


def orientations(image: Image | ScaleSpace, points: Floats, diameters: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Find the dominant directions of the gradients round points.

    Args:
        image: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 grey, or the scale space of one.
        points: ``(k, 2)`` float32, ``(x, y)`` in pixels.
        diameters: ``(k,)`` float32 pixels, twice sigma.

    Returns:
        ``(m,)`` rows of the points, rising, and ``(m,)`` float32 angles in [0, 360) from the x to the y axis. A point
        has one or more, the highest peak first; none where there is no gradient.

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
    """Return ``(samples^2, 2)`` points ``(x, y)`` of a square grid round 0 that covers a side, row by row."""
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
    """Look up the gradients of keypoints on a grid in their own frames.

    Args:
        level: to look them up in.
        keypoints: ``(k, 4)``.
        grid: ``(s, 2)``.
        width: sigmas to a unit of the grid.

    Returns:
        ``(k, s)`` lengths, and ``(k, s)`` directions from the keypoint's angle in turns, in [0, 1].
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
    """Return how much of gradients of ``(k, s)`` directions in [0, bins] goes to a direction of the histogram."""
    if bins == 1:
        return np.ones_like(directions)
    away = np.abs(directions - np.float32(index))
    np.minimum(away, np.float32(bins) - away, out=away)  # the last direction is beside the first
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
