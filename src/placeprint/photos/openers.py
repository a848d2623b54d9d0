"""Pillow's reader of each format, without what they do beside reading pixels.

Importing this module imports Pillow; `decoding` does so when the first photo is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pillow_heif
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile


class Jpeg(JpegImageFile):
    """A JPEG whose resolution in print does not matter: Pillow parses all EXIF for it while it opens the file."""

    def _read_dpi_from_exif(self) -> None:
        pass


class Tiff(TiffImageFile):
    """A TIFF that is not rotated, and whose EXIF is not parsed, while it is decoded."""

    def load_end(self) -> None:
        """Leave the picture as it was decoded."""


OPENERS: dict[str, Callable[[Any], ImageFile]] = {
    "AVIF": AvifImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "HEIF": pillow_heif.HeifImageFile,
    "JPEG": Jpeg,
    "JPEG2000": Jpeg2KImageFile,
    "PNG": PngImageFile,
    "PPM": PpmImageFile,
    "TIFF": Tiff,
    "WEBP": WebPImageFile,
}
"""From the name of a format (`formats.format_of`) to what opens a file object of it."""
