"""``placeprint remove``: remove photos from an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import say


def remove(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos, as they were indexed.")],
) -> None:
    """Remove photos from an atlas. The photo files themselves are not touched."""
    from placeprint.atlas import Atlas

    opened = Atlas.open(atlas)
    count = opened.remove(photos)
    say(f"removed {count} photos; the atlas {atlas} has {len(opened)}")
