"""The service as one ASGI app: routes, errors, limits, and the page if it was built."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from placeprint.service import asking, browsing, folders, grouping, health, jobs, placing, reviewing, tiles, why
from placeprint.service.counting import Counting, Counts
from placeprint.service.desk import Desk
from placeprint.service.guard import Guard
from placeprint.service.heading import Heading
from placeprint.service.page_files import show_page
from placeprint.service.problems import Problem, answer_problems
from placeprint.service.reviews import Reviews
from placeprint.service.settings import ServiceSettings
from placeprint.version import __version__


def create_app(settings: ServiceSettings) -> FastAPI:
    """Return the service of an atlas.

    Args:
        settings: its settings.

    Raises:
        AtlasMissingError: there is no atlas.
        AtlasFormatError: it is damaged.
    """
    desk = Desk(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await desk.read(desk.atlas.prepare)
        yield
        app.state.jobs.stop()
        await desk.finish()

    app = FastAPI(
        title="placeprint",
        version=__version__,
        summary="Which place a photo shows, and the proof.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk, app.state.counts = desk, Counts(desk)
    app.state.jobs, app.state.reviews = jobs.Jobs(), Reviews()
    for part in (asking, why, placing, browsing, grouping, folders, jobs, reviewing, tiles, health):
        app.include_router(part.router)
    answer_problems(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Counting, counts=app.state.counts)
    app.add_middleware(Heading)
    show_page(app)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # as FastAPI's documentation says
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the form of problems and how the token is given."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = found["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{}, {"token": []}]  # a service may have no token
        app.openapi_schema = found
    return app.openapi_schema
