"""``placeprint serve``: serve an atlas over the network, with a REST API and a web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import say
from placeprint.errors import PackageError


def serve(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; an address that other computers can reach needs a token.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8100,
    token_file: Annotated[Path | None, typer.Option(help="File with the token that requests must carry.")] = None,
    writable: Annotated[bool, typer.Option("--writable", help="Let clients add and remove photos.")] = False,
    root: Annotated[
        list[Path] | None,
        typer.Option(help="Folder whose photos clients may review and, with --writable, index; may be repeated."),
    ] = None,
    uploads: Annotated[Path | None, typer.Option(help="Folder for added photos; by default beside the atlas.")] = None,
    tiles: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.pmtiles|URL",
            help="Map tiles: a PMTiles file of pictures, its URL, or a URL with {z}, {x} and {y}. Browsers load "
            "tiles from the host of a URL directly. By default, an outline of the land, which works offline.",
        ),
    ] = None,
    max_megabytes: Annotated[int, typer.Option(min=1, max=4096, help="Largest request, in megabytes.")] = 64,
) -> None:
    """Serve an atlas over the network: a REST API and a web page."""
    try:
        from placeprint.service.running import run
        from placeprint.service.settings import ServiceSettings, read_token
        from placeprint.service.tiles import Tiles
    except ImportError as error:
        raise PackageError(f"the service needs {error.name}; install placeprint[service]") from error

    from placeprint.networks.runtimes import MANY, expect

    expect(MANY)
    settings = ServiceSettings(
        atlas,
        None if token_file is None else read_token(token_file),
        host,
        port,
        writable,
        tuple(root or ()),
        uploads,
        max_megabytes << 20,
        tiles=None if tiles is None else Tiles.parse(tiles),
    )
    run(settings, say)
