"""Routes about places: the place and position of a photo, the places of the atlas, and its map."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from placeprint.core.regions import Box
from placeprint.places.grouping import PlaceGroup
from placeprint.service.asking import PHOTO, PROBLEMS, asked_about, form_of, search_answer
from placeprint.service.catalog import position_of
from placeprint.service.clusters import clustered
from placeprint.service.desk import Desk
from placeprint.service.filters import Filtered
from placeprint.service.schemas import (
    Cluster,
    Feature,
    FeatureCollection,
    LocateAnswer,
    Location,
    Place,
    PlaceName,
    PlacePage,
    Point,
)
from placeprint.types import Image, Located

router = APIRouter(prefix="/v1", tags=["where"])
SHOWN = 100
"""Photos that are named of each place."""


@router.post("/locate", responses=PROBLEMS, openapi_extra=form_of(photo=PHOTO, photo_id={"type": "string"}))
async def locate(
    request: Request,
    filters: Filtered,
    top: Annotated[int, Query(ge=1, le=100, description="Candidates to return.")] = 5,
    rotations: Annotated[bool, Query(description="Try rotations if nothing is confirmed upright.")] = True,
) -> LocateAnswer:
    """Report which place a photo shows, the confidence, and where it was taken, among photos that fit all filters."""
    desk: Desk = request.app.state.desk
    image, excluded = await asked_about(request)
    locator = await desk.read(desk.locator)
    within = await desk.read(lambda: desk.filter_of(filters))
    located = await desk.batches.run(
        lambda: locator.locate(image, top=top, rotations=rotations, exclude=excluded, within=within)
    )
    return await desk.read(lambda: _locate_answer(desk, image, located))


@router.get("/places", responses=PROBLEMS)
async def places(
    request: Request,
    offset: Annotated[int, Query(ge=0, lt=1 << 62, description="Places to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Places to return.")] = 100,
) -> PlacePage:
    """List the places of the atlas, the one with the most photos first."""
    desk: Desk = request.app.state.desk

    def page() -> PlacePage:
        found = desk.locator().places
        return PlacePage(places=[_place(desk, place) for place in found[offset : offset + limit]], total=len(found))

    return await desk.read(page)


@router.get("/places/{name}", responses=PROBLEMS)
async def one_place(request: Request, name: str) -> Place:
    """Return a place of the atlas."""
    desk: Desk = request.app.state.desk
    return await desk.read(lambda: _place(desk, desk.place(name)))


@router.get("/map", responses=PROBLEMS)
async def world(
    request: Request,
    zoom: Annotated[
        int, Query(ge=0, le=22, description="Zoom of web maps; 0 shows the whole world in 256 pixels.")
    ] = 2,
    box: Annotated[
        str | None, Query(max_length=100, description="WEST,SOUTH,EAST,NORTH in degrees; west may be above east.")
    ] = None,
) -> FeatureCollection:
    """Return the photos with positions as GeoJSON; photos close to each other at this zoom become one point."""
    desk: Desk = request.app.state.desk
    inside = Box.parse(box) if box is not None else Box()

    def points() -> FeatureCollection:
        catalog = desk.catalog()
        rows = catalog.located()
        places = catalog.positions[rows]
        return FeatureCollection(
            type="FeatureCollection",
            features=[
                Feature(
                    type="Feature",
                    geometry=Point(type="Point", coordinates=[cluster.longitude, cluster.latitude]),
                    properties=Cluster(count=len(cluster.photos), photos=list(cluster.photos[:SHOWN])),
                )
                for cluster in clustered(catalog.ids[rows], places, zoom, inside)
            ],
            bbox=[*places.min(0)[::-1].tolist(), *places.max(0)[::-1].tolist()] if len(places) else None,
        )

    return await desk.read(points)


def _place(desk: Desk, place: PlaceGroup) -> Place:
    return Place(
        id=place.id,
        label=desk.name(place.label),
        title=desk.title(place),
        num_photos=len(place.photos),
        photos=list(place.photos[:SHOWN]),
        position=position_of(place.location),
    )


def _locate_answer(desk: Desk, image: Image, located: Located) -> LocateAnswer:
    where, place = located.location, located.place
    search = search_answer(desk, image, located.answer)
    return LocateAnswer(
        **search.model_dump(exclude={"confidence", "note", "seconds"}),
        confidence=located.confidence,
        note=located.note,
        seconds=dict(located.seconds),
        place=None
        if place is None
        else PlaceName(id=place.id, label=desk.name(place.label), title=desk.title_of(place)),
        location=None
        if where is None
        else Location(latitude=where.latitude, longitude=where.longitude, radius_m=where.radius),
    )
