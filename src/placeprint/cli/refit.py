"""``placeprint refit``: learn a new codebook for an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import progress_bar, say


def refit(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    weigh_words: Annotated[
        bool,
        typer.Option(
            "--weigh-words",
            help="Keep the codebook, and give less weight to keypoints like those that never verify across the atlas.",
        ),
    ] = False,
) -> None:
    """Learn a new codebook from the stored features. No photo is read again."""
    from placeprint.atlas import Atlas

    opened = Atlas.open(atlas)
    if weigh_words:
        with progress_bar("searching", "photos") as progress:
            links = opened.weigh_words(progress)
        say(f"the words of the codebook have weights, learned from {links} links between photos of one place")
        return
    with progress_bar("describing", "photos") as progress:
        count = opened.refit(progress)
    say(f"the {count} photos of {atlas} are described with a new codebook")
