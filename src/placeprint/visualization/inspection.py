"""Draw what units of a network respond to: crops of photos above the signals traced back from them.

Zeiler and Fergus (ECCV 2014), figure 2. Departure: they crop the receptive field of a unit. In recent networks that
soon exceeds the photo, so here the crop is where the traced signal is: see `area_of`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import ShapeError
from placeprint.photos import resize
from placeprint.types import Floats, Image
from placeprint.visualization.canvas import side_by_side, with_title

TILE = 112
"""Side of a crop in pixels of the drawn picture."""
GAP = 4
NOTHING = 128
"""Gray level of a zero signal."""
ENERGY = 0.9
"""Share of a signal's energy inside its area, in x and in y."""
UNCUT = 0.998
"""Share of a signal's values that are not clipped."""
MIN_SIDE = 8
"""Smallest side of a crop in pixels of the photo."""

Area = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two are the first outside."""


def draw_signal(signal: Floats) -> Image:
    """Draw a traced signal: gray is zero, brighter is above zero, darker below, with the same contrast on both sides.

    Args:
        signal: ``(3, H, W)``, from `networks.deconvnet.reconstruct`; the strongest 0.2 percent are clipped.

    Returns:
        ``(H, W, 3)`` uint8 RGB, all gray when the signal is zero.

    Raises:
        ShapeError: the signal has another shape.

    Example:
        >>> draw_signal(np.array([[[0.0, 2.0, -1.0]]] * 3, np.float32))[0, :, 0].tolist()
        [128, 255, 64]
    """
    _check(signal)
    strengths = np.abs(signal)
    top = float(np.quantile(strengths, UNCUT, method="higher")) or float(strengths.max(initial=0))
    if top == 0:
        return np.full((*signal.shape[1:], 3), NOTHING, np.uint8)
    levels = np.clip(np.rint(NOTHING + 128 * np.clip(signal / top, -1, 1)), 0, 255)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


def area_of(signal: Floats) -> Area:
    """Return the area of a signal: nine tenths of its energy in x, and nine tenths in y.

    Args:
        signal: ``(3, H, W)``.

    Returns:
        Left, top, right, bottom; the whole picture when the signal is zero.

    Raises:
        ShapeError: the signal has another shape.

    Example:
        >>> signal = np.zeros((3, 10, 20), np.float32)
        >>> signal[:, 4:6, 7] = 1
        >>> area_of(signal)
        (7, 4, 8, 6)
    """
    _check(signal)
    energy = (np.asarray(signal, np.float64) ** 2).sum(axis=0)
    if energy.sum() == 0:
        return 0, 0, signal.shape[2], signal.shape[1]
    (left, right), (top, bottom) = (_middle(energy.sum(axis=axis)) for axis in (0, 1))
    return left, top, right, bottom


def common_side(areas: Sequence[Area]) -> int:
    """Return the side in pixels of squares that cover at least half of the areas, at least 8."""
    sides = [max(right - left, bottom - top) for left, top, right, bottom in areas]
    return max(MIN_SIDE, math.ceil(float(np.median(sides)))) if sides else MIN_SIDE


def cut_out(picture: Image, area: Area, side: int) -> Image:
    """Return the square around the center of an area, moved to stay inside the picture.

    Args:
        picture: ``(H, W, 3)``.
        area: the area in pixels of the picture.
        side: the side in pixels, at most the shorter side of the picture.
    """
    height, width = picture.shape[:2]
    side = min(side, height, width)
    left, top = (
        min(max(0, (start + end - side) // 2), length - side)
        for start, end, length in ((area[0], area[2], width), (area[1], area[3], height))
    )
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def pieces(photo: Image, signal: Floats, area: Area, side: int) -> tuple[Image, Image]:
    """Return the crop of a photo and the drawn crop of its signal, each 112 x 112 pixels.

    Args:
        photo: ``(H, W, 3)`` uint8 RGB.
        signal: ``(3, H, W)``.
        area: the area whose center is the center of the crop.
        side: the side of the crop in pixels of the photo.

    Raises:
        ShapeError: the signal does not have the photo's size.
    """
    _check(signal)
    if signal.shape[1:] != photo.shape[:2]:
        raise ShapeError(f"the signal must have shape (3, {photo.shape[0]}, {photo.shape[1]}), got {signal.shape}")
    piece = cut_out(np.ascontiguousarray(signal.transpose(1, 2, 0)), area, side)
    drawn = draw_signal(np.asarray(piece.transpose(2, 0, 1), np.float32))
    return resize(cut_out(photo, area, side), (TILE, TILE)), resize(drawn, (TILE, TILE))


def draw_units(units: Sequence[tuple[str, Sequence[tuple[Image, Image]]]]) -> Image:
    """Draw units below each other: a title, a row of crops of photos, and below each crop its reconstruction.

    Args:
        units: for each unit its title and at least one pair from `pieces`.

    Returns:
        ``(H, W, 3)`` uint8 RGB, white where a unit has fewer crops than another.

    Raises:
        ShapeError: there are no units, or one has no crops.
    """
    if not units or not all(pairs for _, pairs in units):
        raise ShapeError("there must be at least one unit, and one crop of each")
    most = max(len(pairs) for _, pairs in units)
    white = np.full((TILE, TILE, 3), 255, np.uint8)
    drawn = []
    for title, pairs in units:
        padded = [*pairs, *[(white, white)] * (most - len(pairs))]
        photos, signals = (side_by_side([pair[which] for pair in padded], GAP) for which in (0, 1))
        gap = np.full((GAP, photos.shape[1], 3), 255, np.uint8)
        drawn.append(with_title(np.concatenate([photos, gap, signals]), title))
    return np.concatenate(drawn)


def _check(signal: Floats) -> None:
    if signal.ndim != 3 or signal.shape[0] != 3 or 0 in signal.shape:
        raise ShapeError(f"a signal must have shape (3, H, W), got {signal.shape}")


def _middle(energy: NDArray[np.float64]) -> tuple[int, int]:
    """Return the start and end of the part with equal energy before and after it."""
    share = np.cumsum(energy) / energy.sum()
    rest = (1 - ENERGY) / 2
    return int(np.searchsorted(share, rest, side="right")), int(np.searchsorted(share, 1 - rest)) + 1
