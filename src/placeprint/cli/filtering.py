"""The filter options of every command that searches."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placeprint.errors import OptionError

if TYPE_CHECKING:
    from placeprint.atlas import Atlas
    from placeprint.store.photo_filter import PhotoFilter

NEAR, BOX = "LAT,LON,KM", "WEST,SOUTH,EAST,NORTH"
PANEL = "Which photos to search"


def _option(name: str, words: str, metavar: str | None = None) -> Any:
    return typer.Option(name, metavar=metavar, help=words, rich_help_panel=PANEL)


Near = Annotated[
    str | None,
    _option(
        "--near", "Only photos taken near a point: LATITUDE,LONGITUDE,KILOMETERS, such as 55.7042,13.1910,2.", NEAR
    ),
]
InBox = Annotated[
    str | None,
    _option(
        "--box", "Only photos taken in this box, in degrees; west is above east where it crosses the date line.", BOX
    ),
]
After = Annotated[
    str | None,
    _option(
        "--after", "Only photos taken at this local time or later, such as 2026-05-31 or 2026-05-31T14:30.", "TIME"
    ),
]
Before = Annotated[
    str | None,
    _option(
        "--before", "Only photos taken at this local time or earlier; a date alone means its first second.", "TIME"
    ),
]
Label = Annotated[
    list[str] | None, _option("--label", "Only photos whose folder has this name; may be repeated.", "NAME")
]
Folder = Annotated[list[Path] | None, _option("--folder", "Only photos in or below this folder; may be repeated.")]


def filter_of(
    atlas: Atlas,
    near: str | None,
    box: str | None,
    after: str | None,
    before: str | None,
    labels: Sequence[str] | None,
    folders: Sequence[Path] | None,
) -> PhotoFilter:
    """Return the filter that the options of a command ask for.

    Raises:
        OptionError: one of them is not a point, box or time, or no photo of the atlas fits them all.
    """
    from placeprint.core.regions import Box, Circle
    from placeprint.store.photo_filter import PhotoFilter

    found = PhotoFilter(
        None if near is None else Circle.parse(near, unit=1000.0, form=f"--near {NEAR}, such as 55.7042,13.1910,2"),
        None if box is None else Box.parse(box),
        _time("--after", after),
        _time("--before", before),
        tuple(labels or ()),
        tuple(map(str, folders or ())),
    )
    photos = atlas.snapshot().usable()
    if len(photos) and not found.mask(photos).any():
        raise OptionError(f"none of the {len(photos)} photos of the atlas fits the filters; omit or widen one of them")
    return found


def _time(option: str, text: str | None) -> datetime.datetime | None:
    if text is None:
        return None
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise OptionError(f"expected {option} TIME, a date or a time such as 2026-05-31T14:30; got {text!r}") from error
