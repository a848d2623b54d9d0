"""``placeprint compact``: join the small files of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from placeprint.cli.output import print_json, say, size_in_words


def compact(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    now: Annotated[
        bool, typer.Option("--now", help="Remove old versions at once; running searches start over.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Join the small files of an atlas and remove what is deleted or replaced. No photo changes."""
    import dataclasses

    from placeprint.atlas import Atlas

    report = Atlas.open(atlas).compact(readers=not now)
    if json:
        print_json({"format": 1, "atlas": str(atlas), **dataclasses.asdict(report)})
        return
    before, after = size_in_words(report.bytes_before), size_in_words(report.bytes)
    say(f"{atlas}: {report.files_before} files, {before} before; {report.files} files, {after} now")
    if not now and report.bytes > report.bytes_before:
        say("old versions are kept for five minutes for running searches; --now removes them")
