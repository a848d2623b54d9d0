"""``placeprint unpack``: make an atlas from a pack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say


def unpack(
    pack: Annotated[Path, typer.Argument(help="File that `placeprint pack` has written.")],
    into: Annotated[Path, typer.Option(help="New folder for the atlas, or an address.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the photos on this machine, if they are here.")] = None,
) -> None:
    """Make an atlas of a pack. It can be searched without the photos."""
    from placeprint.packs.reading import unpack as read

    with progress_bar("unpacking", "photos") as progress:
        made = read(pack, into, root=root, progress=progress)
    say(f"the atlas {into} has {len(made)} photos")
