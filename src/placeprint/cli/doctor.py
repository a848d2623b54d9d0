"""``placeprint doctor``: what is wrong with the photos of an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.output import print_json, printable, progress_bar, say, show, warn
from placeprint.core.options import check_name

if TYPE_CHECKING:
    from placeprint.places.findings import Finding

LISTED = ("photo", "finding", "detail", "certainty")
"""What the JSON says of a finding."""
SHOWN = 50
"""Most findings of one kind that a table lists."""


def doctor(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Look only for this; may be repeated: wrong-position, wrong-time, same-file, same-shot, rotated, "
            "unreadable, alone."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look for wrong positions and times, copies, rotated, unreadable and unmatched photos. Nothing is changed."""
    from placeprint.atlas import Atlas
    from placeprint.places.doctor import BY_MATCHES, examine
    from placeprint.places.findings import KINDS

    for name in only or ():
        check_name("finding", name, KINDS)
    opened = Atlas.open(atlas)
    kinds = [kind for kind in KINDS if not only or kind in only]
    if opened.snapshot().preset.evidence is None and not only:
        kinds = [kind for kind in kinds if kind not in BY_MATCHES]
        warn(f"the preset {opened.preset} gives no probabilities, so {', '.join(sorted(BY_MATCHES))} are skipped")
    with progress_bar("examining", "photos") as progress:
        findings = examine(opened, kinds=kinds, progress=progress)
    if json:
        print_json([{name: getattr(finding, name) for name in LISTED} for finding in findings])
        return
    for kind in kinds:
        _print([finding for finding in findings if finding.finding == kind])
    say(f"{len(findings)} findings in {len(opened)} photos")


def _print(findings: list[Finding]) -> None:
    from rich.table import Table

    if not findings:
        return
    table = Table(title=f"{findings[0].finding}: {len(findings)}", title_justify="left")
    table.add_column("certainty", justify="right")
    table.add_column("photo", overflow="fold")
    table.add_column("detail", overflow="fold")
    for finding in findings[:SHOWN]:
        table.add_row(f"{finding.certainty:.0%}", printable(finding.photo), printable(finding.detail))
    show(table)
    if len(findings) > SHOWN:
        say(f"{len(findings) - SHOWN} more; --json lists all")
