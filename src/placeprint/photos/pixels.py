"""Resize, crop, rotate and trim pictures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import PhotoError
from placeprint.photos.decoding import MAX_PIXELS, MIN_SIDE
from placeprint.types import Image

LONGEST_CANVAS = 32_766
"""Longest side of a rotated picture in pixels, because OpenCV counts them in 16 bits."""


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Scale to ``(width, height)``: average pixels to shrink, bicubic interpolation to enlarge."""
    import cv2

    if size == (image.shape[1], image.shape[0]):
        return image
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.uint8)


def crop_image(image: Image, box: tuple[float, float, float, float]) -> Image:
    """Cut out the part between left, top, right and bottom, rounded to pixels and kept within the image.

    Raises:
        PhotoError: a side would have fewer than 16 pixels.

    Example:
        >>> crop_image(np.zeros((100, 200, 3), np.uint8), (10.4, 20, 500, 60)).shape
        (40, 190, 3)
    """
    height, width = image.shape[:2]
    left, right = (min(max(round(edge), 0), width) for edge in (box[0], box[2]))
    top, bottom = (min(max(round(edge), 0), height) for edge in (box[1], box[3]))
    if min(right - left, bottom - top) < MIN_SIDE:
        raise PhotoError(f"the box {box} leaves less than {MIN_SIDE} pixels of a picture of {width} x {height}")
    return np.ascontiguousarray(image[top:bottom, left:right])


def rotate_image(image: Image, degrees: float) -> Image:
    """Rotate an image counter-clockwise; the canvas grows to fit it, with black corners.

    rotations by 90 degrees move pixels and change none.

    Raises:
        PhotoError: the canvas would have more than 200 megapixels, or a side too long for OpenCV.
    """
    quarters, rest = divmod(degrees % 360, 90)
    if rest == 0:
        return np.ascontiguousarray(np.rot90(image, int(quarters)))
    import cv2

    matrix, size = rotation_matrix((image.shape[1], image.shape[0]), degrees)
    if size[0] * size[1] > MAX_PIXELS or max(size) > LONGEST_CANVAS:
        raise PhotoError(
            f"rotated by {degrees:g} degrees the picture has {size[0]} x {size[1]} pixels, more than "
            f"{MAX_PIXELS // 1_000_000} megapixels or {LONGEST_CANVAS} on a side; shrink it first"
        )
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)


def rotation_matrix(size: tuple[int, int], degrees: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the ``(2, 3)`` matrix from points of an image to points of the rotated one, and its size.

    Example:
        >>> matrix, size = rotation_matrix((640, 480), 90)
        >>> size, (matrix @ [639, 0, 1]).round(6).tolist()
        ((480, 640), [0.0, 0.0])
    """
    width, height = size
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    new_width = round(abs(width * cosine) + abs(height * sine))
    new_height = round(abs(width * sine) + abs(height * cosine))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    new_center = np.array([(new_width - 1) / 2, (new_height - 1) / 2])
    return np.column_stack([turn, new_center - turn @ center]), (new_width, new_height)


def trim_border(image: Image, darkest: int = 2) -> tuple[Image, tuple[int, int]]:
    """Crop rows and columns at the border that are entirely black.

    Args:
        image: ``(H, W, 3)`` uint8.
        darkest: gray levels up to this are black.

    Returns:
        The cropped image, and the ``(x, y)`` of its first pixel in the original. An entirely black image is not
        cropped.
    """
    rows = np.flatnonzero(image.max(axis=(1, 2)) > darkest)
    columns = np.flatnonzero(image.max(axis=0).max(axis=1) > darkest)
    if not len(rows):
        return image, (0, 0)
    left, top = int(columns[0]), int(rows[0])
    return np.ascontiguousarray(image[top : rows[-1] + 1, left : columns[-1] + 1]), (left, top)
