"""Draw the keypoints of one photo: position, size, orientation, and which were chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Image, LocalFeatures
from placeprint.visualization.canvas import BAND, GREY, INK, colors_of, fixed, scaled, with_title

CHOSEN = (255, 176, 0)


def draw_keypoints(image: Image, features: LocalFeatures, title: str = "") -> Image:
    """Draw each keypoint as a circle of its diameter, with a line for its orientation.

    Keypoints without scales are dots; colors go from blue for the weakest to red for the strongest.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, the photo.
        features: the features in pixels of the photo.
        title: a line of text above; by default the number of keypoints.

    Returns:
        ``(514, W', 3)`` uint8 RGB: the photo at 480 px height below a band with the title.
    """
    import cv2

    picture, factor = scaled(image)
    canvas = with_title(picture, title or f"{len(features)} keypoints")
    centers = (features.keypoints + 0.5) * factor - 0.5 + (0, BAND)
    ranks = np.empty(len(features))
    ranks[np.argsort(features.scores, kind="stable")] = np.linspace(0, 1, len(features))
    radii = None if features.scales is None else features.scales * float(factor[0]) / 2
    for index in np.argsort(ranks):
        color = colors_of(ranks[index : index + 1])[0]
        if radii is None:
            cv2.circle(canvas, fixed(centers[index]), 2 * 16, color, -1, cv2.LINE_AA, 4)
            continue
        radius = max(2.0, float(radii[index]))
        cv2.circle(canvas, fixed(centers[index]), round(radius * 16), INK, 2, cv2.LINE_AA, 4)
        cv2.circle(canvas, fixed(centers[index]), round(radius * 16), color, 1, cv2.LINE_AA, 4)
        if features.angles is not None:
            angle = np.radians(float(features.angles[index]))
            tip = centers[index] + radius * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(canvas, fixed(centers[index]), fixed(tip), color, 1, cv2.LINE_AA, 4)
    return canvas


def draw_selection(image: Image, features: LocalFeatures, chosen: NDArray[np.bool_], title: str = "") -> Image:
    """Draw the chosen keypoints over all of them: orange over gray.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, the photo.
        features: the features in pixels of the photo.
        chosen: ``(n,)`` bool.
        title: a line of text above; by default the two counts.

    Returns:
        ``(514, W', 3)`` uint8 RGB.
    """
    import cv2

    picture, factor = scaled(image)
    canvas = with_title(picture, title or f"{int(chosen.sum())} chosen of {len(features)} keypoints")
    centers = (features.keypoints + 0.5) * factor - 0.5 + (0, BAND)
    for center in centers[~chosen]:
        cv2.circle(canvas, fixed(center), 2 * 16, GREY, -1, cv2.LINE_AA, 4)
    for center in centers[chosen]:
        cv2.circle(canvas, fixed(center), 4 * 16, INK, -1, cv2.LINE_AA, 4)
        cv2.circle(canvas, fixed(center), 3 * 16, CHOSEN, -1, cv2.LINE_AA, 4)
    return canvas
