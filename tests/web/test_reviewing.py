"""Positions and problems are reviewed with the keyboard, undone, and saved as a table."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from placeprint import Atlas
from tests.conftest import make_scene, write_photo, write_scenes
from tests.web.conftest import WAIT, Open
from tests.web.test_access import found_by_axe

expect.set_options(timeout=WAIT)
Serve = Callable[..., str]
TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an atlas of a preset with probabilities and positions, and a folder of two photos of its places."""
    folder = tmp_path_factory.mktemp("placed")
    photos = write_scenes(folder / "photos", 6)
    atlas = Atlas.create(folder / "atlas", "fast")
    atlas.add(photos)
    atlas.set_positions({str(path): (55.7 + n / 1000, 13.19) for n, path in enumerate(sorted(photos.iterdir()))})
    for number in (2, 3):
        write_photo(folder / "root" / f"trip{number}.png", (make_scene(number)[10:, 20:] * 0.8 + 40).astype("uint8"))
    return folder


def test_positions_are_decided_with_the_keyboard_and_saved(
    serve: Serve, visit: Open, placed: Path, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "atlas")
    shutil.copytree(placed / "atlas", tmp_path / "atlas")
    address = f"{serve(roots=(placed / 'root',))}/#/review"
    page = visit(address, reduced_motion="reduce")
    expect(page.get_by_label("A folder on the server")).to_be_checked()
    page.get_by_role("button", name="Propose positions").click()
    heading = page.get_by_role("region", name="The photo to decide on").get_by_role("heading")
    expect(heading).to_have_text("trip2.png")
    expect(page.locator(".list button")).to_have_count(2)
    counts = page.get_by_role("status").filter(has_text="accepted")
    page.keyboard.press("a")
    expect(heading).to_have_text("trip3.png")
    page.keyboard.press("r")
    expect(counts).to_have_text("1 accepted, 1 rejected, 0 open")
    page.keyboard.press("u")
    expect(counts).to_have_text("1 accepted, 0 rejected, 1 open")
    assert found_by_axe(page) == []

    page.reload()
    expect(counts).to_have_text("1 accepted, 0 rejected, 1 open")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save accepted").click()
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8"))))
    assert [row["path"] for row in rows] == ["trip2.png"] and float(rows[0]["latitude"]) == pytest.approx(55.702)
    page.get_by_role("button", name="New review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()


def test_a_review_says_that_no_photo_has_a_position(serve: Serve, visit: Open, placed: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "atlas")
    Atlas.create(tmp_path / "atlas", "fast").add([placed / "root"])
    page = visit(f"{serve()}/#/review")
    expect(page.get_by_text("No photo of the atlas has a position.")).to_be_visible()
    expect(page.get_by_role("button", name="Propose positions")).to_be_disabled()


def test_problems_are_shown_with_the_other_photo(serve: Serve, visit: Open, built: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    shutil.copy(built / "photos" / "02.png", tmp_path / "more" / "copy.png")
    Atlas.open(tmp_path / "atlas").add(tmp_path / "more")
    page = visit(f"{serve()}/#/review")
    expect(page.get_by_text("gives no probabilities")).to_be_visible()
    page.get_by_label("Same file twice").check()
    assert found_by_axe(page) == []
    page.get_by_role("button", name="Look for problems").click()
    expect(page.locator(".list button")).to_have_count(2)
    detail = page.get_by_role("region", name="The photo to decide on")
    expect(detail.get_by_text("Same file twice")).to_be_visible()
    expect(detail.locator("figure")).to_have_count(2)
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.locator(".list .mark.accept")).to_have_count(1)


def test_the_user_signs_out(serve: Serve, visit: Open) -> None:
    page = visit(serve(token=TOKEN))
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
