"""Make the pictures of the page in the README and docs.

python -m benchmarks.web.pictures
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import PIL.Image
from playwright.sync_api import Page

from benchmarks.web.browser import ask, chromium, served

DOCS = Path(__file__).parents[2] / "docs" / "images"
Steps = Callable[[Page], None]


def proof(_: Page) -> None:
    """Show the answer as it comes."""


def reasons(page: Page) -> None:
    """Show where the evidence is, and why."""
    page.get_by_role("button", name="Evidence").click()
    page.locator(".proof").evaluate("(card) => scrollTo(0, card.getBoundingClientRect().top + scrollY - 76)")
    page.wait_for_timeout(500)


SHOTS: tuple[tuple[str, int, int, Literal["light", "dark"], Steps], ...] = (
    ("page", 1400, 900, "light", proof),
    ("page-why", 1400, 900, "dark", reasons),
    ("page-phone", 390, 844, "dark", proof),
)
"""Name, width and height in pixels, colors, and what is done after the answer came."""


def main() -> None:
    with served(located=True) as (address, photo), chromium() as browser:
        for name, width, height, color, steps in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=color)
            page.goto(address)
            ask(page, photo)
            page.locator(".reasons").wait_for(timeout=120_000)
            page.wait_for_load_state("networkidle")
            steps(page)
            picture = PIL.Image.open(io.BytesIO(page.screenshot()))
            picture.convert("RGB").save(DOCS / f"{name}.webp", quality=82, method=6)
            print(f"wrote {name}.webp, {picture.width} x {picture.height}")


if __name__ == "__main__":
    main()
