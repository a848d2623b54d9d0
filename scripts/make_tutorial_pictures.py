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


def order() -> None:
    """Show a photo and its copy, and one that lies on its side."""
    photos("shoebox")
    names = ("street-06", "sent by Ann", "lying")
    save("copies", side_by_side([fitted(read_image(Path("archive") / f"{name}.jpg")) for name in names], 3))


def colmap() -> None:
    """Show the model from above."""
    import pycolmap
    from matplotlib import pyplot

    photos("scene")
    placeprint("index", "photos", "--into", "atlas")
    placeprint("reconstruct", "atlas", "--output", "model")
    model = pycolmap.Reconstruction(Path("model"))
    points = [point for point in model.points3D.values() if point.error < 1]
    places = np.array([point.xyz for point in points])
    eyes = np.array([image.projection_center() for image in model.images.values()])
    figure, axis = pyplot.subplots(figsize=(9.0, 3.6), layout="constrained")
    axis.scatter(*places[:, :2].T, c=np.array([point.color for point in points]) / 255, s=4)
    axis.scatter(*eyes[:, :2].T, c="#e64a19", marker="^", s=40, label="cameras")
    low, high = np.percentile(places[:, :2], [1, 99], axis=0)
    axis.set(aspect="equal", xlabel="meters to the east", ylabel="meters to the north")
    axis.set(xlim=(low[0] - 2, high[0] + 2), ylim=(min(low[1], eyes[:, 1].min()) - 2, high[1] + 2))
    axis.legend()
    figure.savefig("model.png", dpi=110)
    save("model", read_image("model.png"))


def train() -> None:
    """Show photos of two places."""
    photos("places")
    shown = [read_image(Path("places") / name / f"{number}.jpg") for name in ("No 3", "No 6") for number in range(4)]
    save("places", side_by_side(shown, 4))


def benchmark() -> None:
    """Show two photos of the database above the queries of the same places."""
    photos("benchmark")
    shown = [
        read_image(Path("street") / folder / f"{number}.jpg")
        for folder in ("database", "queries")
        for number in (2, 4, 9)
    ]
    save("benchmark", side_by_side(shown, 3, 840))


def robot() -> None:
    """Show frames of the same place in both rounds."""
    photos("walk")
    save("walk", side_by_side([read_image(Path("walk") / f"frame-{number:03d}.jpg") for number in (3, 17)], 2, 700))


def fitted(picture: Image, width: int = 480, height: int = 360) -> Image:
    """Return a picture in the middle of a white one."""
    image = PIL.Image.fromarray(picture)
    scale = min(width / image.width, height / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    ground = PIL.Image.new("RGB", (width, height), "white")
    ground.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return np.asarray(ground)


PAGES: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (archive, order, colmap, train, benchmark, robot)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", metavar="NAME", help=f"{', '.join(PAGES)}; by default all")
    for name in parser.parse_args().pages or PAGES:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            PAGES[name]()


if __name__ == "__main__":
    main()
