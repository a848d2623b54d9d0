"""Draw a network's attention over a photo, as in the figures of DELF (Noh et al., ICCV 2017)."""

from __future__ import annotations

import numpy as np

from placeprint.errors import ShapeError
from placeprint.types import Floats, Image
from placeprint.visualization.canvas import scaled, with_title

OPACITY = 0.6
"""Opacity of the colors where the attention is highest; where it is lowest the photo shows in gray."""
ENDS = (2.0, 99.0)
"""Percentiles of the attention with the first and the last color."""


def draw_attention(image: Image, attention: Floats, title: str = "") -> Image:
    """Draw attention over a gray photo, from blue for little to red for much.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, the photo.
        attention: ``(H, W)``, one value per pixel; only their order within the photo counts.
        title: a line of text above; by default the range of the attention.

    Returns:
        ``(514, W', 3)`` uint8 RGB: the photo at 480 px height below a band with the title.

    Raises:
        ShapeError: the attention does not have the image's size.
    """
    import cv2

    if attention.shape != image.shape[:2]:
        raise ShapeError(f"attention must have the shape of its image, {image.shape[:2]}, got {attention.shape}")
    picture, _ = scaled(image)
    gray = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float32)
    low, high = (float(end) for end in np.percentile(attention, ENDS))
    levels = np.clip((np.asarray(attention, np.float32) - low) / max(high - low, 1e-12), 0, 1)
    levels = cv2.resize(levels, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors = cv2.applyColorMap(np.rint(255 * levels).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    opacity = (OPACITY * np.sqrt(levels))[..., None]
    mixed = np.rint((1 - opacity) * gray + opacity * colors).astype(np.uint8)
    return with_title(mixed, title or f"attention from {attention.min():.3g} to {attention.max():.3g}")
