"""Routes for the photos of the atlas: list, look at, add, remove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response

from placeprint.photos.thumbnails import jpeg
from placeprint.service.adding import add_upload, remove_photo
from placeprint.service.asking import PHOTO, PROBLEMS, form_of
from placeprint.service.desk import Desk
from placeprint.service.filters import Filtered
from placeprint.service.grouping import By
from placeprint.service.grouping import ungrouped as rows_ungrouped
from placeprint.service.pictures import LARGEST, etag, has_already, image_of, thumbnail
from placeprint.service.problems import responses
from placeprint.service.schemas import Added, Keypoints, PhotoPage, PhotoSummary
from placeprint.service.uploads import read_form

router = APIRouter(prefix="/v1/photos", tags=["photos"])
JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "A JPEG without EXIF."},
    304: {"description": "The client has it already."},
}
Number = Annotated[int, Path(ge=0, lt=1 << 63, description="The id of a photo.")]


@router.get("", responses=PROBLEMS)
async def photos(
    request: Request,
    filters: Filtered,
    after: Annotated[int, Query(ge=-1, lt=1 << 63, description="Photos with a larger id.")] = -1,
    offset: Annotated[int, Query(ge=0, lt=1 << 62, description="Number of these photos to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Photos to return.")] = 100,
    place: Annotated[str | None, Query(max_length=100, description="Photos of the place of this id.")] = None,
    ungrouped: Annotated[By | None, Query(description="Photos in no group of /v1/groups.")] = None,
) -> PhotoPage:
    """List the photos of the atlas that fit all filters."""
    desk: Desk = request.app.state.desk

    def page() -> PhotoPage:
        among = None if place is None else desk.place(place).photos
        catalog = desk.catalog()
        fitting = catalog.rows(filters.of(catalog.common), among)
        if ungrouped is not None:
            fitting = np.intersect1d(fitting, rows_ungrouped(desk, catalog, ungrouped), assume_unique=True)
        first = int(np.searchsorted(catalog.ids[fitting], after, "right")) + offset
        shown = fitting[first : first + limit]
        more = first + limit < len(fitting)
        return PhotoPage(
            photos=catalog.summaries(shown),
            total=len(fitting),
            next=int(catalog.ids[shown[-1]]) if more else None,
        )

    return await desk.read(page)


@router.get("/{number}", responses=PROBLEMS)
async def photo(request: Request, number: Number) -> PhotoSummary:
    """Return the facts about a photo."""
    desk: Desk = request.app.state.desk
    return await desk.read(lambda: desk.summary(desk.record(number)))


@router.get("/{number}/thumbnail", response_class=Response, responses=PROBLEMS | JPEG)
async def small(request: Request, number: Number) -> Response:
    """Return a small picture of a photo."""
    desk: Desk = request.app.state.desk
    record = await desk.read(lambda: desk.record(number))
    home = desk.atlas.home
    tag = ("small", record.sha256)
    return await send_picture(request, tag, lambda: thumbnail(record.path, record.sha256, home))


@router.get("/{number}/image", response_class=Response, responses=PROBLEMS | JPEG)
async def large(request: Request, number: Number) -> Response:
    """Return a photo, its longest side at most 2048 pixels."""
    desk: Desk = request.app.state.desk
    record = await desk.read(lambda: desk.record(number))
    return await send_picture(request, ("large", record.sha256), lambda: jpeg(image_of(record.path), LARGEST))


@router.get("/{number}/keypoints", responses=PROBLEMS)
async def keypoints(request: Request, number: Number) -> Keypoints:
    """Return the stored keypoints of a photo, by the extractor that is verified."""
    desk: Desk = request.app.state.desk

    def read() -> Keypoints:
        record = desk.record(number)
        (features,) = desk.atlas.snapshot().features_of([record.id], 0)
        points = features.keypoints[:, :2].round(2).tolist()
        return Keypoints(points=points, scores=features.scores.round(4).tolist())

    return await desk.read(read)


@router.post("", status_code=201, responses=PROBLEMS | responses(507), openapi_extra=form_of("photo", photo=PHOTO))
async def add(request: Request) -> Added:
    """Add a photo. The response is sent after the photo is stored, so no acknowledged photo is lost."""
    desk: Desk = request.app.state.desk
    desk.check_writable()
    upload = (await read_form(request, ["photo"])).one("photo")
    return await desk.write(lambda: add_upload(desk, upload))


@router.delete("/{number}", status_code=204, response_class=Response, responses=PROBLEMS)
async def remove(request: Request, number: Number) -> Response:
    """Remove a photo from the atlas; its file is kept."""
    desk: Desk = request.app.state.desk
    await desk.write(lambda: remove_photo(desk, number))
    return Response(status_code=204)


async def send_picture(request: Request, parts: tuple[object, ...], make: Callable[[], bytes]) -> Response:
    """Return a JPEG, unless the browser has it already.

    Args:
        request: the request.
        parts: by which the picture is known.
        make: makes it.
    """
    desk: Desk = request.app.state.desk
    tag = etag(*parts)
    headers = {"ETag": tag, "Cache-Control": "private, max-age=60"}
    if has_already(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(await desk.read(make), media_type="image/jpeg", headers=headers)
