"""Made-up positions and times of the sample photos: something to show on the map, by month and in a review."""

from __future__ import annotations

import shutil
from pathlib import Path

import PIL.Image

LUND: dict[str, tuple[float, float]] = {
    "temple": (55.7042, 13.1910),
    "motorcycle": (55.7058, 13.1874),
    "rocket": (55.7115, 13.2012),
    "coffee": (55.7009, 13.1935),
    "astronaut": (55.6987, 13.1806),
}
"""Places of the sample photos, in degrees of latitude and longitude."""
WRONG = "motorcycle", 3, (55.6050, 13.0038)
"""A place, the number of its photo, and the position in it, in another town."""
KNOWN = 2
"""Photos of each place that have a position; the others can be located by them."""
GPS, EXIF, TAKEN = 0x8825, 0x8769, 0x9003


def write_facts(photos: Path) -> None:
    """Write positions and times into sample photos as cameras do, and add a copy of one.

    Args:
        photos: the folder of `benchmarks.web.browser.write_samples`.
    """
    for month, (place, position) in enumerate(LUND.items(), 4):
        for number in range(1, 1 + KNOWN):
            _write(photos / place / f"{place}-{number}.jpg", position, f"2026:{month:02}:17 10:{number:02}:00")
    place, number, position = WRONG
    _write(photos / place / f"{place}-{number}.jpg", position, "2026:05:17 10:03:00")
    shutil.copy(photos / "coffee" / "coffee-1.jpg", photos / "coffee" / "copy.jpg")


def _write(path: Path, position: tuple[float, float], taken: str) -> None:
    exif = PIL.Image.Exif()
    north, east = ((float(int(degrees)), degrees % 1 * 60, 0.0) for degrees in position)
    exif.get_ifd(GPS).update({1: "N", 2: north, 3: "E", 4: east})
    exif.get_ifd(EXIF).update({TAKEN: taken})
    with PIL.Image.open(path) as picture:
        picture.load()
    picture.save(path, exif=exif, quality=92)
