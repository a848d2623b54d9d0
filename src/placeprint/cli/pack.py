"""``placeprint pack``: an atlas, or a part of it, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say, size_in_words

Root = Annotated[
    Path | None, typer.Option(help="Folder that photo paths are stored relative to; by default their common folder.")
]


def pack(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    output: Annotated[Path, typer.Option(help="File to write.")],
    region: Annotated[
        str | None,
        typer.Option(
            metavar="WEST,SOUTH,EAST,NORTH",
            help="Only photos with a position in this box, in degrees; all photos by default.",
        ),
    ] = None,
    root: Root = None,
    thumbnails: Annotated[bool, typer.Option("--thumbnails", help="Add thumbnails of the photos, 320 pixels.")] = False,
) -> None:
    """Write what an atlas knows of its photos into one file that moves to other machines. It has no photos."""
    from placeprint.atlas import Atlas
    from placeprint.core.regions import Box
    from placeprint.packs.writing import pack as write

    box = None if region is None else Box.parse(region)
    opened = Atlas.open(atlas)
    with progress_bar("packing", "photos") as progress:
        written = write(opened, output, region=box, root=root, thumbnails=thumbnails, progress=progress)
    say(f"wrote {output}: {written.photos} photos, {size_in_words(written.num_bytes)}")
    if written.without_thumbnail:
        say(f"{written.without_thumbnail} photos cannot be read, so they have no thumbnail")
