"""Draw two photos side by side with the matches that prove that they show the same place.

Every inlier is a dot in both photos; lines join a subset spread over the picture. Colors go from left to right, so the
eye can follow each match and see at once whether they agree; or, with `errors`, they show the residual. Outliers, if
requested, are thin gray lines underneath.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Answer, Floats, Image
from placeprint.visualization.canvas import BAND, GREY, INK, colors_of, fixed, scaled, side_by_side, with_title

GAP = 12
MAX_LINES = 40


def draw_matches(
    query: Image,
    database: Image,
    points: Floats,
    title: str = "",
    *,
    errors: NDArray[np.floating] | None = None,
    tolerance: float = 3.0,
    outliers: Floats | None = None,
) -> Image:
    """Draw matches between two photos.

    Args:
        query: ``(H, W, 3)`` uint8 RGB, drawn left.
        database: the same, drawn right.
        points: ``(n, 2, 2)`` pixels: for each match the point in the query and the point in the database photo.
        title: a line of text above.
        errors: ``(n,)`` residuals in pixels that set the colors, green at 0, red at `tolerance`.
        tolerance: the largest residual of an inlier, in pixels.
        outliers: ``(m, 2, 2)`` matches that do not follow the transform; None to draw none.

    Returns:
        ``(514, W', 3)`` uint8 RGB: both photos at 480 px height below a band with the title.
    """
    import cv2

    left, left_factor = scaled(query)
    right, right_factor = scaled(database)
    canvas = with_title(side_by_side([left, right], GAP), title)
    shift = left.shape[1] + GAP

    def ends(pairs: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (
            (pairs[:, 0] + 0.5) * left_factor - 0.5 + (0, BAND),
            (pairs[:, 1] + 0.5) * right_factor - 0.5 + (shift, BAND),
        )

    if outliers is not None:
        for start, end in zip(*ends(outliers), strict=True):
            cv2.line(canvas, fixed(start), fixed(end), GREY, 1, cv2.LINE_AA, 4)
    starts, stops = ends(points)
    if errors is None:
        colors = colors_of(starts[:, 0] / max(left.shape[1], 1))
    else:
        colors = colors_of(np.asarray(errors) / tolerance, "error")
    for index in far_apart(starts, MAX_LINES):
        cv2.line(canvas, fixed(starts[index]), fixed(stops[index]), INK, 3, cv2.LINE_AA, 4)
        cv2.line(canvas, fixed(starts[index]), fixed(stops[index]), colors[index], 1, cv2.LINE_AA, 4)
    for start, end, color in zip(starts, stops, colors, strict=True):
        for point in (start, end):
            cv2.circle(canvas, fixed(point), 4 * 16, INK, -1, cv2.LINE_AA, 4)
            cv2.circle(canvas, fixed(point), 3 * 16, color, -1, cv2.LINE_AA, 4)
    return canvas


def draw_answer(query: Image, database: Image, answer: Answer) -> Image:
    """Draw an answer's first candidate with its verified matches and its verdict.

    Args:
        query: the query as read.
        database: the photo of the first candidate.
        answer: an answer whose first candidate has been verified.
    """
    first = answer.evidence[0]
    name = Path(first.path).name
    count = first.num_inliers or 0
    title = f"{first.verdict}: {name}   {count} verified matches, similarity {first.similarity:.2f}"
    if first.verification is None:
        return draw_matches(query, database, np.zeros((0, 2, 2), np.float32), title)
    return draw_matches(query, database, first.verification.points[first.verification.inliers], title)


def far_apart(points: NDArray[np.floating], count: int) -> list[int]:
    """Return the indices of at most ``count`` of ``(n, d)`` points far from each other (farthest-point sampling)."""
    if len(points) <= count:
        return list(range(len(points)))
    chosen = [0]
    distance = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen
