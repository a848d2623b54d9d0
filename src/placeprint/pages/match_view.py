"""Two photos with the matches between them, as SVG: hovering over a match shows where it is in both.

The photos are in the page once. They are drawn side by side if there is room, and one below the other on a phone; both
drawings use the same picture elements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.pages.pictures import PagePicture
from placeprint.types import Floats
from placeprint.visualization.matches import far_apart

MOST = 80
"""Most matches drawn, spread over the picture."""
ACROSS = 1200.0
"""Width of the drawing side by side, in its own units."""
GAP = 16.0


@dataclass(frozen=True)
class Joined:
    """One match in a drawing, in its units."""

    x1: float
    y1: float
    x2: float
    y2: float
    hue: int


@dataclass(frozen=True)
class Placed:
    """Where a photo is in a drawing, in its units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """One drawing of both photos.

    Args:
        name: ``"beside"`` or ``"below"``.
        width: of the drawing, in its units.
        height: of the drawing, in its units.
        first: where the first photo is.
        second: where the second photo is.
        matches: the matches drawn.
        dot: radius of a dot.
    """

    name: str
    width: float
    height: float
    first: Placed
    second: Placed
    matches: tuple[Joined, ...]
    dot: float


@dataclass(frozen=True)
class MatchView:
    """Two photos with matches.

    Args:
        name: unique in the page.
        first: the first photo.
        second: the second photo.
        layouts: the drawings.
        total: matches, of which the drawings show up to `MOST`.
        label: what the drawing shows, in words.
    """

    name: str
    first: PagePicture
    second: PagePicture
    layouts: tuple[Layout, ...]
    total: int
    label: str


def match_view(
    first: PagePicture, second: PagePicture, points: Floats, label: str, *, name: str = "matches"
) -> MatchView:
    """Return two photos with their matches.

    Args:
        first: the picture of the query.
        second: the picture of the other photo.
        points: ``(n, 2, 2)`` for each match the point in the one and in the other, in pixels of the photos as read.
        label: what is shown, in words.
        name: unique in the page.
    """
    shown = np.asarray(points, np.float64)[far_apart(np.asarray(points)[:, 0], MOST)]
    return MatchView(
        name,
        first,
        second,
        (_beside(first, second, shown), _below(first, second, shown)),
        len(points),
        label,
    )


def _beside(first: PagePicture, second: PagePicture, points: NDArray[np.float64]) -> Layout:
    ratios = first.width / first.height, second.width / second.height
    height = (ACROSS - GAP) / sum(ratios)
    one = Placed(0, 0, height * ratios[0], height)
    two = Placed(one.width + GAP, 0, height * ratios[1], height)
    return Layout("beside", ACROSS, height, one, two, _joined(first, second, points, one, two), 4.5)


def _below(first: PagePicture, second: PagePicture, points: NDArray[np.float64]) -> Layout:
    width = ACROSS / 2
    one = Placed(0, 0, width, width * first.height / first.width)
    two = Placed(0, one.height + GAP, width, width * second.height / second.width)
    return Layout("below", width, two.y + two.height, one, two, _joined(first, second, points, one, two), 5.5)


def _joined(
    first: PagePicture, second: PagePicture, points: NDArray[np.float64], one: Placed, two: Placed
) -> tuple[Joined, ...]:
    ends = []
    for side, (picture, place) in enumerate(((first, one), (second, two))):
        factor = picture.scale * place.width / picture.width
        ends.append((points[:, side] + 0.5) * factor + (place.x, place.y))
    hues = 190 + 150 * (ends[0][:, 0] - one.x) / max(one.width, 1)
    return tuple(
        Joined(round(start[0], 1), round(start[1], 1), round(stop[0], 1), round(stop[1], 1), round(hue))
        for start, stop, hue in zip(ends[0].tolist(), ends[1].tolist(), hues.tolist(), strict=True)
    )
