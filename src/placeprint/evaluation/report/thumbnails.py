"""Photos inside a page: small JPEG copies as data URIs, each once, up to a number of bytes."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from placeprint.errors import PhotoError
from placeprint.features.resizing import resize_longest
from placeprint.photos import read_image
from placeprint.types import Image

QUALITY = 70
THUMB = 144
"""Longest side of a thumb in pixels."""


@dataclass
class Album:
    """Copies of photos for one page.

    Args:
        max_bytes: of all copies together, as they stand in the page; photos beyond it are left out and counted.

    Attributes:
        left_out: count of photos asked for that there was no room for.
        unreadable: count of those that cannot be read.
        thumbs: by name, the copies that the page shows more than once.
    """

    max_bytes: int
    left_out: int = 0
    unreadable: int = 0
    thumbs: dict[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, int], str] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _spent: int = 0

    def thumb(self, path: Path) -> str:
        """Return the name of the photo's entry in `thumbs`; empty when it cannot be read or there is no room."""
        known = len(self._known)
        uri = self.uri(path, THUMB)
        name = f"t{self._names.setdefault(str(path), known)}"
        if uri:
            self.thumbs[name] = uri
        return name if uri else ""

    def uri(self, path: Path, side: int) -> str:
        """Return the copy as a data URI; empty when it cannot be read or there is no room.

        Args:
            path: of the photo.
            side: longest side of the copy in pixels; smaller photos stay as they are.
        """
        key = (str(path), side)
        if key not in self._known:
            self._known[key] = self._copy(path, side)
        return self._known[key]

    def _copy(self, path: Path, side: int) -> str:
        """Make a copy, or count why there is none."""
        room = self.max_bytes - self._spent
        try:
            text = _data_uri(path, side) if room > 0 else ""
        except PhotoError:
            self.unreadable += 1
            return ""
        if not 0 < len(text) <= room:
            self.left_out += 1
            return ""
        self._spent += len(text)
        return text


def _data_uri(path: Path, side: int) -> str:
    image = read_image(path)
    small = resize_longest(image, side) if max(image.shape[:2]) > side else image
    return "data:image/jpeg;base64," + base64.b64encode(_jpeg(small)).decode()


def _jpeg(image: Image) -> bytes:
    import PIL.Image

    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, "JPEG", quality=QUALITY, optimize=True)
    return stream.getvalue()
