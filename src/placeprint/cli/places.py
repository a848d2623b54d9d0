"""``placeprint places``: the places of an atlas, as groups of photos that show the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.cli.output import print_json, printable, progress_bar, say, show, warn
from placeprint.cli.search import short
from placeprint.core.geojson import collection, feature
from placeprint.errors import OptionError

if TYPE_CHECKING:
    from placeprint.places.grouping import PlaceGroup
    from placeprint.store import PhotoRecord

SHOWN = 50
"""Places listed, at most; JSON has all."""


def places(
    atlas: Annotated[Path, typer.Argument(help="Folder or address of the atlas.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    geojson: Annotated[bool, typer.Option("--geojson", help="Print GeoJSON, one point for each place.")] = False,
) -> None:
    """Group the photos of an atlas by the places they show."""
    from placeprint.atlas import Atlas
    from placeprint.places.locating import Locator

    if json and geojson:
        raise OptionError("--json and --geojson cannot be combined; give one of them")
    opened = Atlas.open(atlas)
    if not len(opened):
        warn(f"the atlas {atlas} is empty; add photos with: placeprint index")
    photos = opened.snapshot().usable()
    with progress_bar("surveying the atlas", "photos") as progress:
        found = [
            place
            for place in Locator(opened, most=None, progress=progress).places
            if photos.keys() >= set(place.photos)
        ]
    if json:
        print_json([_as_data(place, photos) for place in found])
    elif geojson:
        print_json(collection(_features(found, photos)))
    else:
        _print(found, photos)


def _print(found: Sequence[PlaceGroup], photos: Mapping[int, PhotoRecord]) -> None:
    from rich.table import Table

    from placeprint.places.names import near

    several = [place for place in found if len(place.photos) > 1]
    table = Table()
    for name, side in (("place", "left"), ("photos", "right"), ("where", "left"), ("best photo", "left")):
        table.add_column(name, justify=side, overflow="fold")  # type: ignore[arg-type]  # they are its names
    for place in several[:SHOWN]:
        where = "-" if place.location is None else "{:.6f}, {:.6f}".format(*place.location)
        town = None if place.location is None else near(*place.location)
        best = short(Path(photos[place.photos[0]].path))
        table.add_row(
            printable(place.label),
            str(len(place.photos)),
            where if town is None else f"{where}\n{town}",
            printable(best),
        )
    if several:
        show(table)
    if len(several) > SHOWN:
        say(f"and {len(several) - SHOWN} more places; --json lists all")
    alone = len(found) - len(several)
    say(f"{len(several)} places with several photos; {alone} photos without a certain match")


def _as_data(place: PlaceGroup, photos: Mapping[int, PhotoRecord]) -> dict[str, Any]:
    latitude, longitude = place.location or (None, None)
    return {
        "id": place.id,
        "label": place.label,
        "latitude": latitude,
        "longitude": longitude,
        "photos": [photos[photo].path for photo in place.photos],
    }


def _features(found: Sequence[PlaceGroup], photos: Mapping[int, PhotoRecord]) -> list[dict[str, Any]]:
    """Return the places with a position as GeoJSON."""
    return [
        {"id": place.id}
        | feature(place.location, {"label": place.label, "photos": [photos[photo].path for photo in place.photos]})
        for place in found
        if place.location is not None
    ]
