"""Pillow's reader for each format, limited to reading pixels.

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
    """A JPEG opened without its print resolution, for which Pillow would parse all EXIF."""

    def _read_dpi_from_exif(self) -> None:
        pass


class Tiff(TiffImageFile):
    """A TIFF decoded without rotating it and without parsing its EXIF."""

    def load_end(self) -> None:
        """Do nothing; keep the picture as decoded."""


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
"""The opener of each format name (see `formats.format_of`); it takes a file object."""
