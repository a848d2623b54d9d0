"""``placeprint coverage``: where an atlas can recognize a photo."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.output import print_json, progress_bar, say
from placeprint.core.geojson import collection, feature
from placeprint.errors import OptionError

if TYPE_CHECKING:
    from placeprint.places.coverage import Covered

GAPS = 60
"""Photos that the page shows of those that are not recognized."""
LISTED = 10


def coverage(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    geojson: Annotated[bool, typer.Option("--geojson", help="Print GeoJSON, one point for each photo.")] = False,
    page: Annotated[Path | None, typer.Option(help="Page with a map to write, HTML.")] = None,
) -> None:
    """Search for each photo of an atlas among the others, to see where a new photo would be recognized."""
    from placeprint.atlas import Atlas
    from placeprint.pages.page import check_page
    from placeprint.places.coverage import coverage_of

    if json and geojson:
        raise OptionError("--json and --geojson cannot be combined; give one of them")
    if page is not None:
        check_page(page, [atlas])
    with progress_bar("surveying the atlas", "photos") as progress:
        covered = coverage_of(Atlas.open(atlas), progress=progress)
    if page is not None:
        _write_page(page, covered, atlas)
    if json:
        print_json([dataclasses.asdict(each) | {"recognized": each.recognized} for each in covered])
    elif geojson:
        print_json(collection(_feature(each) for each in covered if each.location))
    else:
        _print(covered)
        if page is not None:
            say(f"wrote {page}; open it in a browser")


def _print(covered: Sequence[Covered]) -> None:
    gaps = [each for each in covered if not each.recognized]
    for each in gaps[:LISTED]:
        say(f"{each.confidence:4.0%}  {each.photo}", style="yellow")
    if len(gaps) > LISTED:
        say(f"and {len(gaps) - LISTED} more; --json lists all")
    error = _median(covered)
    located = "" if error is None else f"; located to {error:.0f} m in the median"
    say(f"{len(covered) - len(gaps)} of {len(covered)} photos would be recognized by the others{located}")


def _median(covered: Sequence[Covered]) -> float | None:
    import statistics

    errors = [each.error for each in covered if each.error is not None]
    return statistics.median(errors) if errors else None


def _feature(each: Covered) -> dict[str, Any]:
    properties = dataclasses.asdict(each) | {"recognized": each.recognized}
    del properties["location"]
    return feature(each.location, properties)


def _write_page(page: Path, covered: Sequence[Covered], atlas: Path) -> None:
    from placeprint.pages.maps import Pin, map_of
    from placeprint.pages.page import write_page
    from placeprint.pages.pictures import THUMB, picture_of_file
    from placeprint.places.coverage import cells_of

    pins = [
        Pin(
            cell.latitude,
            cell.longitude,
            f"{cell.recognized} of {cell.photos} recognized",
            "right" if 2 * cell.recognized > cell.photos else "wrong",
        )
        for cell in cells_of(covered)
    ]
    gaps = [each for each in covered if not each.recognized]
    shown = [
        (each, picture_of_file(each.photo, f"the photo {Path(each.photo).name}", side=THUMB)) for each in gaps[:GAPS]
    ]
    write_page(
        page,
        "coverage.html.j2",
        room="placeprint.places",
        inputs=[atlas],
        title="Where this atlas recognizes a photo",
        map=map_of(pins, f"{len(covered)} photos") if pins else None,
        gaps=shown,
        unrecognized=len(gaps),
        recognized=len(covered) - len(gaps),
        count=len(covered),
        median=_median(covered),
    )
