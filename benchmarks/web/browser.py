"""The page in Chromium, over an atlas of the sample photos that ship inside installed packages, and views of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.web.places import write_facts
from placeprint import Atlas
from placeprint.datasets.photos.sample_photos import PLACES, read_samples, rephotograph
from placeprint.service.app import create_app
from placeprint.service.page_files import HOW_TO_BUILD, is_built
from placeprint.service.settings import ServiceSettings
from placeprint.types import Image
from placeprint.visualization.canvas import write_picture

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


VIEWS = 2
"""Made-up views of each place besides its photo."""


TEMPLE = "holiday.jpg"
"""A query: the temple of the sample photos, taken otherwise."""


@contextlib.contextmanager
def served(*, located: bool = False) -> Iterator[tuple[str, Path]]:
    """Serve the sample photos while the context lasts; gives the address, and a query.

    Args:
        located: whether the photos have positions.

    Raises:
        SystemExit: the page is not built.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_samples(folder)
        if located:
            write_facts(folder / "photos")
        Atlas.create(folder / "atlas").add(folder / "photos")
        with running(ServiceSettings(folder / "atlas", writable=True)) as address:
            yield address, folder / TEMPLE


@contextlib.contextmanager
def running(settings: ServiceSettings) -> Iterator[str]:
    """Serve an atlas while the context lasts; gives the address.

    Raises:
        SystemExit: the page is not built.
    """
    if not is_built():
        raise SystemExit(HOW_TO_BUILD)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def write_samples(folder: Path, *, unknown: bool = False) -> None:
    """Write the sample photos into ``photos``, and a query of one of them.

    Args:
        folder: where.
        unknown: whether to leave one place out, whose photo is ``unknown.jpg``.
    """
    samples = dict(read_samples(PLACES))
    temple, _ = rephotograph(samples["temple"], corners=0.12, exposure=0.5, seed=8)
    if unknown:
        write_picture(folder / "unknown.jpg", samples.popitem()[1])
    write_views(folder / "photos", samples)
    write_picture(folder / TEMPLE, temple)


def write_views(folder: Path, samples: Mapping[str, Image]) -> None:
    """Write each sample photo and two made-up views of it into a folder of its own."""
    for place, image in samples.items():
        (folder / place).mkdir(parents=True)
        write_picture(folder / place / f"{place}-1.jpg", image)
        for number in range(2, 2 + VIEWS):
            view, _ = rephotograph(image, corners=0.05 * number, exposure=1.3 - 0.2 * number, seed=number)
            write_picture(folder / place / f"{place}-{number}.jpg", view)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium while the context lasts.

    Raises:
        SystemExit: it is not installed.
    """
    found = os.environ.get("PLACEPRINT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise SystemExit("Chromium is not installed; install it, or set PLACEPRINT_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


def ask(page: Page, photo: Path) -> None:
    """Ask about a photo, and wait for the proof."""
    page.locator("input[type=file][multiple]").first.set_input_files(photo)
    page.locator("g.matches").wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")
