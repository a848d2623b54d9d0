"""Real photographs that ship inside installed packages, for the demo, the pictures in the README and tests.

From scikit-image (``skimage.data``: public domain, CC0 or CC BY) and scikit-learn (``china.jpg``, CC BY 2.0).
`rephotograph` simulates a second visit: another viewpoint, light, sharpness and frame.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import Range, Seed, checked
from placeprint.errors import DatasetError
from placeprint.photos import read_image
from placeprint.types import Image

PLACES = {
    "temple": ("sklearn", "datasets/images/china.jpg"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "camera": ("skimage", "data/camera.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "brick": ("skimage", "data/brick.png"),
    "page": ("skimage", "data/page.png"),
    "coins": ("skimage", "data/coins.png"),
}
SECOND_VIEWS = {"motorcycle": ("skimage", "data/motorcycle_right.png")}
ELSEWHERE = {
    "cat": ("skimage", "data/chelsea.png"),
    "galaxies": ("skimage", "data/hubble_deep_field.jpg"),
    "gravel": ("skimage", "data/gravel.png"),
}


def sample_photos(table: dict[str, tuple[str, str]]) -> dict[str, Path]:
    """Return the paths of sample photos by name.

    Args:
        table: `PLACES`, `SECOND_VIEWS` (the other camera of a stereo pair) or `ELSEWHERE`.

    Raises:
        DatasetError: scikit-image or scikit-learn is not installed.
    """
    return {name: _path(package, file) for name, (package, file) in table.items()}


@checked
def rephotograph(
    image: Image,
    *,
    corners: Annotated[float, Range(0, 0.5, below=True)] = 0.12,
    crop: Annotated[float, Range(0, 1, above=True)] = 0.85,
    exposure: Annotated[float, Range(0, 100, above=True)] = 1.0,
    blur: Annotated[float, Range(0, 1000)] = 0.0,
    noise: Annotated[float, Range(0, 1000)] = 4.0,
    seed: Seed = 0,
) -> tuple[Image, NDArray[np.float64]]:
    """Simulate another photo of the same thing.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        corners: how far the corners move, as a share of the sides (a strong homography from 0.15 on).
        crop: the share of each side that stays in the frame.
        exposure: the factor of the light; values above white are clipped.
        blur: the standard deviation of the blur in pixels.
        noise: the standard deviation of the noise in gray levels.
        seed: the seed of the corners and the noise.

    Returns:
        The picture, of the same size, and the ``(3, 3)`` homography from points of the image to points of it.
    """
    import cv2

    generator = np.random.default_rng(seed)
    height, width = image.shape[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64) - 0.5
    center = np.array([width - 1, height - 1]) / 2
    moved = center + (frame - center) * crop + generator.uniform(-1, 1, (4, 2)) * corners * (width, height)
    homography = cv2.getPerspectiveTransform(moved.astype(np.float32), frame.astype(np.float32))
    seen = cv2.warpPerspective(image, homography, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    if blur > 0:
        seen = cv2.GaussianBlur(seen, (0, 0), blur)
    light = np.asarray(seen, np.float64) * exposure
    noisy = np.clip(light + generator.normal(0, noise, seen.shape), 0, 255).astype(np.uint8)
    return noisy, np.asarray(homography, np.float64)


def read_samples(table: dict[str, tuple[str, str]]) -> dict[str, Image]:
    """Return the decoded sample photos by name; raise the same errors as `sample_photos`."""
    return {name: read_image(path) for name, path in sample_photos(table).items()}


def _path(package: str, file: str) -> Path:
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec is not None and spec.origin is not None else None
    if path is None or not path.is_file():
        raise DatasetError(
            "the sample photos are in scikit-image and scikit-learn, which are not installed; "
            "run: pip install 'placeprint[demo]'"
        )
    return path
