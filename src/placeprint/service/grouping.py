"""Photos in groups: by place, by month, by folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Request

from placeprint.service.asking import PROBLEMS
from placeprint.service.catalog import Catalog, Rows
from placeprint.service.desk import Desk
from placeprint.service.schemas import Group, GroupPage

router = APIRouter(prefix="/v1/groups", tags=["photos"])
By = Literal["place", "month", "folder"]
COVERS = 4
"""Photos that stand for a group."""
SMALLEST = 2
"""Photos of a place that is a group."""


@router.get("", responses=PROBLEMS)
async def groups(
    request: Request,
    by: Annotated[By, Query(description="What photos of a group share.")],
    offset: Annotated[int, Query(ge=0, lt=1 << 62, description="Groups to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Groups to return.")] = 200,
) -> GroupPage:
    """List the photos in groups: the largest place first, the newest month first, folders by name."""
    desk: Desk = request.app.state.desk

    def page() -> GroupPage:
        catalog = desk.catalog()
        ways = {"place": lambda: by_place(desk, catalog), "month": lambda: by_month(catalog)}
        found = ways.get(by, lambda: by_folder(catalog))()
        left = len(ungrouped(desk, catalog, by))
        return GroupPage(groups=found[offset : offset + limit], total=len(found), ungrouped=left)

    return await desk.read(page)


def by_place(desk: Desk, catalog: Catalog) -> list[Group]:
    """Return the places that several photos show."""
    return [
        Group(
            key=place.id,
            title=desk.title(place),
            num_photos=len(place.photos),
            photos=[number for number in place.photos[:COVERS] if catalog.get(number) is not None],
        )
        for place in desk.locator().places
        if len(place.photos) >= SMALLEST
    ]


def by_month(catalog: Catalog) -> list[Group]:
    """Return the months in which photos were taken, the newest first."""
    months = catalog.taken.astype("datetime64[M]")
    found = []
    for month in np.unique(months[~np.isnat(months)])[::-1]:
        rows = np.flatnonzero(months == month)
        date = month.astype("datetime64[D]").item()
        found.append(_group(catalog, str(month), f"{date:%B} {date.year}", rows, len(rows)))
    return found


def by_folder(catalog: Catalog) -> list[Group]:
    """Return the folders that hold photos, by name; each counts what is in and below it."""
    inside = Counter[str]()
    direct = np.bincount(catalog.folder_of, minlength=len(catalog.folders))
    for folder, count in zip(catalog.folders, direct.tolist(), strict=True):
        for above in _and_above(folder):
            inside[above] += count
    order = sorted(range(len(catalog.folders)), key=lambda number: catalog.folders[number].casefold())
    return [
        _group(catalog, name, name.rpartition("/")[2], np.flatnonzero(catalog.folder_of == number), inside[name])
        for number in order
        if (name := catalog.folders[number])
    ]


def _group(catalog: Catalog, key: str, title: str, rows: np.ndarray, count: int) -> Group:
    """Return a group whose covers are spread over its photos."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(COVERS, len(rows))).astype(int)]
    return Group(key=key, title=title, num_photos=count, photos=catalog.ids[chosen].tolist())


def _and_above(folder: str) -> Iterable[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def ungrouped(desk: Desk, catalog: Catalog, by: By) -> Rows:
    """Return the rows of the photos in no group."""
    if by == "month":
        return np.flatnonzero(np.isnat(catalog.taken))
    if by == "folder":
        return np.flatnonzero(np.array([not name for name in catalog.folders], bool)[catalog.folder_of])
    grouped = [number for place in desk.locator().places if len(place.photos) >= SMALLEST for number in place.photos]
    return np.flatnonzero(~np.isin(catalog.ids, np.array(grouped, np.int64)))
