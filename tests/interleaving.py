"""Two writers and three readers on one atlas at once: every read API, compaction, clean-up and removal.

    python -m tests.interleaving 60     for a minute, each in a process of its own; prints what came of all calls

Versions are kept for a moment only and joined all the time, so that clean-up meets readers. Whatever happens, photos
that nobody touches are found, the others are found or not, and the only error is `AtlasBusyError`.
"""

from __future__ import annotations

import collections
import datetime
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from placeprint import Atlas
from placeprint.errors import AtlasBusyError
from placeprint.store import tables
from tests.conftest import make_scene, write_photo

STAY, EACH = 8, 2
"""Photos that nobody touches, and those that each writer adds and removes."""
Counts = collections.Counter[str]


def build(folder: Path) -> None:
    """Make the photos and an atlas of those that stay."""
    for number in range(STAY):
        write_photo(folder / "stay" / f"{number}.png", make_scene(number))
    for writer in range(2):
        for number in range(EACH):
            write_photo(folder / f"writer{writer}" / f"{number}.png", make_scene(100 + 10 * writer + number))
    Atlas.create(folder / "atlas", "sift-vlad").add([folder / "stay"])


def write(folder: Path, writer: int) -> Iterator[str]:
    """Add and remove photos, move one, and now and then learn the codebook anew."""
    atlas, own = Atlas.open(folder / "atlas"), folder / f"writer{writer}"
    for moved in own.glob("moved-*"):  # from where the other writer came between
        moved.rename(own / moved.name.removeprefix("moved-"))
    for turn in range(sys.maxsize):
        photo = own / f"{turn % EACH}.png"
        atlas.add([photo], learn=False)
        yield "add"
        if turn % 3 == 2:
            moved = photo.rename(photo.with_name(f"moved-{photo.name}"))
            assert atlas.add([moved], learn=False).moved == 1
            moved.rename(photo)
            assert atlas.add([photo], learn=False).moved == 1
            yield "move"
        if turn % 5 == 4:
            atlas.refit()
            yield "refit"
        atlas.remove([photo])
        yield "remove"


def search(folder: Path, by: str) -> Iterator[str]:
    """Search photos that stay, which must be found, and one that comes and goes."""
    for turn in range(sys.maxsize):
        if turn % 5 == 0:
            atlas = Atlas.open(folder / "atlas")
        number = turn % STAY
        answer = atlas.search(make_scene(number), mode=by, verify=3, rotations=False)
        assert answer.best is not None and answer.best.path == str(folder / "stay" / f"{number}.png")
        yield f"search by {by}"
        answer = atlas.search(make_scene(100 + 10 * (turn % 2)), mode=by, verify=3, rotations=False)
        assert answer.best is None or "writer" in answer.best.path
        yield f"search by {by} what comes and goes"


def tell(folder: Path) -> Iterator[str]:
    """Ask all that an atlas tells."""
    atlas = Atlas.open(folder / "atlas")
    for _ in range(sys.maxsize):
        told = atlas.info()
        assert STAY <= told.num_photos <= STAY + 2 * EACH and told.num_bytes > 0 and told.errors == ()
        yield "info"
        assert STAY <= len(atlas) <= STAY + 2 * EACH
        assert atlas.describer.dim > 0
        atlas.prepare()
        yield "len, describer, prepare"


WORK: tuple[Callable[[Path], Iterator[str]], ...] = (
    lambda folder: write(folder, 0),
    lambda folder: write(folder, 1),
    lambda folder: search(folder, "descriptor"),
    lambda folder: search(folder, "votes"),
    tell,
)


def work(place: int, folder: Path, seconds: float) -> Counts:
    """Do one kind of work for so long; count what came of the calls."""
    tables.KEEP, tables.MANY = datetime.timedelta(seconds=0.2), 2
    counts: Counts = collections.Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        steps = WORK[place](folder)
        try:
            for step in steps:
                counts[step] += 1
                if time.monotonic() > until:
                    break
        except AtlasBusyError:
            counts["AtlasBusyError"] += 1
            time.sleep(random.uniform(0, 0.02))
        except Exception as error:
            counts[f"FAILED {type(error).__name__}: {error}"] += 1
    return counts


def run_in_threads(folder: Path, seconds: float) -> Counts:
    """Do all work at once, each on an atlas of its own that it opened."""
    counts: list[Counts] = []
    threads = [
        threading.Thread(target=lambda place=place: counts.append(work(place, folder, seconds)))
        for place in range(len(WORK))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts, collections.Counter())


def run_in_processes(folder: Path, seconds: float) -> Counts:
    """Do all work at once, each in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(len(WORK)) as pool:
        counts = pool.starmap(work, [(place, folder, seconds) for place in range(len(WORK))])
    return sum(counts, collections.Counter())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        build(Path(place))
        for what, count in sorted(run_in_processes(Path(place), float(sys.argv[1])).items()):
            print(f"{count:6} {what}")  # noqa: T201
