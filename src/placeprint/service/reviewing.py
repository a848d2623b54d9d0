"""Routes of reviews: start one, list its items, show a photo, and download the accepted items as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from placeprint.photos.thumbnails import THUMBNAIL, jpeg
from placeprint.places.findings import Finding
from placeprint.places.proposals import Proposal
from placeprint.service.asking import PROBLEMS
from placeprint.service.browsing import JPEG, send_picture
from placeprint.service.catalog import Catalog, position_of
from placeprint.service.desk import Desk
from placeprint.service.folders import AllowedFolder, allowed_folder
from placeprint.service.jobs import SKIPPED, Jobs, progress_of, shortened
from placeprint.service.pictures import image_of
from placeprint.service.problems import Refused
from placeprint.service.review_schemas import (
    Accepted,
    FoundProblem,
    ProposedPosition,
    ReviewItem,
    ReviewPage,
    ReviewRequest,
)
from placeprint.service.reviews import Review, Reviews, detail, find_problems, named, propose_positions, table
from placeprint.service.schemas import Job, Location, Position
from placeprint.service.settings import readable

router = APIRouter(prefix="/v1/reviews", tags=["review"])
SHOWN, OTHERS = 1400, 12
"""Longest side of a photo under review in pixels, and other photos named by a finding."""
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}, "description": "The accepted items."}}


@router.post("", status_code=202, responses=PROBLEMS)
async def start(request: Request, wanted: ReviewRequest) -> Job:
    """Propose positions of photos, or look for problems with the photos of the atlas. Nothing is changed."""
    desk: Desk = request.app.state.desk
    jobs: Jobs = request.app.state.jobs
    reviews: Reviews = request.app.state.reviews
    if wanted.kind == "positions" and not desk.gives_probabilities:
        raise Refused(422, "the preset of this atlas gives no probabilities, so it proposes no positions")
    folder = await desk.read(lambda: allowed_folder(desk.settings, wanted)) if wanted.photos == "folder" else None
    review = Review(wanted.kind, None if folder is None else folder.path)

    def work(job: Job) -> None:
        if wanted.kind == "findings":
            find_problems(desk, review, wanted.findings, progress_of(job))
            return

        def skip(path: str, why: str) -> None:
            if len(job.skipped) < SKIPPED:
                job.skipped.append([readable(Path(path).name), readable(shortened(why, Path(path).parent))])

        propose_positions(desk, review, _chosen(desk, wanted, folder), progress_of(job), skip)

    job = jobs.start(wanted.kind, work, desk.study, review.base)
    reviews.keep(job.id, review)
    return job


@router.get("/{name}", responses=PROBLEMS)
async def page(
    request: Request,
    name: str,
    offset: Annotated[int, Query(ge=0, lt=1 << 31, description="Items to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Items to return.")] = 200,
) -> ReviewPage:
    """Return the items of a review so far."""
    desk: Desk = request.app.state.desk
    review = _review(request, name)

    def shown() -> ReviewPage:
        catalog = desk.catalog()
        found = list(enumerate(review.items[offset : offset + limit], start=offset))
        items = [_item(desk, review, catalog, number, each) for number, each in found]
        return ReviewPage(kind=review.kind, items=items, total=len(review.items))

    return await desk.read(shown)


@router.get("/{name}/items/{number}/image", response_class=Response, responses=PROBLEMS | JPEG)
async def picture(
    request: Request,
    name: str,
    number: int,
    small: Annotated[bool, Query(description="At most 320 pixels.")] = False,
) -> Response:
    """Return a photo under review, its longest side at most 1400 pixels."""
    review = _review(request, name)
    if not 0 <= number < len(review.items):
        raise Refused(404, f"the review has no item {number}")
    path, longest = review.items[number].photo, THUMBNAIL if small else SHOWN
    return await send_picture(request, (name, number, small), lambda: jpeg(image_of(path), longest))


@router.post("/{name}/table", response_class=Response, responses=PROBLEMS | CSV)
async def accepted(request: Request, name: str, given: Accepted) -> Response:
    """Return the accepted items as CSV: the columns that `geotag` writes, or those of findings."""
    desk: Desk = request.app.state.desk
    review = _review(request, name)
    content = await desk.read(lambda: table(desk, review, given.numbers))
    headers = {"Content-Disposition": 'attachment; filename="accepted.csv"'}
    return Response(content, media_type="text/csv", headers=headers)


def _review(request: Request, name: str) -> Review:
    reviews: Reviews = request.app.state.reviews
    return reviews[name]


def _chosen(desk: Desk, wanted: ReviewRequest, folder: AllowedFolder | None) -> list[str]:
    """Return the paths of the photos whose positions are asked for."""
    if folder is not None:
        return [str(path) for path in folder.photos()]
    photos = desk.atlas.snapshot().usable().values()
    return [each.path for each in photos if wanted.photos == "all" or each.location is None]


def _item(desk: Desk, review: Review, catalog: Catalog, number: int, each: Proposal | Finding) -> ReviewItem:
    folder, _, name = readable(named(desk, review, each.photo)).rpartition("/")
    record = catalog.at(each.photo)
    return ReviewItem(
        number=number,
        name=name,
        folder=folder,
        photo_id=None if record is None else record.id,
        proposal=_proposed(desk, catalog, each) if isinstance(each, Proposal) else None,
        problem=_problem(desk, catalog, each) if isinstance(each, Finding) else None,
    )


def _proposed(desk: Desk, catalog: Catalog, each: Proposal) -> ProposedPosition:
    where = each.location
    best = None if each.best is None else catalog.at(each.best)
    return ProposedPosition(
        location=None
        if where is None
        else Location(latitude=where.latitude, longitude=where.longitude, radius_m=where.radius),
        confidence=min(1.0, max(0.0, each.confidence)),
        place=None if each.place is None else desk.name(each.place),
        best=None if best is None else catalog.summary(best),
        width=each.size[0],
        height=each.size[1],
        matches=each.points.reshape(-1, 4).round(2).tolist(),
        known=position_of(each.known),
        off_m=each.off,
        near=[Position(latitude=latitude, longitude=longitude) for _, latitude, longitude in each.near],
        note=each.note,
    )


def _problem(desk: Desk, catalog: Catalog, each: Finding) -> FoundProblem:
    others = [record for path in each.others[:OTHERS] if (record := catalog.at(path)) is not None]
    return FoundProblem(
        finding=each.finding,
        detail=readable(detail(desk, each)),
        certainty=each.certainty,
        others=[catalog.summary(record) for record in others],
    )
