"""``placeprint export-atlas``: an atlas as Parquet and NumPy files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say, size_in_words
from placeprint.cli.pack import Root


def export_atlas(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    output: Annotated[Path, typer.Option(help="New folder to write.")],
    root: Root = None,
    descriptors: Annotated[
        bool, typer.Option("--descriptors/--no-descriptors", help="Also write the global descriptors as a NumPy array.")
    ] = True,
) -> None:
    """Write all of an atlas into a folder of Parquet and NumPy files, for other programs and as a copy."""
    from placeprint.atlas import Atlas
    from placeprint.packs.writing import export_atlas as write

    opened = Atlas.open(atlas)
    with progress_bar("exporting", "photos") as progress:
        written = write(opened, output, root=root, descriptors=descriptors, progress=progress)
    say(f"wrote {output}: {written.photos} photos, {size_in_words(written.num_bytes)}")
