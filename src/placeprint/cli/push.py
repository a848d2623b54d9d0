"""``placeprint push``: update a Milvus database to the photos of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say


def push(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    to: Annotated[
        str, typer.Option(help="Destination: milvus://HOST:PORT, milvus://HOST:PORT/COLLECTION, or milvus:FILE.db.")
    ],
) -> None:
    """Send descriptors to a Milvus database, for search by many machines. Run it again after changes."""
    from placeprint.atlas import Atlas

    opened = Atlas.open(atlas)
    with progress_bar("sending", "photos") as progress:
        report = opened.push(to, progress)
    say(f"{report.added} added, {report.removed} removed; {to} has the {report.photos} photos of {atlas}")
    say(f"search there with: placeprint search PHOTO --in {to}")
