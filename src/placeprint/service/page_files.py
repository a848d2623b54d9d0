"""The files of the web page, if it was built: `web/` is its source, and `scripts/build_page.py` builds it."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import Scope

PAGE = Path(__file__).parent / "page"
"""Where the build of the page lies."""
HOW_TO_BUILD = "the web page is not built; build it with: python scripts/build_page.py"
NO_PAGE = f"This is placeprint. The REST API is at /v1, and its document at /openapi.json.\nHere, {HOW_TO_BUILD}\n"
FOREVER = "public, max-age=31536000, immutable"
"""For files that are named by their content."""


class _PageFiles(StaticFiles):
    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        named = Path(full_path).parent.name == "assets"
        response.headers["cache-control"] = FOREVER if named else "no-cache"
        return response


def is_built(page: Path = PAGE) -> bool:
    """Return whether there is a page to show."""
    return (page / "index.html").is_file()


def show_page(app: FastAPI, page: Path = PAGE) -> None:
    """Let an app answer with the files of the page at ``/``, compressed, or say how it is built.

    Args:
        app: the service; routes that it has already come first.
        page: the folder of the build.
    """
    if is_built(page):
        app.mount("/", GZipMiddleware(_PageFiles(directory=page, html=True), minimum_size=1024), name="page")
        return

    @app.get("/", include_in_schema=False)
    async def no_page() -> Response:
        return Response(NO_PAGE, media_type="text/plain")
