"""Shared drawing functions: a common height, a title, colors, and subpixel points."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import write_atomically
from placeprint.core.outputs import MADE_BY, PICTURE, check_output
from placeprint.errors import OptionError
from placeprint.photos import resize
from placeprint.types import Image

HEIGHT = 480
BAND = 34
INK = (32, 33, 36)
GREY = (150, 153, 158)
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
Color = tuple[int, int, int]


def scaled(image: Image, height: int = HEIGHT) -> tuple[Image, NDArray[np.float64]]:
    """Return the photo scaled to a height, and the factors of x and y."""
    rows, columns = image.shape[:2]
    width = max(1, round(columns * height / rows))
    return resize(image, (width, height)), np.array([width / columns, height / rows])


def with_title(picture: Image, title: str) -> Image:
    """Return the ``(H, W, 3)`` picture below a white band of 34 pixels with a line of text, cut to the width."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    band = np.full((BAND, picture.shape[1], 3), 255, np.uint8)
    drawn = PIL.Image.fromarray(np.concatenate([band, picture]))
    PIL.ImageDraw.Draw(drawn).text((8, 7), title, INK, PIL.ImageFont.load_default(16))
    return np.array(drawn, np.uint8)


def side_by_side(pictures: Sequence[Image], gap: int = 12) -> Image:
    """Return pictures of one height side by side, with white between them."""
    space = np.full((pictures[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, space)][:-1]
    return np.concatenate(parts, axis=1)


def colors_of(levels: NDArray[np.floating], colormap: str = "turbo") -> list[Color]:
    """Return a color for each of ``(n,)`` levels in [0, 1].

    Args:
        levels: values in [0, 1]; values outside get the color of the nearest end.
        colormap: ``"turbo"`` (blue to red), or ``"error"`` (green to red).
    """
    values = np.clip(np.nan_to_num(levels), 0, 1)
    if colormap == "error":
        red, green = np.minimum(1, 2 * values), np.minimum(1, 2 - 2 * values)
        return [(int(40 + 200 * r), int(30 + 180 * g), 40) for r, g in zip(red, green, strict=True)]
    import cv2

    steps = np.asarray(20 + 215 * values, np.uint8).reshape(-1, 1)
    if not len(steps):
        return []
    bgr = cv2.applyColorMap(steps, cv2.COLORMAP_TURBO)[:, 0]
    return [(int(r), int(g), int(b)) for b, g, r in bgr]


def fixed(point: NDArray[np.floating]) -> tuple[int, int]:
    """Return a point in sixteenths of a pixel, for OpenCV's ``shift=4``."""
    return round(float(point[0]) * 16), round(float(point[1]) * 16)


def check_picture(path: Path, inputs: Iterable[Path | str | None] = ()) -> None:
    """Check, before any work, that a picture can be written under this name.

    Args:
        path: the path of the picture.
        inputs: files that must not be overwritten; None entries are ignored.

    Raises:
        OptionError: the suffix is not that of a supported format.
        WriteError: the path has something else, or it cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise OptionError(f"a picture's name must end in .png, .jpg or .webp, got {path.name!r}")
    check_output(path, PICTURE, inputs)


def write_picture(path: Path, picture: Image, *, about: str = "") -> None:
    """Write an RGB picture as PNG, JPEG or WebP, by the suffix of the path; missing parent folders are created.

    Args:
        path: the path of the picture; only an earlier picture of placeprint is replaced.
        picture: ``(H, W, 3)`` uint8.
        about: what the picture shows, stored in the file beside placeprint's mark.

    Raises:
        OptionError: the suffix is not that of a supported format, or the format does not allow that many pixels.
        WriteError: the path has something else, or it cannot be written.
    """
    import PIL.Image
    from PIL.ExifTags import Base

    check_picture(path)
    exif = PIL.Image.Exif()
    exif[Base.Software] = f"{MADE_BY} {about}".rstrip()
    data = io.BytesIO()
    try:
        PIL.Image.fromarray(picture).save(data, FORMATS[path.suffix.lower()], quality=88, exif=exif.tobytes())
    except (OSError, ValueError) as error:  # JPEG allows 65,500 pixels per side, WebP 16,383
        height, width = picture.shape[:2]
        raise OptionError(f"{width} x {height} pixels do not fit into {path.name!r}; name a .png") from error
    write_atomically(path, data.getvalue())
