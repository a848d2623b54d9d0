"""The filters of requests: which photos are listed or searched."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from placeprint.core.regions import Box, Circle
from placeprint.store.photo_filter import PhotoFilter

NEAR = "near LATITUDE,LONGITUDE,METERS, such as 55.7042,13.1910,200"


@dataclass(frozen=True)
class Filters:
    """What photos must fit, as clients say it.

    Args:
        folder: below the folder that all photos of the atlas share; empty for all.
        fits: everything else.
    """

    folder: str
    fits: PhotoFilter

    def of(self, common: str) -> PhotoFilter:
        """Return the filter of the atlas, whose photos are all below a folder."""
        below = (os.path.join(common, self.folder),) if self.folder else ()  # noqa: PTH118  # text that is compared
        fits = self.fits
        return PhotoFilter(fits.near, fits.box, fits.after, fits.before, fits.labels, below, fits.name)


def _filters(
    folder: Annotated[str, Query(max_length=4096, description="Photos in or below this folder.")] = "",
    label: Annotated[
        list[str] | None, Query(max_length=100, description="Photos whose folder has this name; may be repeated.")
    ] = None,
    name: Annotated[str, Query(max_length=200, description="Photos whose name contains this text.")] = "",
    since: Annotated[datetime.datetime | None, Query(description="Taken at this local time or later.")] = None,
    until: Annotated[datetime.datetime | None, Query(description="Taken at this local time or earlier.")] = None,
    near: Annotated[
        str | None,
        Query(max_length=100, description="LATITUDE,LONGITUDE,METERS: taken within this distance."),
    ] = None,
    box: Annotated[
        str | None,
        Query(max_length=100, description="WEST,SOUTH,EAST,NORTH in degrees; west may be above east."),
    ] = None,
) -> Filters:
    around = None if near is None else Circle.parse(near, unit=1.0, form=NEAR)
    inside = None if box is None else Box.parse(box)
    return Filters(folder.strip("/"), PhotoFilter(around, inside, since, until, tuple(label or ()), (), name))


Filtered = Annotated[Filters, Depends(_filters)]
"""Filters in the query of a request."""
