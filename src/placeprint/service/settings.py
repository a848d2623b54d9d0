"""The settings of a service."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from placeprint.core.addresses import url_of
from placeprint.core.files import read_text
from placeprint.core.options import Range, checked
from placeprint.errors import OptionError
from placeprint.service.tiles import Tiles

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_TOKEN = 16
"""Characters that a token needs at least, so that nobody guesses it."""


@checked
@dataclass(frozen=True)
class ServiceSettings:
    """What a service may do, and how much it takes.

    Args:
        atlas: the folder or the address of the atlas.
        token: the secret that every request must carry; None for no token, on the loopback address only.
        host: the address to listen on.
        port: the port to listen on.
        writable: whether photos may be added and removed.
        roots: folders whose photos may be indexed by a job.
        uploads: the folder where added photos are kept; by default ``NAME-photos`` beside the folder of the
            atlas.
        max_bytes: bytes of a request, at most.
        max_waiting: requests that may wait for an answer; more are refused with 503.
        max_seconds: seconds that a request may take, the upload included.
        batch: queries that are answered together.
        tiles: that lie under the map; None for the outline of the land alone.

    Raises:
        OptionError: another computer could reach the service without a token, the token is too short, or added photos
            have no folder, because the atlas is at an address.
    """

    atlas: Path
    token: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65535)] = 8100
    writable: bool = False
    roots: tuple[Path, ...] = ()
    uploads: Path | None = None
    max_bytes: Annotated[int, Range(1024, 1 << 32)] = 64 << 20
    max_waiting: Annotated[int, Range(1, 100_000)] = 64
    max_seconds: Annotated[float, Range(0.1, 3600)] = 60.0
    batch: Annotated[int, Range(1, 256)] = 8
    tiles: Tiles | None = None

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise OptionError(f"the token must have at least {SHORTEST_TOKEN} characters, got {len(self.token)}")
        if self.token is None and not is_loopback(self.host):
            raise OptionError(
                f"other computers can reach {self.host!r}, so the service needs a token; "
                "give --token-file FILE, or listen on 127.0.0.1"
            )
        if self.writable and self.uploads is None and url_of(self.atlas) is not None:
            raise OptionError(
                f"added photos need a folder on this machine, because the atlas is at the address {str(self.atlas)!r}; "
                "give --uploads FOLDER"
            )

    @property
    def named_roots(self) -> Mapping[str, Path]:
        """The folders that may be indexed, by what clients call them: no path.

        Example:
            >>> list(ServiceSettings(Path("a"), roots=(Path("/x/photos"), Path("/y/photos"))).named_roots)
            ['photos', 'photos 2']
        """
        found: dict[str, Path] = {}
        for root in self.roots:
            name = readable(root.absolute().name or "root")
            names = itertools.chain([name], (f"{name} {number}" for number in itertools.count(2)))
            found[next(each for each in names if each not in found)] = root
        return found

    @property
    def uploads_folder(self) -> Path:
        """The folder where added photos are kept."""
        return self.uploads or self.atlas.absolute().with_name(f"{self.atlas.absolute().name}-photos")


def readable(path: str) -> str:
    """Return a name as it is sent: characters that are no text are replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_loopback(host: str) -> bool:
    """Return whether only this computer can reach an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
        (True, False)
    """
    try:
        return host in LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(path: Path) -> str:
    """Return the token that a file holds, without the space around it.

    Raises:
        OptionError: the file cannot be read, or holds no token.
    """
    token = read_text(path, error=OptionError, what="a token").strip()
    if not token or not token.isprintable() or not token.isascii() or " " in token:
        raise OptionError(f"the token file {str(path)!r} must hold one word of ASCII characters")
    return token
