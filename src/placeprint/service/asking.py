"""Routes for queries: which place a photo shows, and whether two photos show the same place."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

import placeprint
from placeprint.pairs import PairAnswer
from placeprint.service.catalog import Catalog
from placeprint.service.desk import Desk
from placeprint.service.filters import Filtered
from placeprint.service.pictures import image_of
from placeprint.service.problems import Refused, responses
from placeprint.service.schemas import Candidate, MatchAnswer, Matches, SearchAnswer
from placeprint.service.uploads import read_form
from placeprint.store.records import PhotoRecord
from placeprint.types import Answer, Evidence, Image, Verification

router = APIRouter(prefix="/v1", tags=["ask"])
PROBLEMS = responses(400, 401, 403, 404, 408, 413, 415, 421, 422, 503)
PHOTO: dict[str, Any] = {"type": "string", "format": "binary", "description": "The content of a photo's file."}


def form_of(*required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """Return what the OpenAPI document says of a multipart form."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post(
    "/search",
    responses=PROBLEMS,
    openapi_extra=form_of(photo=PHOTO, photo_id={"type": "string", "description": "A photo of the atlas instead."}),
)
async def search(
    request: Request,
    filters: Filtered,
    top: Annotated[int, Query(ge=1, le=100, description="Candidates to return.")] = 5,
    verify: Annotated[int, Query(ge=0, le=200, description="Candidates verified by geometry; 0 for none.")] = 50,
    rotations: Annotated[bool, Query(description="Try rotations if nothing is confirmed upright.")] = True,
) -> SearchAnswer:
    """Find the photos that show the place of a photo, among those that fit all filters."""
    desk: Desk = request.app.state.desk
    image, excluded = await asked_about(request)
    within = await desk.read(lambda: desk.filter_of(filters))

    def work() -> Answer:
        return desk.atlas.search(image, top=top, verify=verify, rotations=rotations, exclude=excluded, within=within)

    answer = await desk.batches.run(work)
    return await desk.read(lambda: search_answer(desk, image, answer))


@router.post("/match", responses=PROBLEMS, openapi_extra=form_of("first", "second", first=PHOTO, second=PHOTO))
async def match(
    request: Request,
    rotations: Annotated[bool, Query(description="Try rotations of the first photo.")] = True,
) -> MatchAnswer:
    """Decide whether two photos show the same place."""
    desk: Desk = request.app.state.desk
    form = await read_form(request, ["first", "second"])
    uploads = form.one("first"), form.one("second")
    images = [(await desk.read(upload.photo)).image for upload in uploads]
    answer = await desk.batches.run(lambda: placeprint.match(*images, rotations=rotations))
    return match_answer(answer)


async def asked_about(request: Request) -> tuple[Image, list[str]]:
    """Return the photo that a request asks about, and the paths that are no candidates.

    Raises:
        Refused: the form does not have just one of ``photo`` and ``photo_id``, or the photo cannot be used.
    """
    desk: Desk = request.app.state.desk
    form = await read_form(request, ["photo"], ["photo_id"])
    number = form.fields.get("photo_id")
    if bool(form.files) == (number is not None):
        raise Refused(422, "the form must have one file called 'photo', or the 'photo_id' of a photo of the atlas")
    if number is None:
        return (await desk.read(form.one("photo").photo)).image, []
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Refused(422, "photo_id must be the id of a photo of the atlas, a whole number")
    record = await desk.read(lambda: desk.record(int(number)))
    return await desk.read(lambda: image_of(record.path)), [record.path]


def match_answer(answer: PairAnswer) -> MatchAnswer:
    """Return the answer for two photos as it is sent."""
    return MatchAnswer(
        verdict=answer.verdict,  # type: ignore[arg-type]  # pydantic checks it
        confidence=answer.confidence,
        features=answer.features,
        asked=list(answer.asked),
        rotation=answer.rotation,
        note=answer.note,
        keypoints=[len(answer.query), len(answer.database)],
        matches=matches_of(answer.verification),
        seconds=answer.seconds,
    )


def matches_of(check: Verification) -> Matches:
    """Return the inliers of a verification."""
    points = check.points[check.inliers].reshape(-1, 4).round(2).tolist()
    transform = None if check.transform is None else check.transform.tolist()
    return Matches(points=points, transform=transform, model=check.model)


def candidate_of(catalog: Catalog, record: PhotoRecord, each: Evidence) -> Candidate:
    """Return a candidate as it is sent."""
    return Candidate(
        photo=catalog.summary(record),
        probability=each.probability,
        similarity=each.similarity,
        inliers=each.num_inliers,
        verdict=each.verdict,  # type: ignore[arg-type]  # pydantic checks it
    )


def search_answer(desk: Desk, image: Image, answer: Answer) -> SearchAnswer:
    """Return an answer of the atlas as it is sent."""
    catalog = desk.catalog()
    known = [(catalog.get(each.id), each) for each in answer.evidence]
    # one may have been removed meanwhile
    candidates = [candidate_of(catalog, record, each) for record, each in known if record is not None]
    first = answer.evidence[0].verification if answer.evidence else None
    return SearchAnswer(
        found=answer.best is not None,
        confidence=answer.confidence,
        rotation=answer.rotation,
        note=answer.note,
        width=image.shape[1],
        height=image.shape[0],
        candidates=candidates,
        matches=None if first is None or not first.checked else matches_of(first),
        seconds=answer.seconds,
    )
