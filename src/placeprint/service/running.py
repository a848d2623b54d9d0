"""Run the service until it is stopped."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from placeprint.service.app import create_app
from placeprint.service.page_files import HOW_TO_BUILD, is_built
from placeprint.service.settings import ServiceSettings

LAST = 30
"""Seconds that requests have to end when the service is stopped."""


def run(settings: ServiceSettings, say: Callable[[str], None]) -> None:
    """Serve an atlas until Ctrl-C.

    Args:
        settings: of the service.
        say: takes a line for the user: where the service is, and how to build the page if it is missing.

    Raises:
        AtlasMissingError: there is no atlas.
        AtlasFormatError: it is damaged.
    """
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=LAST,
    )
    say(f"serving {settings.atlas} at http://{settings.host}:{settings.port}; stop with Ctrl-C")
    if not is_built():
        say(f"only the REST API: {HOW_TO_BUILD}")
    uvicorn.Server(config).run()
