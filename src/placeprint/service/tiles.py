"""Map tiles: from a file on this computer, or from another host that browsers contact directly.

Without tiles, the map is an outline of the land that is part of the page, and no other host is contacted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from placeprint.errors import OptionError
from placeprint.service.problems import Refused, responses

router = APIRouter(prefix="/v1/tiles", tags=["where"])
FILE_URL = "./v1/tiles"
"""Where browsers find a file of this computer."""
HEADER = 127
"""Bytes of the header of PMTiles, version 3; byte 99 is the kind of its tiles."""
RASTER = range(2, 6)
"""PNG, JPEG, WebP and AVIF; 1 and 6 are vectors."""
HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::\d{1,5})?", re.ASCII)
PARTS = ("{z}", "{x}", "{y}")
MEDIA_TYPE = "application/vnd.pmtiles"
ANSWERS = responses(401, 404, 421) | {
    200: {"content": {MEDIA_TYPE: {}}, "description": "The file."},
    206: {"content": {MEDIA_TYPE: {}}, "description": "The requested part of the file."},
    416: {"description": "The file has no such part."},
}


@dataclass(frozen=True)
class Tiles:
    """Where the tiles of the map are.

    Args:
        kind: PMTiles, a single file that is read in parts; or one picture for each tile.
        url: for browsers.
        origin: the other host that browsers ask, ``"https://tiles.example.org"``; empty for a file of this computer.
        file: of this computer, or None.
    """

    kind: Literal["pmtiles", "xyz"]
    url: str
    origin: str = ""
    file: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Tiles:
        """Read the path of a PMTiles file, its URL, or the URL of tiles with {z}, {x} and {y}.

        Raises:
            OptionError: it is none of these, or the file is missing or has no pictures.
        """
        if re.match(r"https?://", text, re.IGNORECASE):
            return cls._of_url(text)
        path = Path(text)
        _check_file(path)
        return cls("pmtiles", FILE_URL, file=path)

    @classmethod
    def _of_url(cls, text: str) -> Tiles:
        parts = urlsplit(text)
        origin = f"{parts.scheme.lower()}://{parts.netloc.lower()}"
        if not HOST.fullmatch(parts.netloc.lower()):
            raise OptionError(
                f"--tiles must name one host, such as https://tiles.example.org/map.pmtiles; got {text!r}"
            )
        if all(part in parts.path + parts.query for part in PARTS):
            return cls("xyz", text, origin)
        if parts.path.lower().endswith(".pmtiles"):
            return cls("pmtiles", text, origin)
        raise OptionError(f"the URL of --tiles must end in .pmtiles, or have {{z}}, {{x}} and {{y}}; got {text!r}")

    @property
    def policy(self) -> dict[str, str]:
        """What the content security policy allows besides this service: a source, by the directive that needs it."""
        if not self.origin:
            return {}
        return {"connect-src" if self.kind == "pmtiles" else "img-src": self.origin}


@router.get("", response_class=FileResponse, responses=ANSWERS)
async def tiles(request: Request) -> FileResponse:
    """Return the file of the map's tiles, or a part of it (`Range`)."""
    chosen: Tiles | None = request.app.state.desk.settings.tiles
    if chosen is None or chosen.file is None or not chosen.file.is_file():
        raise Refused(404, "the service has no file of map tiles; give one with --tiles")
    return FileResponse(chosen.file, media_type=MEDIA_TYPE, headers={"Cache-Control": "private, max-age=3600"})


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(HEADER)
    except (OSError, ValueError) as error:
        raise OptionError(f"the tiles {str(path)!r} cannot be read: {error}") from error
    if len(header) < HEADER or not header.startswith(b"PMTiles") or header[7] != 3:
        raise OptionError(f"the tiles {str(path)!r} must be a PMTiles file of version 3")
    if header[99] not in RASTER:
        raise OptionError(f"the tiles {str(path)!r} are vectors; the map shows pictures: PNG, JPEG, WebP or AVIF")
