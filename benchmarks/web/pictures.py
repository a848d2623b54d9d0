"""Make the pictures of the page in the README and docs.

python -m benchmarks.web.pictures
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import PIL.Image

from benchmarks.web.browser import ask, chromium, served

DOCS = Path(__file__).parents[2] / "docs" / "images"
SHOTS: tuple[tuple[str, int, int, Literal["light", "dark"]], ...] = (
    ("page", 1400, 900, "light"),
    ("page-phone", 390, 844, "dark"),
)
"""Name, width and height in pixels, colors."""


def main() -> None:
    with served() as (address, photo), chromium() as browser:
        for name, width, height, color in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=color)
            page.goto(address)
            ask(page, photo)
            picture = PIL.Image.open(io.BytesIO(page.screenshot()))
            picture.convert("RGB").save(DOCS / f"{name}.webp", quality=82, method=6)
            print(f"wrote {name}.webp, {picture.width} x {picture.height}")


if __name__ == "__main__":
    main()
