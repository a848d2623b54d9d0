"""``placeprint geotag``: propose positions of photos, review them, and write them beside the photos or into copies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from placeprint.cli.output import progress_bar, say, warn
from placeprint.cli.skipping import Skips, check_some, list_named
from placeprint.core.options import check_name
from placeprint.errors import OptionError, PhotoError, WriteError

if TYPE_CHECKING:
    from placeprint.places.proposals import Proposal
    from placeprint.types import Location

WAYS = ("sidecars", "copies")
ACCEPTED_RADIUS = 50.0
"""Meters of an accepted position without a radius."""


def geotag(
    photos: Annotated[list[Path] | None, typer.Argument(help="Photos and folders of photos.")] = None,
    atlas: Annotated[Path | None, typer.Option("--in", help="Folder or address of the atlas.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Table to write.")] = None,
    geojson: Annotated[Path | None, typer.Option(help="GeoJSON to write.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="Review page to write, HTML: accept or reject each position.")
    ] = None,
    write: Annotated[
        str | None, typer.Option(help="Write positions: sidecars (XMP beside the photos), or copies.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the copies.")] = None,
    least: Annotated[float, typer.Option(min=0, max=1, help="Smallest confidence of a position to write.")] = 0.95,
    accepted: Annotated[
        Path | None, typer.Option(help="Table from the review page: write its positions; needs no atlas.")
    ] = None,
    undo: Annotated[
        Path | None, typer.Option(help="Remove the positions that were written in this folder and below.")
    ] = None,
) -> None:
    """Propose positions for photos from what they show. Photos never change; --undo removes what was written."""
    if undo is not None:
        _undo(undo)
        return
    if not photos:
        raise OptionError("name the photos to locate, or folders of photos")
    if (atlas is None) == (accepted is None):
        raise OptionError("give --in ATLAS to locate photos, or --accepted TABLE to write reviewed positions")
    _check(photos, write, output, [each for each in (csv, geojson) if each is not None], page)
    paths, skips = list_named(photos)
    if atlas is None:
        positions = _read_accepted(accepted, paths)
    else:
        proposals = _proposals(atlas, paths, skips)
        check_some(len(proposals), len(paths))
        _write_tables(proposals, csv, geojson, page, [*photos, atlas])
        positions = {
            Path(each.photo): each.location
            for each in proposals
            if each.location is not None and each.confidence >= least
        }
    if write is not None:
        _write_positions(positions, write, output, skips)
    skips.leave()


def _check(photos: list[Path], write: str | None, output: Path | None, tables: list[Path], page: Path | None) -> None:
    """Refuse, before any work, what cannot be written."""
    from placeprint.core.outputs import TABLE, check_output, check_output_folder
    from placeprint.pages.page import check_page

    if write is not None:
        check_name("way to write", write, WAYS)
    if (write == "copies") != (output is not None):
        raise OptionError("--write copies needs --output FOLDER; --output works only with it")
    if output is not None:
        check_output_folder(output, photos)
    for table in tables:
        check_output(table, TABLE, photos)
    if page is not None:
        check_page(page, photos)


def _proposals(atlas: Path, paths: list[Path], skips: Skips) -> list[Proposal]:
    from placeprint.atlas import Atlas
    from placeprint.places.locating import Locator
    from placeprint.places.proposals import propose

    opened = Atlas.open(atlas)
    if not opened.info().num_located:
        warn(
            f"no photo of the atlas {atlas} has a position, so none can be proposed; give it positions: "
            f"placeprint index PHOTOS --into {atlas} --gps FILE"
        )
    with progress_bar("surveying the atlas", "photos") as progress:
        locator = Locator(opened, progress=progress)
    found = []
    with progress_bar("locating", "photos") as progress:
        for done, path in enumerate(paths, start=1):
            try:
                found.append(propose(locator, path))
            except PhotoError as error:
                skips.report(path, error)
            progress(done, len(paths))
    return found


def _write_tables(
    proposals: list[Proposal], csv: Path | None, geojson: Path | None, page: Path | None, inputs: list[Path]
) -> None:
    from placeprint.core.files import write_atomically
    from placeprint.places.proposals import as_csv, as_geojson

    for path, text in ((csv, as_csv), (geojson, as_geojson)):
        if path is not None:
            write_atomically(path, text(proposals).encode("utf-8", "surrogateescape"))
            say(f"wrote {path}")
    if page is not None:
        from placeprint.places.review import write_review

        write_review(page, proposals, inputs)
        say(f"wrote {page}; open it in a browser")
    for each in proposals:
        where = each.location
        words = (
            each.note if where is None else f"{where.latitude:.6f}, {where.longitude:.6f}, within {where.radius:.0f} m"
        )
        say(f"{each.photo}: {words} ({each.confidence:.0%})")
    located = sum(each.location is not None for each in proposals)
    say(f"{located} of {len(proposals)} photos have a proposed position")


def _read_accepted(table: Path | None, paths: list[Path]) -> dict[Path, Location]:
    """Return the positions of a reviewed table."""
    from placeprint.places.given_positions import positions_by_name, radii_by_name
    from placeprint.types import Location

    assert table is not None
    given, radii = positions_by_name(table, paths), radii_by_name(table, paths)
    return {
        Path(path): Location(*position, radii.get(path, ACCEPTED_RADIUS)) for path, position in given.positions.items()
    }


def _write_positions(positions: dict[Path, Location], write: str, output: Path | None, skips: Skips) -> None:
    from placeprint.places.proposals import has_position
    from placeprint.places.tagging import write_copy, write_sidecar

    top = Path(os.path.commonpath([path.parent for path in positions])) if positions else Path()
    count = 0
    for path, where in positions.items():
        if has_position(path):
            warn(f"{path} already has a position; it is left unchanged")
            continue
        try:
            if output is None:
                write_sidecar(path, where)
            else:
                write_copy(path, output / path.relative_to(top), where)
            count += 1
        except (PhotoError, WriteError) as error:
            skips.report(path, error)
    say(f"wrote {count} {write}" + ("" if output is None else f" into {output}"))


def _undo(folder: Path) -> None:
    from placeprint.places.tagging import undo

    if not folder.is_dir():
        raise OptionError(f"--undo needs a folder, got {str(folder)!r}")
    cleaned, gone = undo(folder)
    say(f"removed {len(cleaned)} positions, and {len(gone)} sidecars that held nothing else")
