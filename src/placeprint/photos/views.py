"""Seeded synthetic views of a photo, as if taken from another position in different light.

They are queries whose right answer is known without labels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from placeprint.types import Image

INSET = 0.02, 0.25
"""How far each corner of the view lies inside the photo, as shares of width and height."""
ROTATION = 10.0
"""Degrees, at most, in either direction."""
GAMMA, COLOR, LIGHT = (0.5, 2.0), (0.8, 1.2), (0.6, 1.2)
"""Ranges of the exponent, of the factor of each color, and of the factor of all."""
BLUR, NOISE = (0.3, 2.0), (0.0, 10.0)
"""Ranges of two standard deviations: pixels of a photo whose longest side has 640, and gray levels of 255."""


def view_of(image: Image, random: np.random.Generator) -> Image:
    """Return a view of a photo: a crop with perspective and a small rotation, then contrast, color, blur and noise.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        random: what decides.

    Returns:
        An image of the same size.

    Example:
        >>> photo = np.zeros((48, 64, 3), np.uint8)
        >>> view_of(photo, np.random.default_rng(0)).shape
        (48, 64, 3)
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inset = random.uniform(*INSET, (4, 2)) * [width, height]
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    angle = np.radians(random.uniform(-ROTATION, ROTATION))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([width, height]) / 2
    source = ((corners + inset * inward - middle) @ rotation.T + middle).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners)
    warped = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    seen: NDArray[np.floating] = 255 * (warped.astype(np.float32) / 255) ** random.uniform(*GAMMA)
    seen = seen * random.uniform(*COLOR, 3) * random.uniform(*LIGHT)
    seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), random.uniform(*BLUR) * max(width, height) / 640))
    seen = seen + random.normal(0, random.uniform(*NOISE), seen.shape)
    return np.asarray(seen.clip(0, 255), np.uint8)
