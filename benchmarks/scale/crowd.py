"""Let two processes write an atlas and two search it for a minute, and count what goes wrong.

    python -m benchmarks.scale.crowd --seconds 60 --json benchmarks/results/crowd.json

Each writer adds and removes photos of its own, and tries again where the other one is writing. Each reader asks for a
photo that is always there, and must get it. At the end, every photo that was acknowledged and not removed must be
there.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import cv2

from benchmarks.scale.kills import PRESET, picture, write_photos
from placeprint import Atlas
from placeprint.care.verifying import verify
from placeprint.errors import AtlasBusyError, PlaceprintError
from placeprint.evaluation.provenance import made_by

ALWAYS = 6
"""Photos that no writer touches."""
OWN = 5
"""Photos of each writer."""
WAIT = 0.05
"""Seconds before a writer tries again."""


def write(folder: str, own: list[str], seconds: float, told: Connection) -> None:
    """Add and remove photos in turn; send the counts and the photos that must be there."""
    counts: Counter[str] = Counter()
    there: list[str] = []
    atlas, end = Atlas.open(folder), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if there:
                atlas.remove(there)
                there = []
                counts["removed"] += 1
            else:
                atlas.add(own, learn=False)
                there = own
                counts["added"] += 1
        except AtlasBusyError:
            counts["busy"] += 1
            time.sleep(WAIT)
        except PlaceprintError as error:
            counts[f"{type(error).__name__}: {error}"] += 1
    told.send((counts, there))


def read(folder: str, known: list[str], seconds: float, told: Connection) -> None:
    """Ask for photos that are there; send the counts."""
    counts: Counter[str] = Counter()
    atlas, end = Atlas.open(folder), time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        number = (number + 1) % len(known)
        try:
            first = atlas.search(known[number], top=1, rotations=False).evidence[0].path
            counts["right" if first == known[number] else "wrong"] += 1
        except PlaceprintError as error:
            counts[f"{type(error).__name__}: {error}"] += 1
    told.send((counts, []))


def run(folder: Path, seconds: float) -> dict[str, object]:
    """Run writers and readers side by side; return what happened."""
    photos = write_photos(folder / "photos")
    for number in range(len(photos), ALWAYS + 2 * OWN):
        photos.append(str(folder / "photos" / f"{number:02d}.png"))
        cv2.imwrite(photos[-1], picture(number))
    always, first, second = photos[:ALWAYS], photos[ALWAYS : ALWAYS + OWN], photos[ALWAYS + OWN : ALWAYS + 2 * OWN]
    path = str(folder / "atlas")
    Atlas.create(path, PRESET).add(always)
    context = multiprocessing.get_context("spawn")
    tasks = [(write, first), (write, second), (read, always), (read, always)]
    ends = [context.Pipe(duplex=False) for _ in tasks]
    started = [
        context.Process(target=task, args=(path, chosen, seconds, there))
        for (task, chosen), (_, there) in zip(tasks, ends, strict=True)
    ]
    for process in started:
        process.start()
    said = [here.recv() for here, _ in ends]
    for process in started:
        process.join()
    must = {*always, *(photo for _, there in said for photo in there)}
    found = {record.path for record in Atlas.open(path).snapshot().usable().values()}
    usual = {"added", "removed", "busy", "right"}
    counts = sum((each for each, _ in said), Counter[str]())
    return {
        **{name: counts[name] for name in sorted(usual)},
        "acknowledged_lost": len(must - found),
        "came_back": len(found - must),
        "errors": {name: count for name, count in counts.items() if name not in usual},
        "whole": verify(path, repair=False).whole,
    }


def main() -> None:
    """Run it, and print or write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="placeprint-crowd-") as folder:
        result = {"format": 1, **made_by(), "seconds": options.seconds, **run(Path(folder), options.seconds)}
    text = json.dumps(result, indent=1)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
