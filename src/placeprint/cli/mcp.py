"""``placeprint mcp``: let an assistant query an atlas by the Model Context Protocol over stdin and stdout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mcp(atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")]) -> None:
    """Let an assistant query an atlas, read-only, by the Model Context Protocol over stdin and stdout."""
    from placeprint.service.assistants import create_server

    create_server(atlas).run()
