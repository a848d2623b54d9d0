"""``placeprint info``: show what is in an atlas."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from placeprint.cli.output import print_json, printable, show, size_in_words
from placeprint.cli.skipping import Skips


def info(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is in an atlas: counts, size, components, photos that could not be used."""
    from rich.table import Table

    from placeprint.atlas import Atlas

    opened = Atlas.open(atlas)
    told = opened.info()
    if json:
        print_json(dataclasses.asdict(told))
        return
    table = Table(show_header=False, box=None)
    each = f" ({size_in_words(told.num_bytes / told.num_photos)} per photo)" if told.num_photos else ""
    rows = {
        "atlas": told.path,
        **({} if told.working_copy is None else {"working copy": told.working_copy}),
        "preset": told.preset,
        "photos": f"{told.num_photos}, {told.num_located} with GPS",
        **({"gone": f"{told.num_gone} are no longer at their paths"} if told.num_gone else {}),
        "keypoints": str(told.num_keypoints),
        "on disk" if told.working_copy is None else "stored": size_in_words(told.num_bytes) + each,
        "descriptor": f"{told.dim} values{later(opened.describer.shortened_at)}",
        "codebook": told.codebook,
        "skipped": str(len(told.errors)),
        **({} if told.calibration is None else {"calibrated": told.calibration}),
        **({} if told.overlay is None else {"overlay": _where(told.overlay)}),
    }
    for name, value in rows.items():
        table.add_row(name, printable(value))
    for stage, params in told.components.items():
        for each in params if isinstance(params, list) else [params]:
            table.add_row(stage, printable(_in_words(each)))
    show(table)
    Skips().report_all(told.errors)


def later(shortened: tuple[int, int] | None) -> str:
    """Return in words when descriptors become shorter, from their length then and the photos needed; empty for None."""
    return "" if shortened is None else f"; {shortened[0]} by PCA once the atlas has {shortened[1]:,} photos"


def _where(box: tuple[float, float, float, float]) -> str:
    left, top, right, bottom = (f"{each:.0%}" for each in box)
    return f"photos share a camera overlay, from {left} to {right} across and {top} to {bottom} down"


def _in_words(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} = {value.get('name', '')}({_in_words({k: v for k, v in value.items() if k != 'name'})})"
        if isinstance(value, dict)
        else f"{key} = {value}"
        for key, value in params.items()
    )
