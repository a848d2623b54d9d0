"""Make the pictures of the tutorials (docs/images/tutorials), by the commands that they describe.

python scripts/make_tutorial_pictures.py [NAME ...]
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from placeprint.photos import read_image
from placeprint.types import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "images" / "tutorials"


def placeprint(*arguments: str) -> None:
    """Run a command as a user does."""
    subprocess.run([sys.executable, "-m", "placeprint", *arguments], check=True)


def photos(name: str) -> None:
    """Make the photos of a tutorial in the current folder."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / "make_tutorial_photos.py"), name], check=True)


def side_by_side(pictures: Sequence[Image], columns: int, width: int = 960) -> Image:
    """Return pictures in rows with white gaps, scaled to a width."""
    height, wide = pictures[0].shape[:2]
    framed = [
        cv2.copyMakeBorder(cv2.resize(each, (wide, height)), 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=(255,) * 3)
        for each in pictures
    ]
    rows = [np.hstack(framed[start : start + columns]) for start in range(0, len(framed), columns)]
    joined = np.vstack(rows)
    scale = width / joined.shape[1]
    return np.asarray(cv2.resize(joined, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def save(name: str, picture: Image, width: int = 960) -> None:
    """Write a picture of a page, at most so wide."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    image = PIL.Image.fromarray(picture)
    image.thumbnail((width, width))
    image.save(PICTURES / f"{name}.webp", quality=78, method=6)


def archive() -> None:
    """Show four photos of the archive, and the matches of the question."""
    photos("archive")
    shown = [read_image(Path("archive") / f"street-{number:02d}.jpg") for number in (0, 3, 6, 9)]
    save("archive", side_by_side(shown, 4))
    save("questions", side_by_side([read_image(f"{name}.jpg") for name in ("question", "tilted", "elsewhere")], 3))
    placeprint("index", "archive", "--into", "atlas")
    placeprint("search", "question.jpg", "tilted.jpg", "--in", "atlas", "--save-matches", "matches")
    save("question", read_image(Path("matches") / "question-street-04.png"))
    save("tilted", read_image(Path("matches") / "tilted-street-07.png"))


PAGES: dict[str, Callable[[], None]] = {each.__name__: each for each in (archive,)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", choices=[*PAGES, []], help="which pictures; by default all")
    for name in parser.parse_args().pages or PAGES:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            PAGES[name]()


if __name__ == "__main__":
    main()
