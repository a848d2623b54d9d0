"""Photos are asked about: found with proof, not in the atlas, broken, several at once, by several users."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from placeprint.photos import read_photo
from tests.conftest import write_photo
from tests.web.conftest import WAIT, Open, ask

expect.set_options(timeout=WAIT)
Serve = Callable[..., str]
GIVE = """([kind, name, content]) => {
    const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0))
    const data = new DataTransfer()
    data.items.add(new File([bytes], name, {type: "image/png"}))
    const options = {bubbles: true, cancelable: true}
    window.dispatchEvent(kind === "drop" ? new DragEvent("drop", {...options, dataTransfer: data})
        : new ClipboardEvent("paste", {...options, clipboardData: data}))
}"""
"""Gives the page a file as the mouse or the clipboard does."""


def test_a_photo_is_answered_with_its_proof(serve: Serve, visit: Open, known: Path) -> None:
    page = visit(serve())
    ask(page, known)
    expect(page.get_by_role("heading", name="The place of 03.png")).to_be_visible()
    expect(page.get_by_text("Confirmed by geometry").first).to_be_visible()
    assert page.locator("g.matches line").count() > 10
    expect(page.get_by_text("No position is known: no photo of the atlas has one.")).to_be_visible()

    page.get_by_role("button", name=re.compile("^Matches")).click()
    expect(page.locator("g.matches")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Matches")).click()

    pictures = page.locator("svg[role=img] image")
    before = [pictures.nth(number).bounding_box() for number in range(2)]
    page.get_by_role("button", name="Zoom in").click()
    assert all(pictures.nth(number).bounding_box() != before[number] for number in range(2))
    assert page.locator("g.matches line").count() > 5
    page.get_by_role("button", name="Show all").click()
    assert [pictures.nth(number).bounding_box() for number in range(2)] == before


def test_pointing_at_a_match_shows_it_in_both_photos(serve: Serve, visit: Open, known: Path) -> None:
    page = visit(serve())
    ask(page, known)
    page.locator("g.matches circle").first.hover(force=True)
    expect(page.locator("g.active circle")).to_have_count(2)


def test_the_page_says_why_and_shows_where_the_evidence_is(serve: Serve, visit: Open, known: Path) -> None:
    page = visit(serve())
    ask(page, known)
    why = page.get_by_role("region", name="Why")
    expect(why.get_by_text(re.compile("points of both photos fit together"))).to_be_visible()
    expect(why.get_by_text(re.compile("^The runner-up"))).to_be_visible()
    page.get_by_role("button", name="Evidence").click()
    expect(page.locator("image.heat")).to_have_count(2)
    expect(page.locator("g.matches")).to_have_count(0)
    page.locator("svg[role=img]").press("e")
    expect(page.locator("image.heat")).to_have_count(0)
    expect(page.locator("g.matches")).to_have_count(1)


@pytest.mark.parametrize("degrees", [0, 180])
def test_the_overlay_lays_the_same_point_on_itself(
    serve: Serve, visit: Open, known: Path, tmp_path: Path, degrees: int
) -> None:
    rotated = write_photo(tmp_path / "rotated.png", np.rot90(read_photo(known).image, degrees // 90))
    page = visit(serve())
    ask(page, rotated)
    page.get_by_role("button", name="Overlay").click()
    box, own = page.locator(".base").bounding_box(), page.locator(".top img").bounding_box()
    assert box is not None
    assert own is not None
    scale = box["width"] / 320
    assert abs(own["x"] - box["x"] - 20 * scale) < 3 * scale  # the part begins at (20, 10) of the photo
    assert abs(own["y"] - box["y"] - 10 * scale) < 3 * scale
    assert abs(own["width"] - 300 * scale) < 4 * scale


def test_another_candidate_can_be_compared(serve: Serve, visit: Open, known: Path) -> None:
    page = visit(serve())
    ask(page, known)
    second = page.locator(".candidate").nth(1)
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("region", name="Proof").locator("svg[role=img]")).to_be_visible()


def test_an_unknown_place_is_called_so(serve: Serve, visit: Open, unknown: Path) -> None:
    page = visit(serve())
    ask(page, unknown)
    expect(page.get_by_role("heading", name="No photo of the atlas shows this place")).to_be_visible()
    expect(page.get_by_role("heading", name="Closest photos")).to_be_visible()


def test_a_broken_file_gets_the_words_of_the_service(serve: Serve, visit: Open, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo at all")
    page = visit(serve())
    ask(page, broken)
    expect(page.get_by_role("alert")).to_contain_text("broken.jpg")


def test_several_photos_wait_in_a_queue(serve: Serve, visit: Open, known: Path, unknown: Path) -> None:
    page = visit(serve())
    ask(page, known, unknown)
    items = page.get_by_role("group", name="Your photos").locator(".item")
    expect(items).to_have_count(2)
    expect(items.nth(0)).to_contain_text("Confirmed by geometry")
    expect(items.nth(1)).to_contain_text("Not in the atlas")
    items.nth(1).click()
    expect(page.get_by_role("heading", name="No photo of the atlas shows this place")).to_be_visible()


def test_a_phone_keeps_its_buttons_beside_many_photos(serve: Serve, visit: Open, known: Path, unknown: Path) -> None:
    page = visit(serve(), viewport={"width": 390, "height": 844}, has_touch=True)
    ask(page, known, unknown, unknown, known)
    for name in ("Choose photos", "Take a photo"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    expect(page.locator(".items.more")).to_be_visible()


def test_two_users_get_their_own_answers(serve: Serve, visit: Open, known: Path, unknown: Path) -> None:
    address = serve()
    one, two = visit(address), visit(address)
    ask(one, known)
    ask(two, unknown)
    expect(one.get_by_role("heading", name="The place of 03.png")).to_be_visible()
    expect(two.get_by_role("heading", name="No photo of the atlas shows this place")).to_be_visible()


def test_photos_are_dropped_and_pasted(serve: Serve, visit: Open, known: Path) -> None:
    page = visit(serve())
    page.get_by_text("Drop photos here").wait_for()
    content = base64.b64encode(known.read_bytes()).decode()
    for kind, name in (("drop", "dropped.png"), ("paste", "pasted.png")):
        page.evaluate(GIVE, [kind, name, content])
        expect(page.locator(".item").filter(has_text=name)).to_contain_text("Confirmed by geometry")
