"""Draw one photo over the other by the transform between them: gray where they fit, colored where not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Image
from placeprint.visualization.canvas import scaled, with_title


def draw_overlay(query: Image, database: Image, transform: NDArray[np.float64], title: str = "") -> Image:
    """Draw the query in red, warped into the database photo, over the database photo in cyan.

    Both show brightness only. The query gets the mean and contrast of the database photo, so that aligned edges vanish
    into gray.

    Args:
        query: ``(H, W, 3)`` uint8 RGB.
        database: the same.
        transform: ``(3, 3)`` homography, affine or similarity from query to database pixels.
        title: a line of text above.

    Returns:
        ``(514, W', 3)`` uint8 RGB: the database photo's frame at 480 px height below a band with the title.
    """
    import cv2

    height, width = database.shape[:2]
    target = cv2.cvtColor(database, cv2.COLOR_RGB2GRAY)
    moved = cv2.warpPerspective(cv2.cvtColor(query, cv2.COLOR_RGB2GRAY), transform, (width, height))
    covered = cv2.warpPerspective(np.full(query.shape[:2], 255, np.uint8), transform, (width, height)) > 254
    red = np.asarray(target, np.float64)
    if covered.sum() > 1:
        inside = np.asarray(moved, np.float64)[covered]
        spread = max(float(inside.std()), 1.0)
        red[covered] = (inside - inside.mean()) * (red[covered].std() / spread) + red[covered].mean()
    blended = np.stack([np.clip(red, 0, 255).astype(np.uint8), target, target], axis=2)
    return with_title(scaled(np.ascontiguousarray(blended))[0], title)
