"""Thumbnails for a page: small JPEG copies as data URIs, each once, up to a number of bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from placeprint.errors import PhotoError
from placeprint.pages import picture_of
from placeprint.photos import read_image

QUALITY = 70
THUMB = 144
"""Longest side of a thumbnail in pixels."""


@dataclass
class Album:
    """The thumbnails of one page.

    Args:
        max_bytes: the most encoded bytes of all copies; photos beyond it are skipped and counted.

    Attributes:
        not_shown: the number of photos without room.
        unreadable: the number of photos that cannot be read.
        thumbs: the copies that the page shows more than once, by name.
    """

    max_bytes: int
    not_shown: int = 0
    unreadable: int = 0
    thumbs: dict[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, int], str] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _spent: int = 0

    def thumb(self, path: Path) -> str:
        """Return the name of the photo's entry in `thumbs`; empty if it cannot be read or there is no room."""
        known = len(self._known)
        uri = self.uri(path, THUMB)
        name = f"t{self._names.setdefault(str(path), known)}"
        if uri:
            self.thumbs[name] = uri
        return name if uri else ""

    def uri(self, path: Path, side: int) -> str:
        """Return the copy as a data URI; empty if it cannot be read or there is no room.

        Args:
            path: the path of the photo.
            side: the longest side of the copy in pixels; smaller photos keep their size.
        """
        key = (str(path), side)
        if key not in self._known:
            self._known[key] = self._copy(path, side)
        return self._known[key]

    def _copy(self, path: Path, side: int) -> str:
        """Make a copy, or count the reason why not."""
        room = self.max_bytes - self._spent
        try:
            text = picture_of(read_image(path), "", side=side, quality=QUALITY).uri if room > 0 else ""
        except PhotoError:
            self.unreadable += 1
            return ""
        if not 0 < len(text) <= room:
            self.not_shown += 1
            return ""
        self._spent += len(text)
        return text
