"""``placeprint verify``: check that an atlas is intact, and repair whatever can be computed from the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.leaving import FAILED
from placeprint.cli.output import print_json, progress_bar, say, say_verdict, warn

if TYPE_CHECKING:
    from placeprint.care.findings import Finding, Verified

SHOWN = 5
"""Photos and files that are named of a finding."""


def verify(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    repair: Annotated[
        bool, typer.Option("--repair/--no-repair", help="Repair whatever can be computed from the rest of the atlas.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check every row and file of an atlas. What follows from the rest is repaired; what does not is reported."""
    from placeprint.care.verifying import verify as check

    with progress_bar("reading", "photos") as progress:
        found = check(atlas, repair=repair, progress=progress)
    if json:
        print_json(_as_data(atlas, found))
    else:
        _print(atlas, found)
    if not found.whole:
        warn(f"{len(found.left)} findings remain in the atlas {atlas}")
        raise typer.Exit(FAILED)


def _print(atlas: Path, found: Verified) -> None:
    for each in found.repaired:
        say_verdict("repaired", "green", f": {_in_words(each)}")
    for each in found.left:
        how = each.advice if each.repair is None else "placeprint verify repairs it"
        say_verdict("wrong", "red", f": {_in_words(each)}; {how}")
    if found.whole:
        say(f"{atlas}: {found.photos} photos, everything is intact")


def _in_words(finding: Finding) -> str:
    named = [*map(str, finding.photos), *finding.files]
    shown = ", ".join(named[:SHOWN]) + (", ..." if len(named) > SHOWN else "")
    return f"{finding.what}{f': {shown}' if named else ''}"


def _as_data(atlas: Path, found: Verified) -> dict[str, object]:
    parts = ("findings", "repaired", "left")
    listed = {part: [dataclasses.asdict(each) for each in getattr(found, part)] for part in parts}
    return {"format": 1, "atlas": str(atlas), "photos": found.photos, "whole": found.whole, **listed}
