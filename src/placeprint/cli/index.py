"""``placeprint index``: add photos to an atlas."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import console, progress_bar

SHOWN = 20


def index(
    photos: Annotated[list[Path], typer.Argument(help="Photos, and folders that hold photos.", show_default=False)],
    into: Annotated[Path, typer.Option(help="Folder of the atlas; made when it is not there.", show_default=False)],
    preset: Annotated[
        str | None,
        typer.Option(
            help="How photos are described, fixed when the atlas is made, by default xfeat-vlad.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Photos described at once, by default one a core.", show_default=False),
    ] = None,
) -> None:
    """Add photos to an atlas. Run it again: only new and changed photos are read."""
    from placeprint.atlas import Atlas
    from placeprint.images import list_photos

    paths = list_photos(photos)  # before the atlas is made, so that a slip of the pen leaves nothing behind
    atlas = Atlas.open_or_create(into, preset)
    with progress_bar("indexing", "photos") as progress:
        report = atlas.add(paths, workers=workers, progress=progress)
    out = console()
    done = report.added + report.changed
    rate = f", {done / report.seconds:.1f} photos/s" if done else ""
    out.print(
        f"[bold]{report.added}[/] added, [bold]{report.changed}[/] changed, [bold]{report.unchanged}[/] unchanged, "
        f"[bold]{len(report.skipped)}[/] skipped in {report.seconds:.1f} s{rate}",
        highlight=False,
    )
    if report.learned:
        out.print(f"learnt a codebook from the {len(atlas)} photos of this atlas", highlight=False)
    for path, reason in report.skipped[:SHOWN]:
        out.print(f"  skipped {path}: {reason}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    if len(report.skipped) > SHOWN:
        reasons = Counter(reason for _, reason in report.skipped[SHOWN:])
        for reason, count in reasons.most_common(SHOWN):
            out.print(f"  skipped {count} more: {reason}", style="yellow", highlight=False, markup=False)
    out.print(f"the atlas {into} holds {len(atlas)} photos", highlight=False, markup=False, soft_wrap=True)
