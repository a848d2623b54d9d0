"""Errors as problem+json (RFC 9457): a status, a title, and the message of our error, without paths or traces."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount

from placeprint.errors import (
    AtlasBusyError,
    AtlasError,
    AtlasMissingError,
    NotEnoughMemoryError,
    OptionError,
    PackageError,
    PhotoError,
    PlaceprintError,
    ServiceError,
    WriteError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2
"""Seconds after which a client may try again when the service is busy."""
STATUSES: tuple[tuple[type[PlaceprintError], int], ...] = (
    (AtlasBusyError, 503),
    (AtlasMissingError, 503),
    (NotEnoughMemoryError, 413),
    (PhotoError, 422),
    (OptionError, 422),
    (ServiceError, 503),
    (PackageError, 501),
    (WriteError, 507),
    (AtlasError, 503),
)
"""The status of each of our errors; the first that fits."""
METHODS = "GET", "POST", "DELETE"
"""Methods that routes of the service have."""
SHOWN = 80
"""Characters of a wrong value that are shown."""
SAFE = (PhotoError, OptionError)
"""Errors whose message is about what the client sent; those of others may name paths, and are logged only."""

log = logging.getLogger("placeprint.service")


class Problem(BaseModel):
    """What went wrong with a request."""

    type: str = Field(default="about:blank", description="The kind of problem.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What was expected, what came, and what to do.")


class Refused(Exception):  # noqa: N818  # it is an answer
    """A request that is not answered.

    Args:
        status: the HTTP status.
        detail: what was expected, what came, and what to do.
        headers: further headers.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the response for a problem."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    more = dict(headers or {})
    if status == 503:
        more.setdefault("Retry-After", str(RETRY_AFTER))
    return JSONResponse(body.model_dump(), status, more, MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of some statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def _methods(request: Request) -> list[str]:
    """Return the methods that the address of a request takes; HEAD wherever there is GET."""
    routes = [each for each in request.app.routes if not isinstance(each, Mount)]

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(each.matches(scope)[0] is Match.FULL for each in routes)

    found = [method for method in METHODS if takes(method)]
    return ["HEAD", *found] if "GET" in found else found


def answer_problems(app: FastAPI) -> None:
    """Let an app answer every error as a problem."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return problem(error.status, error.detail, error.headers)

    @app.exception_handler(PlaceprintError)
    async def ours(_: Request, error: PlaceprintError) -> JSONResponse:
        status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
        if isinstance(error, SAFE):
            return problem(status, str(error))
        log.error("%s", error)
        return problem(status, "the atlas cannot be used now; the log of the service says why")

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        given = first.get("input")
        came = f"; got {str(given)[:SHOWN]!r}" if isinstance(given, str | int | float) else ""
        return problem(422, f"{where}: {first['msg']}{came}")

    @app.exception_handler(HTTPException)
    async def known(request: Request, error: HTTPException) -> JSONResponse:
        methods = _methods(request)
        if error.status_code == 404:
            return problem(404, "there is nothing at this address; /openapi.json lists those that there are")
        if error.status_code == 405 and methods:
            names = ", ".join(methods)
            return problem(405, f"expected {names} at this address; got {request.method}", {"Allow": names})
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unknown(_: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", exc_info=error)
        return problem(500, "this is a bug in placeprint; see the log of the service")
