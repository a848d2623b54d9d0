"""Take screenshots of every view of the page, in light and dark mode, on a desktop, a tablet and a phone.

    python -m benchmarks.web.looks FOLDER
    python -m benchmarks.web.looks FOLDER --photos ../photos --query ../one.jpg --unknown ../two.jpg --views answer

Without ``--photos`` it shows the sample photos that ship inside installed packages, with made-up positions and times.
The states are made as a user makes them; those of loading and of errors, by holding back or refusing requests.

A picture shows the whole page, laid out in the viewport of its size. What stays in place while a user scrolls, such as
the navigation, is put where it is at the end of the page.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, Route

from benchmarks.web.browser import TEMPLE, chromium, running, write_samples
from benchmarks.web.places import write_facts
from placeprint import Atlas
from placeprint.service.settings import ServiceSettings

SLOW = 240_000
"""Milliseconds that a view may take."""
TOKEN = "a-token-of-enough-characters"
SIZES: Mapping[str, tuple[int, int]] = {"desktop": (1440, 900), "tablet": (900, 1100), "phone": (390, 844)}
COLORS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


SETTLE = """() => {
    scrollTo(0, 0)
    const below = document.documentElement.scrollHeight - innerHeight
    for (const each of document.querySelectorAll("*")) {
        const {position} = getComputedStyle(each)
        if (position === "sticky") Object.assign(each.style, {position: "relative", inset: "auto"})
        if (position !== "fixed") continue
        const {top} = each.getBoundingClientRect(), moved = top > innerHeight / 2 ? below : 0
        Object.assign(each.style, {position: "absolute", bottom: "auto", top: `${top + moved}px`})
    }
}"""
"""Puts what stays in place while a user scrolls where it is at the end of the page."""


@dataclass(frozen=True)
class Scene:
    """What the pictures show.

    Args:
        full: the address of a service with photos, which may be changed.
        empty: the same without photos.
        bare: the same with photos that have no positions; it may not be changed.
        locked: the same that needs a token.
        query: a photo of a place of the atlas.
        unknown: a photo of another place.
        broken: a file that is no photo.
    """

    full: str
    empty: str
    bare: str
    locked: str
    query: Path
    unknown: Path
    broken: Path


Steps = Callable[[Page, Scene], None]


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", help="photos and folders of the atlas")
    parser.add_argument("--query", type=Path, help="a photo of one of their places")
    parser.add_argument("--unknown", type=Path, help="a photo of another place")
    parser.add_argument("--views", nargs="+", choices=list(VIEWS), default=list(VIEWS))
    parser.add_argument("--sizes", nargs="+", choices=sorted(SIZES), default=sorted(SIZES))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        write_samples(made, unknown=True)
        shutil.copytree(made / "photos" / "temple", made / "bare-photos")
        write_facts(made / "photos")
        photos = given.photos or [made / "photos"]
        Atlas.create(made / "atlas", "fast").add(photos)
        Atlas.create(made / "empty", "fast")
        Atlas.create(made / "bare", "fast").add([made / "bare-photos"])
        (made / "broken.jpg").write_bytes(b"no photo at all")
        roots = tuple(each for each in photos if each.is_dir())
        full = ServiceSettings(made / "atlas", writable=True, roots=roots, uploads=made / "uploads")
        empty, locked = ServiceSettings(made / "empty", writable=True), ServiceSettings(made / "empty", token=TOKEN)
        bare = ServiceSettings(made / "bare")
        with (
            running(full) as one,
            running(empty) as two,
            running(bare) as three,
            running(locked) as four,
            chromium() as browser,
        ):
            query, unknown = given.query or made / TEMPLE, given.unknown or made / "unknown.jpg"
            scene = Scene(one, two, three, four, query, unknown, made / "broken.jpg")
            for view in given.views:
                for size in given.sizes:
                    look(browser, scene, size, view, given.folder)


def look(browser: Browser, scene: Scene, size: str, view: str, folder: Path) -> None:
    """Take pictures of one view in one size, in both colors."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=size != "desktop", reduced_motion="reduce"
    )
    context.set_default_timeout(SLOW)
    page = context.new_page()
    try:
        VIEWS[view](page, scene)
        page.wait_for_timeout(300)
        page.evaluate(SETTLE)
        for color in COLORS:
            page.emulate_media(color_scheme=color)
            page.wait_for_timeout(250)
            page.screenshot(path=folder / f"{view}-{size}-{color}.png", full_page=True)
        print(f"{view}, {size}")
    finally:
        context.close()


def at(address: str, sign: str = "main") -> Steps:
    """Return steps that open a view of the full atlas and wait for a sign of it."""

    def steps(page: Page, scene: Scene) -> None:
        page.goto(f"{scene.full}/#/{address}")
        page.locator(sign).first.wait_for()
        page.wait_for_load_state("networkidle")

    return steps


def of(atlas: Literal["empty", "bare"], address: str) -> Steps:
    """Return steps that open a view of another atlas."""

    def steps(page: Page, scene: Scene) -> None:
        page.goto(f"{getattr(scene, atlas)}/#/{address}")
        page.wait_for_load_state("networkidle")

    return steps


def choose(page: Page, *photos: Path) -> None:
    """Choose photos in the view that is shown."""
    page.locator("main input[type=file][multiple]").first.set_input_files(list(photos))


def asked(page: Page, scene: Scene) -> None:
    """Ask about the photo, and wait for the reasons."""
    prove(page, scene.full, scene.query)


def prove(page: Page, address: str, query: Path) -> None:
    """Ask an atlas about a photo, and wait for the reasons."""
    page.goto(address)
    choose(page, query)
    page.locator("g.matches").wait_for()
    page.locator(".reasons").wait_for()
    page.wait_for_load_state("networkidle")


def hovered(page: Page, scene: Scene) -> None:
    """Show one match in both photos."""
    asked(page, scene)
    point = page.locator("g.matches circle").nth(7)
    if page.evaluate("matchMedia('(pointer: coarse)').matches"):
        point.tap(force=True)
    else:
        point.hover(force=True)


def zoomed(page: Page, scene: Scene) -> None:
    """Look closely at the matches."""
    asked(page, scene)
    for _ in range(3):
        page.get_by_role("region", name="Proof").get_by_role("button", name="Zoom in").click()


def evidence(page: Page, scene: Scene) -> None:
    """Show where the evidence is."""
    asked(page, scene)
    page.get_by_role("button", name="Evidence").click()


def overlaid(page: Page, scene: Scene) -> None:
    """Lay the photo over the best one."""
    asked(page, scene)
    page.get_by_role("button", name="Overlay").click()


def unknown(page: Page, scene: Scene) -> None:
    """Ask about a place that the atlas does not know."""
    page.goto(scene.full)
    choose(page, scene.unknown)
    page.locator(".reasons").wait_for()
    page.wait_for_load_state("networkidle")


def queued(page: Page, scene: Scene) -> None:
    """Ask about several files at once; one is no photo, and some still wait."""
    page.goto(scene.full)
    choose(page, scene.query)
    page.locator("g.matches").wait_for()
    hold(page, "**/v1/search*", after=2)
    choose(page, scene.broken, scene.unknown, scene.query, scene.unknown)
    page.locator(".state.bad").first.wait_for()
    page.locator(".item").nth(0).click()


def failed(page: Page, scene: Scene) -> None:
    """Ask about a file that is no photo."""
    page.goto(scene.full)
    choose(page, scene.broken)
    page.get_by_role("alert").wait_for()


def looking(page: Page, scene: Scene) -> None:
    """Wait for an answer."""
    hold(page, "**/v1/search*")
    page.goto(scene.full)
    choose(page, scene.query)
    page.locator(".waiting").wait_for()


def keypoints(page: Page, scene: Scene) -> None:
    """Show the keypoints of a photo."""
    at("photo/1", ".tiles, .soft")(page, scene)
    page.get_by_role("button", name="Keypoints").click()
    page.locator("figure circle").nth(20).wait_for()
    page.locator(".shimmer").first.wait_for(state="detached")


def pinned(page: Page, scene: Scene) -> None:
    """Show the photos of a pin."""
    at("map", ".pin, .notice")(page, scene)
    if page.locator(".pin").count():
        page.locator(".pin").first.click()


def filtered(page: Page, scene: Scene) -> None:
    """Open the filters."""
    at("browse", ".tile img")(page, scene)
    page.get_by_role("button", name="Filters").click()


def removed(page: Page, scene: Scene) -> None:
    """Remove a photo; it can be undone."""
    at("photo/2")(page, scene)
    page.get_by_role("button", name="Remove").click()
    page.locator(".toast").wait_for()
    page.locator(".tile img").first.wait_for()


def reviewed(kind: str) -> Steps:
    """Return steps that start a review and wait for its end."""

    def steps(page: Page, scene: Scene) -> None:
        at("review", "form")(page, scene)
        if kind == "positions":
            page.get_by_label("All photos of the atlas").check()
        name = "Propose positions" if kind == "positions" else "Look for problems"
        page.get_by_role("button", name=name).click()
        page.get_by_role("button", name="New review").wait_for()
        page.locator(".decide, .notice").first.wait_for()
        if page.locator(".decide").count():
            page.keyboard.press("a")
            page.keyboard.press("r")
        page.wait_for_load_state("networkidle")

    return steps


def adding(page: Page, scene: Scene) -> None:
    """Add photos; one is known, one is none, and some still wait."""
    at("add", ".drop")(page, scene)
    hold(page, "**/v1/photos", after=3)
    choose(page, scene.query, scene.broken, scene.query, scene.unknown, scene.unknown)
    page.locator(".files .bad").wait_for()
    page.wait_for_timeout(2000)


def indexed(page: Page, scene: Scene) -> None:
    """Index a folder of the server."""
    at("add", ".drop")(page, scene)
    page.get_by_role("button", name="Add the folder").click()
    page.locator(".job .good").wait_for()


def compared(page: Page, scene: Scene) -> None:
    """Compare two photos."""
    at("compare", ".drop")(page, scene)
    choosers = page.locator("main input[type=file]:not([capture])")
    choosers.nth(1).set_input_files(scene.unknown)
    choosers.nth(0).set_input_files(scene.query)
    page.get_by_role("region", name="Result").wait_for()


def broken_down(page: Page, scene: Scene) -> None:
    """Open the page while the service does not answer."""
    page.route("**/v1/**", lambda route: route.abort())
    page.goto(scene.full)
    page.get_by_role("alert").wait_for()


def sign_in(page: Page, scene: Scene) -> None:
    """Give a wrong token."""
    page.goto(scene.locked)
    page.get_by_label("Token").fill("a wrong one")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()


def hold(page: Page, requests: str, after: int = 0) -> None:
    """Hold back requests, but for the first few."""
    left = [after]

    def decide(route: Route) -> None:
        left[0] -= 1
        if left[0] >= 0:
            route.continue_()

    page.route(requests, decide)


VIEWS: Mapping[str, Steps] = {
    "ask": at("ask", ".drop"),
    "answer": asked,
    "answer-hover": hovered,
    "answer-zoom": zoomed,
    "answer-evidence": evidence,
    "answer-overlay": overlaid,
    "answer-unlocated": lambda page, scene: prove(page, scene.bare, scene.query),
    "ask-unknown": unknown,
    "ask-queue": queued,
    "ask-failed": failed,
    "ask-looking": looking,
    "browse": at("browse", ".tile img"),
    "browse-filters": filtered,
    "browse-none": at("browse?name=nothing-has-this-name", ".notice"),
    "browse-places": at("browse?by=place", ".groups img"),
    "browse-months": at("browse?by=month", ".groups img, .notice"),
    "browse-folders": at("browse?by=folder", ".groups img, .notice"),
    "photo": at("photo/1", ".tiles"),
    "photo-keypoints": keypoints,
    "photo-missing": at("photo/987654321", ".notice"),
    "map": at("map", ".pin, .notice"),
    "map-pin": pinned,
    "review": at("review", "form"),
    "review-positions": reviewed("positions"),
    "review-findings": reviewed("findings"),
    "add": at("add", ".drop"),
    "add-folder": indexed,
    "compare": at("compare", ".drop"),
    "compare-result": compared,
    "token": sign_in,
    "error": broken_down,
    "empty-ask": of("empty", "ask"),
    "empty-browse": of("empty", "browse"),
    "empty-months": of("bare", "browse?by=month"),
    "empty-map": of("empty", "map"),
    "empty-add": of("empty", "add"),
    "bare-map": of("bare", "map"),
    "bare-review": of("bare", "review"),
    "bare-add": of("bare", "add"),
    "remove-undo": removed,
    "add-progress": adding,
}
"""How each view is made, by its name; what changes the atlas comes last."""


if __name__ == "__main__":
    main()
