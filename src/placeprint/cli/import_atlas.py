"""``placeprint import-atlas``: make an atlas from an export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say


def import_atlas(
    export: Annotated[Path, typer.Argument(help="Folder that `placeprint export-atlas` has written.")],
    into: Annotated[Path, typer.Option(help="New folder for the atlas, or an address.")],
    root: Annotated[
        Path | None, typer.Option(help="Folder of the photos on this machine; by default the original one.")
    ] = None,
) -> None:
    """Make an atlas of an export."""
    from placeprint.packs.reading import import_atlas as read

    with progress_bar("importing", "photos") as progress:
        made = read(export, into, root=root, progress=progress)
    say(f"the atlas {into} has {len(made)} photos")
