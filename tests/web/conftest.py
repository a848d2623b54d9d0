"""The page in a real browser: Chromium, a service over made pictures, and a watch on what goes wrong."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright.sync_api")

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from placeprint import Atlas
from placeprint.service.app import create_app
from placeprint.service.page_files import is_built
from placeprint.service.settings import ServiceSettings
from tests.conftest import make_scene, write_photo, write_scenes

CHROMIUM = os.environ.get("PLACEPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PLACES = 6
WAIT = 60_000
"""Milliseconds that the browser waits for what a test expects; a busy machine is slow."""
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    Atlas.create(folder / "atlas", "sift-vlad").add([write_scenes(folder / "photos", PLACES)])
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; set PLACEPRINT_CHROMIUM")
    if not is_built():
        pytest.skip("the page is not built; run scripts/build_page.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def serve(built: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Give a function that starts a service with some settings on a copy of the atlas, and returns its address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []
    shutil.copytree(built / "atlas", tmp_path / "atlas")

    def start(**settings: Any) -> str:
        app = create_app(ServiceSettings(tmp_path / "atlas", uploads=tmp_path / "uploads", **settings))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Give a function that opens an address as a new user; nothing may go wrong unseen, and no other host be asked."""
    wrong: list[str] = []
    contexts = []

    def start(address: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        context.set_default_timeout(WAIT)
        contexts.append(context)
        if AXE.is_file():
            context.add_init_script(path=AXE)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on(
            "console", lambda message: wrong.append(message.text) if unexpected(message.type, message.text) else None
        )
        page.on(
            "request", lambda request: wrong.append(request.url) if not request.url.startswith(hosts(address)) else None
        )
        page.goto(address)
        return page

    yield start
    for context in contexts:
        context.close()
    assert wrong == []


def unexpected(kind: str, text: str) -> bool:
    """Return whether the console says more than that the service refused something, which the page shows."""
    return kind in {"error", "warning"} and not text.startswith("Failed to load resource: the server responded with")


def hosts(address: str) -> tuple[str, ...]:
    return address.partition("/#")[0], "blob:", "data:"


@pytest.fixture
def known(built: Path, tmp_path: Path) -> Path:
    """Give a photo of a place that the atlas knows: a part of one of its pictures, brighter."""
    part = make_scene(3)[10:, 20:]
    return write_photo(tmp_path / "asked.png", (part * 0.8 + 40).astype("uint8"))


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """Give a photo of a place that the atlas does not know."""
    return write_photo(tmp_path / "elsewhere.png", make_scene(99))


def ask(page: Page, *photos: Path) -> None:
    """Choose photos in the view that is shown."""
    page.locator("input[type=file][multiple]").first.set_input_files(list(photos))
