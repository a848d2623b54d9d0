"""Make the photos of a tutorial: a walk through a made-up street, with positions and times.

python scripts/make_tutorial_photos.py archive     (or: shoebox, walk, scene, places, benchmark)

The photos are written into the current folder. Nothing that exists is changed.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import PIL.Image

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from placeprint.datasets.photos.sample_photos import ELSEWHERE, read_samples
from placeprint.photos import rotate_image
from placeprint.types import Image
from scripts.street import NUM_FACADES, WIDTH, Camera, photograph

ORIGIN = 52.0907, 5.1214
"""Latitude and longitude of the west end of the street."""
METERS = 111_320.0
"""Meters of a degree of latitude."""
NOON = datetime(2026, 6, 14, 12, 0)  # cameras write no time zone


def position_of(camera: Camera) -> tuple[float, float]:
    """Return the latitude and longitude of a camera."""
    return (
        ORIGIN[0] + camera.north / METERS,
        ORIGIN[1] + camera.east / (METERS * float(np.cos(np.radians(ORIGIN[0])))),
    )


def write(
    path: Path, picture: Image, *, where: Camera | None = None, when: datetime | None = None, quality: int = 92
) -> None:
    """Write a JPEG with the EXIF that a phone writes; refuse to replace a file."""
    exif = PIL.Image.Exif()
    if when is not None:
        exif.get_ifd(0x8769)[0x9003] = when.strftime("%Y:%m:%d %H:%M:%S")
    if where is not None:
        focal = 18 / np.tan(np.radians(where.field_of_view / 2))
        exif.get_ifd(0x8769)[0xA405] = round(float(focal))
        north, east = position_of(where)
        exif.get_ifd(0x8825).update({1: "N", 2: sexagesimal(north), 3: "E", 4: sexagesimal(east)})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        PIL.Image.fromarray(picture).save(file, "JPEG", exif=exif, quality=quality)


def sexagesimal(degrees: float) -> tuple[float, float, float]:
    """Return degrees, minutes and seconds."""
    minutes = degrees % 1 * 60
    return float(int(degrees)), float(int(minutes)), minutes % 1 * 60


def walk_east(count: int, first: float = 6.0, step: float = 6.0) -> list[Camera]:
    """Return the cameras of a walk along the north side, looking north and a little ahead."""
    return [Camera(first + step * number, -3.0, heading=25) for number in range(count)]


def archive(folder: Path, count: int = 11) -> None:
    """Write ``archive``, photos with positions, and three photos without: two of the street, one of a cat."""
    for number, camera in enumerate(walk_east(count)):
        path = folder / "archive" / f"street-{number:02d}.jpg"
        write(path, photograph(camera, seed=number), where=camera, when=NOON + timedelta(seconds=20 * number))
    write(folder / "question.jpg", photograph(Camera(33, -1.5, heading=5, pitch=8), light=0.6, seed=50))
    write(folder / "tilted.jpg", rotate_image(photograph(Camera(48, -4, heading=15), light=1.2, seed=51), 90))
    write(folder / "elsewhere.jpg", read_samples(ELSEWHERE)["cat"])


def shoebox(folder: Path) -> None:
    """Write ``archive`` with things that are wrong, and ``scans`` without positions."""
    for number, camera in enumerate(walk_east(10)):
        picture = photograph(camera, seed=number)
        wrong = number == 4
        where = Camera(camera.east, 2500.0) if wrong else camera
        when = NOON + timedelta(seconds=20 * number)
        write(folder / "archive" / f"street-{number:02d}.jpg", picture, where=where, when=when)
        if number == 6:
            write(folder / "archive" / "sent by Ann.jpg", picture[::2, ::2], when=when, quality=70)
    lying = rotate_image(photograph(Camera(22, -4, heading=20), seed=60), 90)
    write(folder / "archive" / "lying.jpg", lying)
    (folder / "archive" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photo")
    for number, camera in enumerate((Camera(17, -1, heading=10), Camera(40, -4, heading=30))):
        faded = photograph(camera, light=0.8, seed=70 + number)
        gray = faded.mean(axis=2, keepdims=True)
        write(folder / "scans" / f"scan-{number}.jpg", (0.4 * faded + 0.6 * gray).astype(np.uint8))


def walk(folder: Path, laps: int = 2) -> None:
    """Write ``walk``: frames of a camera that walks along the street twice."""
    for lap in range(laps):
        for number in range(14):
            camera = Camera(4 + 5 * number + lap, -3.0 + lap, heading=8 - 6 * lap)
            frame = photograph(camera, 320, 240, light=1 - 0.2 * lap, seed=100 * lap + number)
            write(folder / "walk" / f"frame-{14 * lap + number:03d}.jpg", frame)


def scene(folder: Path) -> None:
    """Write ``photos``, an overlapping walk for a reconstruction, and ``query.jpg``."""
    for number in range(9):
        camera = Camera(8 + 3.0 * number, -4.0 + 2.5 * (number % 3), heading=4 * (number % 3))
        write(folder / "photos" / f"{number:02d}.jpg", photograph(camera, 640, 480, seed=number), where=camera)
    write(folder / "query.jpg", photograph(Camera(21, -2.5, heading=10), 640, 480, light=0.8, seed=80))


def places(folder: Path, count: int = 8, photos: int = 8) -> None:
    """Write ``places``: one folder of photos for each facade of the north side."""
    for place in range(count):
        for number in range(photos):
            generator = np.random.default_rng(100 * place + number)
            east = WIDTH * (place + 0.5) + generator.uniform(-3, 3)
            camera = Camera(east, generator.uniform(-5, 0), heading=generator.uniform(-25, 25))
            picture = photograph(camera, 320, 240, light=generator.uniform(0.6, 1.2), seed=number)
            write(folder / "places" / f"No {place + 1}" / f"{number}.jpg", picture)


def benchmark(folder: Path) -> None:
    """Write ``street``, a place folder: database, queries with the right photos, and photos of other places."""
    rows = []
    for number in range(NUM_FACADES):
        side, east = (1, number) if number < NUM_FACADES // 2 else (-1, number - NUM_FACADES // 2)
        shot = Camera(WIDTH * (east + 0.5), -3.0 * side, heading=0 if side > 0 else 180)
        asked = Camera(WIDTH * (east + 0.5) + 7, 2.0 * side, heading=shot.heading - 45 * side)
        write(folder / "street" / "database" / f"{number}.jpg", photograph(shot, 320, 240, seed=number))
        night = photograph(asked, 320, 240, light=0.25, seed=number)
        write(folder / "street" / "queries" / f"{number}.jpg", night)
        rows.append((f"queries/{number}.jpg", f"database/{number}.jpg"))
    for name, picture in read_samples(ELSEWHERE).items():
        write(folder / "street" / "not_in_database" / f"{name}.jpg", picture)
    with (folder / "street" / "positives.csv").open("x", newline="") as file:
        csv.writer(file).writerows([("query", "database"), *rows])


SETS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (archive, shoebox, walk, scene, places, benchmark)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", choices=SETS, help="which photos")
    SETS[parser.parse_args().photos](Path())


if __name__ == "__main__":
    main()
