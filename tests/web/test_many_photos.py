"""The grid scrolls through 100,000 photos: only what is seen is in the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Route, expect

from tests.web.conftest import WAIT, Open

expect.set_options(timeout=WAIT)
MANY = 100_000


def photos(route: Route) -> None:
    """Answer like an atlas of many photos."""
    query = {name: int(values[0]) for name, values in parse_qs(urlsplit(route.request.url).query).items()}
    first = query["offset"]
    last = min(first + query["limit"], MANY)
    listed = [
        {
            "id": number,
            "name": f"{number:06d}.jpg",
            "folder": "",
            "width": 640,
            "height": 480,
            "position": None,
            "taken": None,
            "num_keypoints": 1000,
        }
        for number in range(first, last)
    ]
    following = last - 1 if last < MANY else None
    body = json.dumps({"photos": listed, "total": MANY, "next": following})
    route.fulfill(body=body, content_type="application/json")


def picture(route: Route) -> None:
    """Answer with an empty picture."""
    route.fulfill(body="<svg xmlns='http://www.w3.org/2000/svg'/>", content_type="image/svg+xml")


def test_a_hundred_thousand_photos_scroll(serve: Callable[..., str], visit: Open) -> None:
    page = visit(serve())
    page.route("**/v1/photos?*", photos)
    page.route("**/thumbnail", picture)
    page.get_by_role("link", name="Browse").click()
    expect(page.get_by_role("link", name="000000.jpg")).to_be_visible()
    assert page.locator(".tile").count() < 200
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(page.get_by_role("link", name="099999.jpg")).to_be_visible()
    assert page.locator(".tile").count() < 200
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    expect(page.get_by_role("link", name="050000.jpg")).to_be_visible()


def test_going_back_leads_to_the_same_row(serve: Callable[..., str], visit: Open) -> None:
    page = visit(serve())
    page.route("**/v1/photos?*", photos)
    page.route("**/thumbnail", picture)
    page.get_by_role("link", name="Browse").click()
    expect(page.get_by_role("link", name="000000.jpg")).to_be_visible()
    page.evaluate("scrollTo(0, 4000)")
    page.locator(".tile a").nth(30).click()
    page.get_by_role("link", name="Photos", exact=True).wait_for()
    assert page.evaluate("scrollY") == 0
    page.get_by_role("link", name="Photos", exact=True).click()
    page.wait_for_function("scrollY === 4000")
