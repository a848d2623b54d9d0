"""Routes about the service itself: facts about the atlas, whether the service is ready, and its counters."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from placeprint.service.asking import PROBLEMS
from placeprint.service.counting import Counts
from placeprint.service.desk import Desk
from placeprint.service.guard import COOKIE, same_text, session_of
from placeprint.service.problems import Refused, responses
from placeprint.service.schemas import AtlasSummary, Health, MapTiles, Token
from placeprint.version import __version__

router = APIRouter(tags=["service"])


@router.get("/v1/atlas", responses=PROBLEMS)
async def atlas(request: Request) -> AtlasSummary:
    """Return the facts about the atlas."""
    desk: Desk = request.app.state.desk
    info = await desk.read(desk.atlas.info)
    tiles = desk.settings.tiles
    return AtlasSummary(
        preset=info.preset,
        version=__version__,
        num_photos=info.num_photos,
        num_located=info.num_located,
        num_skipped=len(info.errors),
        num_bytes=info.num_bytes,
        writable=desk.settings.writable,
        probabilities=desk.gives_probabilities,
        token=desk.settings.token is not None,
        tiles=None if tiles is None else MapTiles(kind=tiles.kind, url=tiles.url),
        roots=list(desk.settings.named_roots),
    )


@router.post("/v1/session", status_code=204, response_class=Response, responses=responses(401, 403, 413, 421, 422))
async def session(request: Request, given: Token) -> Response:
    """Give a browser a cookie for the token, which scripts of the page cannot read."""
    desk: Desk = request.app.state.desk
    token = desk.settings.token
    if token is not None and not same_text(given.token, token):
        raise Refused(401, "the token is wrong", {"WWW-Authenticate": "Bearer"})
    response = Response(status_code=204)
    if token is not None:
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, session_of(token), httponly=True, samesite="strict", secure=secure)
    return response


@router.delete("/v1/session", status_code=204, response_class=Response, responses=responses(403, 421))
async def leave() -> Response:
    """Take the cookie away."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


@router.get("/healthz")
async def healthz() -> Health:
    """Return whether the process lives."""
    return Health(status="ok")


@router.get("/readyz", responses=responses(503))
async def readyz(request: Request) -> Health:
    """Return whether queries are answered: the atlas can be read, and the queue has room."""
    desk: Desk = request.app.state.desk
    await desk.read(lambda: len(desk.atlas))
    if desk.batches.num_waiting >= desk.settings.max_waiting:
        raise Refused(503, "too many queries are waiting")
    return Health(status="ok")


@router.get("/metrics", response_class=Response, responses=responses(401, 421) | {200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Return the counters for Prometheus."""
    desk: Desk = request.app.state.desk
    counts: Counts = request.app.state.counts
    return Response(await desk.read(counts.text), media_type=CONTENT_TYPE_LATEST)
