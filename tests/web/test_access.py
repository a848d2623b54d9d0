"""Everyone can use the page: axe finds nothing in any view and color, and the keyboard reaches what the mouse does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import AXE, WAIT, Open, ask

expect.set_options(timeout=WAIT)
Serve = Callable[..., str]
RULES = "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"
COLORS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def found_by_axe(page: Page) -> list[str]:
    """Return what axe-core finds, with the element; nothing where it is not installed."""
    if not AXE.is_file():
        return []
    run = """async (rules) => (await axe.run({runOnly: rules})).violations.flatMap(
        (rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 200)}`))"""
    found = page.evaluate(run, list(RULES))
    assert isinstance(found, list)
    return [str(each) for each in found]


@pytest.mark.parametrize("color", COLORS)
def test_axe_finds_nothing(serve: Serve, visit: Open, known: Path, color: Literal["light", "dark"]) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed; run scripts/build_page.py")
    address = serve(writable=True)
    page = visit(address, color_scheme=color, reduced_motion="reduce")
    expect(page.get_by_role("heading", name="Which place is this?")).to_be_visible()
    found = {"hello": found_by_axe(page)}
    ask(page, known)
    expect(page.locator("g.matches")).to_be_visible()
    found["answer"] = found_by_axe(page)
    for view, sign in {
        "browse": ".tile img",
        "browse?by=folder": ".notice",
        "browse?near=55.7,13.19,200": ".filters",
        "photo/987654321": ".notice",
        "review": "form",
        "photo/1": ".tiles",
        "map": ".notice",
        "add": ".drop",
        "compare": ".drop",
    }.items():
        page.goto(f"{address}/#/{view}")
        page.locator(sign).first.wait_for()
        found[view] = found_by_axe(page)
    assert {view: each for view, each in found.items() if each} == {}


def test_colors_follow_the_system_until_the_user_chooses(serve: Serve, visit: Open) -> None:
    page = visit(serve(), color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Use light colors").click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light


def test_the_keyboard_walks_through_the_photos(serve: Serve, visit: Open) -> None:
    page = visit(f"{serve()}/#/browse")
    tiles = page.locator(".tile a")
    tiles.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keypoints")).to_be_visible()


@pytest.mark.parametrize("view", ["ask", "browse", "browse?by=place", "review", "add", "compare", "photo/1"])
def test_nothing_is_wider_than_a_phone(serve: Serve, visit: Open, view: str) -> None:
    page = visit(f"{serve(writable=True)}/#/{view}")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("main h1").first.wait_for(state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
