"""The atlas is looked at, added to and removed from, compared, and locked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import expect

from placeprint import Atlas
from tests.conftest import make_scene, write_photo
from tests.web.conftest import PLACES, WAIT, Open, ask

expect.set_options(timeout=WAIT)
Serve = Callable[..., str]
TOKEN = "a token that nobody guesses".replace(" ", "-")


def test_an_added_photo_is_found(serve: Serve, visit: Open, unknown: Path, tmp_path: Path) -> None:
    page = visit(f"{serve(writable=True)}/#/add")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo at all")
    ask(page, unknown, broken)
    rows = page.locator(".files li")
    expect(rows.filter(has_text="elsewhere.png")).to_contain_text("Added")
    expect(rows.filter(has_text="broken.jpg")).to_contain_text("Skipped")
    expect(page.get_by_text(f"{PLACES + 1} photos", exact=True)).to_be_visible()
    page.get_by_role("link", name="Ask").click()
    expect(page.get_by_role("heading", name="Which place is this?")).to_be_visible()  # else the view before gets it
    ask(page, unknown)
    expect(page.get_by_text("Confirmed by geometry").first).to_be_visible()


def test_a_folder_is_indexed_with_progress(serve: Serve, visit: Open, tmp_path: Path) -> None:
    for number in (50, 51):
        write_photo(tmp_path / "root" / "new" / f"{number}.png", make_scene(number))
    (tmp_path / "root" / "new" / "broken.jpg").write_bytes(b"no photo at all")
    page = visit(f"{serve(writable=True, roots=(tmp_path / 'root',))}/#/add")
    page.get_by_label("Folder inside root").fill("new")
    page.get_by_role("button", name="Add the folder").click()
    job = page.locator(".job")
    expect(job).to_contain_text("2 photos added")
    expect(job).to_contain_text("broken.jpg")


def test_an_atlas_that_is_only_shown_says_why(serve: Serve, visit: Open) -> None:
    page = visit(f"{serve()}/#/add")
    expect(page.get_by_text("This atlas is only shown here")).to_be_visible()
    page.get_by_role("link", name="Browse").click()
    page.locator(".tile a").first.click()
    expect(page.get_by_role("button", name="Keypoints")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)


def test_photos_are_filtered_and_opened(serve: Serve, visit: Open) -> None:
    page = visit(f"{serve()}/#/browse")
    expect(page.locator(".tile a")).to_have_count(PLACES)
    page.get_by_label("Search by name").fill("04")
    expect(page.locator(".tile a")).to_have_count(1)
    page.locator(".tile a").click()
    expect(page.get_by_role("heading", name="04.png")).to_be_visible()
    page.get_by_role("button", name="Keypoints").click()
    expect(page.locator("svg circle").nth(20)).to_be_attached()


@pytest.mark.slow
def test_a_removal_can_be_undone_until_its_notice_ends(serve: Serve, visit: Open) -> None:
    page = visit(f"{serve(writable=True)}/#/browse")
    tiles = page.locator(".tile a")
    tiles.first.click()
    page.get_by_role("button", name="Remove").click()
    expect(tiles).to_have_count(PLACES - 1)
    header = page.get_by_role("banner")
    expect(header).to_contain_text(f"{PLACES - 1} photos")
    page.get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(PLACES)
    expect(header).to_contain_text(f"{PLACES} photos")

    tiles.first.click()
    page.get_by_role("button", name="Remove").click()
    with page.expect_response(lambda response: response.request.method == "DELETE") as removed:
        pass
    assert removed.value.status == 204
    expect(header).to_contain_text(f"{PLACES - 1} photos")
    expect(page.get_by_text(f"{PLACES - 1} photos", exact=True).first).to_be_visible()


def test_photos_are_browsed_by_folder_and_place(serve: Serve, visit: Open, built: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "trip" / "one.png", make_scene(51))
    write_photo(tmp_path / "trip" / "two.png", make_scene(52))
    Atlas.open(tmp_path / "atlas").add(tmp_path / "trip")
    page = visit(f"{serve()}/#/browse")
    browse = page.get_by_role("navigation", name="How to browse")
    browse.get_by_role("link", name="Folders").click()
    expect(page.get_by_role("list", name="Groups").get_by_role("link")).to_have_count(2)
    page.get_by_role("link", name="trip 2 photos").click()
    expect(page.get_by_text("2 photos fit the filters")).to_be_visible()
    expect(page.get_by_role("link", name="one.png")).to_be_visible()
    page.go_back()
    browse.get_by_role("link", name="Months").click()
    expect(page.get_by_text("No photo says when it was taken")).to_be_visible()
    browse.get_by_role("link", name="Places").click()
    expect(page.get_by_role("alert")).to_contain_text("probabilities")


def test_photos_near_a_position_are_listed(serve: Serve, visit: Open, built: Path, tmp_path: Path) -> None:
    Atlas.open(tmp_path / "atlas").set_positions({str(built / "photos" / "01.png"): (55.7, 13.19)})
    page = visit(f"{serve()}/#/browse")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Latitude").fill("55.701")
    page.get_by_label("Longitude").fill("13.19")
    page.get_by_label("Longitude").press("Tab")
    expect(page.locator(".tile a")).to_have_count(1)
    expect(page.get_by_label("Meters around")).to_have_value("200")
    page.get_by_label("Meters around").fill("50")
    page.get_by_label("Meters around").press("Tab")
    expect(page.get_by_text("No photo fits the filters")).to_be_visible()
    page.get_by_role("link", name="Show all photos").click()
    expect(page.locator(".tile a")).to_have_count(PLACES)
    page.goto(f"{page.url}?ungrouped=month")
    expect(page.get_by_text(f"{PLACES} photos without a time")).to_be_visible()


def test_two_photos_are_compared(serve: Serve, visit: Open, known: Path, built: Path, unknown: Path) -> None:
    page = visit(f"{serve()}/#/compare")
    choosers = page.locator("main input[type=file]:not([capture])")
    choosers.nth(1).set_input_files(built / "photos" / "03.png")
    choosers.nth(0).set_input_files(known)
    expect(page.get_by_role("region", name="Result")).to_contain_text("The same place: more than 99")
    expect(page.get_by_role("button", name="Replace 03.png")).to_be_visible()
    choosers.nth(1).set_input_files(unknown)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Probably not the same place")


def test_a_locked_service_asks_for_its_token_once(serve: Serve, visit: Open) -> None:
    page = visit(serve(token=TOKEN))
    page.get_by_label("Token").fill("a wrong one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The token is wrong.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Which place is this?")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Which place is this?")).to_be_visible()


def test_a_map_without_positions_says_where_they_come_from(serve: Serve, visit: Open) -> None:
    page = visit(f"{serve()}/#/map")
    expect(page.get_by_text("No photo has a position yet")).to_be_visible()


def test_added_photos_with_positions_are_on_the_map(serve: Serve, visit: Open, tmp_path: Path) -> None:
    taken = [located(tmp_path / f"lund{number}.jpg", 70 + number, 55 + number) for number in range(2)]
    page = visit(f"{serve(writable=True)}/#/add", viewport={"width": 390, "height": 844})
    ask(page, *taken)
    expect(page.locator(".files .good")).to_have_count(2)
    page.get_by_role("link", name="Map").click()
    expect(page.locator(".pin")).to_have_count(2)
    page.locator(".pin").first.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_label("Photos of this pin")
    expect(panel).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.locator(".pin").first.click()
    panel.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Map of the position")).to_be_visible()
    expect(page.get_by_text("13.19500° E")).to_be_visible()
    before = page.locator(".leaflet-control-scale-line").inner_text()
    page.get_by_role("button", name="Close up").click()
    expect(page.locator(".leaflet-control-scale-line")).not_to_have_text(before)


def located(path: Path, seed: int, latitude: int) -> Path:
    """Write a photo that was taken at 13.195 degrees east."""
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (float(latitude), 0.0, 0.0), 3: "E", 4: (13.0, 11.0, 42.0)})
    return write_photo(path, make_scene(seed), exif=exif)
