"""The route that explains an answer: reasons in words, the runner-up, where the evidence is."""

from __future__ import annotations

import math
from typing import Annotated

import cv2
import numpy as np
from fastapi import APIRouter, Query, Request

from placeprint.describing.contributions import Contributions as TakenApart
from placeprint.describing.describer import Describer
from placeprint.explaining import Explanation, explain
from placeprint.explaining.evidence_pictures import parts_in_words
from placeprint.explaining.headline import headline_of
from placeprint.features.delf import DELF
from placeprint.service.asking import PHOTO, PROBLEMS, asked_about, candidate_of, form_of
from placeprint.service.desk import Desk
from placeprint.service.schemas import Candidate, Contributions, Heat, Part, Reason, WhyAnswer
from placeprint.service.settings import readable
from placeprint.types import Evidence, Floats, Image
from placeprint.visualization.contributions import area_of_half, heat_levels

router = APIRouter(prefix="/v1", tags=["ask"])
CELLS = 112
"""Cells along the longer side of what is sent of a photo's evidence."""
ENDS = (2.0, 99.0)
"""Percentiles of the attention that are sent as 0 and as 255."""


@router.post("/explain", responses=PROBLEMS, openapi_extra=form_of(photo=PHOTO, photo_id={"type": "string"}))
async def why(
    request: Request,
    verify: Annotated[int, Query(ge=1, le=200, description="Candidates verified by geometry.")] = 50,
    rotations: Annotated[bool, Query(description="Try rotations if nothing is confirmed upright.")] = True,
) -> WhyAnswer:
    """Explain the answer to a photo in words, and show where in the photo the evidence is."""
    desk: Desk = request.app.state.desk
    image, excluded = await asked_about(request)

    def work() -> WhyAnswer:
        found = explain(desk.atlas, image, verify=verify, rotations=rotations, exclude=excluded)
        describer = desk.atlas.snapshot().describer
        return why_answer(desk, found, describer)

    return await desk.batches.run(work)


def why_answer(desk: Desk, found: Explanation, describer: Describer) -> WhyAnswer:
    """Return an explanation as it is sent: names of photos, no paths."""
    headline = headline_of(found)
    catalog = desk.catalog()

    def candidate(each: Evidence | None) -> Candidate | None:
        record = None if each is None else catalog.get(each.id)
        return None if each is None or record is None else candidate_of(catalog, record, each)

    first = candidate(found.first)
    return WhyAnswer(
        state=found.state,
        lead=readable(headline.lead),
        advice=list(headline.advice),
        reasons=[Reason(words=each.words, speaks_for=each.speaks_for) for each in found.reasons],
        first=first,
        runner_up=candidate(found.rival),
        why_it_lost=found.why_rival_lost,
        contributions=None
        if first is None
        else _contributions(found, describer, (first.photo.width, first.photo.height)),
        no_contributions_because=found.not_taken_apart or None,
        attention=_attention(found.query.image, describer),
    )


def _contributions(found: Explanation, describer: Describer, size: tuple[int, int]) -> Contributions | None:
    own, theirs = found.of_query, found.of_candidate
    if own is None or theirs is None:
        return None
    image = found.query.image
    points, values = own.joined()
    half = area_of_half(points, values, (image.shape[1], image.shape[0])) if len(points) else math.nan
    return Contributions(
        similarity=own.total,
        parts=[Part(name=name, adds=adds) for name, adds in parts_in_words(own, describer)],
        half=None if math.isnan(half) else half,
        query=_heat_of(own, (image.shape[1], image.shape[0])),
        photo=_heat_of(theirs, size),
    )


def _heat_of(found: TakenApart, size: tuple[int, int]) -> Heat:
    return _sent(heat_levels(*found.joined(), size, CELLS))


def _attention(image: Image, describer: Describer) -> Heat | None:
    delf = next((each for each in describer.extractors if isinstance(each, DELF)), None)
    if delf is None:
        return None
    factor = min(1.0, CELLS / max(image.shape[:2]))
    small = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    attention = cv2.resize(delf.attention(image), small, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(attention, ENDS)
    return _sent(np.asarray(np.clip((attention - low) / max(high - low, 1e-12), 0, 1), np.float32))


def _sent(levels: Floats) -> Heat:
    """Return ``(h, w)`` levels in [0, 1] as they are sent."""
    height, width = levels.shape
    return Heat(width=width, height=height, levels=np.rint(255 * levels).astype(int).ravel().tolist())
