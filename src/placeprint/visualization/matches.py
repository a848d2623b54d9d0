"""Two photos side by side with the matches that prove they show the same place.

Every inlier is a dot in both photos; lines join a subset spread over the picture, colored by where they start
from left to right, so that the eye can follow each and sees at once whether they agree.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.images import resize
from placeprint.types import Answer, Floats, Image

HEIGHT = 480
GAP = 12
BAND = 34
MAX_LINES = 40
INK = (32, 33, 36)


def draw_matches(
    query: Image,
    database: Image,
    points: Floats,
    title: str = "",
) -> Image:
    """Draw matches between two photos.

    Args:
        query: ``(H, W, 3)`` uint8 RGB, drawn left.
        database: the same, drawn right.
        points: ``(n, 2, 2)`` pixels: of each match the point in the query and the one in the database photo.
        title: a line of text above.

    Returns:
        ``(514, W', 3)`` uint8 RGB: both photos at 480 px height below a band with the title.
    """
    import cv2

    left, left_factor = _scaled(query)
    right, right_factor = _scaled(database)
    offset = left.shape[1] + GAP
    canvas = np.full((HEIGHT + BAND, offset + right.shape[1], 3), 255, np.uint8)
    canvas[BAND:, : left.shape[1]] = left
    canvas[BAND:, offset:] = right
    ends_left = (points[:, 0] + 0.5) * left_factor - 0.5 + (0, BAND)
    ends_right = (points[:, 1] + 0.5) * right_factor - 0.5 + (offset, BAND)
    colors = _colors(ends_left[:, 0] / max(left.shape[1], 1))
    for index in _spread(ends_left, MAX_LINES):
        start, end = _fixed(ends_left[index]), _fixed(ends_right[index])
        cv2.line(canvas, start, end, INK, 3, cv2.LINE_AA, 4)
        cv2.line(canvas, start, end, colors[index], 1, cv2.LINE_AA, 4)
    for start, end, color in zip(ends_left, ends_right, colors, strict=True):
        for point in (start, end):
            cv2.circle(canvas, _fixed(point), 4 * 16, INK, -1, cv2.LINE_AA, 4)
            cv2.circle(canvas, _fixed(point), 3 * 16, color, -1, cv2.LINE_AA, 4)
    return _with_title(canvas, title)


def draw_answer(query: Image, database: Image, answer: Answer) -> Image:
    """Draw an answer's first candidate with its verified matches and its verdict.

    Args:
        query: the query as read.
        database: the photo of the first candidate.
        answer: its first candidate has been verified, and its features carry keypoints for the database.
    """
    first = answer.evidence[0]
    name = Path(first.path).name
    count = first.num_inliers or 0
    title = f"{first.verdict}: {name}   {count} verified matches, similarity {first.similarity:.2f}"
    if first.verification is None:
        return draw_matches(query, database, np.zeros((0, 2, 2), np.float32), title)
    return draw_matches(query, database, first.verification.points[first.verification.inliers], title)


def write_picture(path: Path, picture: Image) -> None:
    """Write an RGB picture as PNG or JPEG, by the suffix of the path."""
    import PIL.Image

    PIL.Image.fromarray(picture).save(path, quality=88)


def _scaled(image: Image) -> tuple[Image, NDArray[np.float64]]:
    """Return the photo at the common height, and the factors of x and y."""
    height, width = image.shape[:2]
    new_width = max(1, round(width * HEIGHT / height))
    return resize(image, (new_width, HEIGHT)), np.array([new_width / width, HEIGHT / height])


def _spread(points: NDArray[np.float64], count: int) -> list[int]:
    """Return the indices of at most ``count`` points far from each other (farthest-point sampling)."""
    if len(points) <= count:
        return list(range(len(points)))
    chosen = [0]
    distance = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen


def _colors(fractions: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    import cv2

    levels = np.clip(20 + 215 * fractions, 0, 255).astype(np.uint8).reshape(-1, 1)
    if not len(levels):
        return []
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[:, 0]
    return [(int(r), int(g), int(b)) for b, g, r in bgr]


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    """Return a point in sixteenths of a pixel, for OpenCV's ``shift=4``."""
    return round(float(point[0]) * 16), round(float(point[1]) * 16)


def _with_title(canvas: Image, title: str) -> Image:
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    picture = PIL.Image.fromarray(canvas)
    font = PIL.ImageFont.load_default(16)
    PIL.ImageDraw.Draw(picture).text((8, 7), title, INK, font)
    return np.asarray(picture, np.uint8)
