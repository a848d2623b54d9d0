"""Tiles lie under the pins of the map: of a file, and of another host."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import Browser, Page, expect

from placeprint import Atlas
from placeprint.service.tiles import Tiles
from tests.service.pmtiles_file import write_pmtiles
from tests.web.conftest import WAIT, Open

expect.set_options(timeout=WAIT)
Serve = Callable[..., str]
LOADED = "[...document.querySelectorAll('img.leaflet-tile')].filter((tile) => tile.naturalWidth === 256).length"


def tile() -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (256, 256), (120, 160, 90)).save(file, "png")
    return file.getvalue()


@pytest.fixture
def located(serve: Serve, built: Path, tmp_path: Path) -> Serve:
    """Give `serve`, whose atlas has a photo with a position."""
    Atlas.open(tmp_path / "atlas").set_positions({str(built / "photos" / "01.png"): (55.7, 13.19)})
    return serve


def count_tiles(page: Page) -> int:
    page.locator("img.leaflet-tile").first.wait_for(state="attached")
    page.locator(".pin").first.wait_for()
    for _ in range(100):
        if page.evaluate(LOADED):
            break
        page.wait_for_timeout(100)
    return int(page.evaluate(LOADED))


def test_tiles_of_a_file(located: Serve, visit: Open, tmp_path: Path) -> None:
    path = write_pmtiles(tmp_path / "map.pmtiles", tile(), credit='<a href="https://example.org">Somebody</a>')
    page = visit(f"{located(tiles=Tiles.parse(str(path)))}/#/map")
    assert count_tiles(page) > 0
    expect(page.locator(".leaflet-control-attribution")).to_contain_text("Somebody")
    expect(page.locator(".leaflet-control-attribution a[href*=example]")).to_have_count(0)
    expect(page.locator(".graticule")).to_have_count(0)


def test_tiles_of_another_host(located: Serve, browser: Browser) -> None:
    address = located(tiles=Tiles.parse("https://tiles.example.org/{z}/{x}/{y}.png"))
    page = browser.new_page()
    asked: list[str] = []

    def answer(route: object) -> None:
        asked.append(route.request.headers.get("referer", ""))  # type: ignore[attr-defined]
        route.fulfill(body=tile(), content_type="image/png")  # type: ignore[attr-defined]

    page.route("https://tiles.example.org/**", answer)
    page.goto(f"{address}/#/map")
    assert count_tiles(page) > 0 and asked and set(asked) == {f"{address}/"}
    page.close()


def test_tiles_that_cannot_be_read_leave_the_outline(located: Serve, visit: Open, tmp_path: Path) -> None:
    path = write_pmtiles(tmp_path / "map.pmtiles", tile())
    address = located(tiles=Tiles.parse(str(path)))
    path.unlink()
    page = visit(f"{address}/#/map")
    expect(page.get_by_text("The tiles of the map cannot be shown")).to_be_visible()
    expect(page.locator(".land")).to_have_count(1)
