"""Kill processes that change an atlas at random moments, and count what was lost.

    python benchmarks/scale/kills.py --kills 200 --json benchmarks/results/kills.json

An atlas of made pictures goes through all kills, or several do side by side (``--atlases``). Each round starts a
process for one of `STEPS`, kills it (SIGKILL) at a random moment of the time that this step usually takes, and then
checks:

- every photo that the killed process had acknowledged as stored is there, and was not before it said so removed;
- the atlas opens, answers a query with the right photo, and `verify` finds nothing that is not left for the next write
  to tidy (orphans, files that a killed process left);
- the pack that was there before is whole, or the new one is.

Photos are acknowledged when the write that holds them has returned, which is what `Atlas.add` goes on from. With
``--s3``, the atlases are on a server on this machine that speaks S3 (`benchmarks.scale.s3_server`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import faiss  # noqa: F401  # so that the processes have it when they begin
import lance  # noqa: F401
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # the command is called by its path

from benchmarks.scale.s3_server import bucket
from placeprint import Atlas
from placeprint.care.verifying import verify
from placeprint.errors import PlaceprintError
from placeprint.evaluation.provenance import made_by
from placeprint.packs.reading import unpack
from placeprint.packs.writing import pack
from placeprint.store import Store

STEPS = ("index", "remove", "compact", "refit", "pack")
PHOTOS = 16
CHANGED = 6
"""Photos that are added or have changed, at least, when photos are indexed."""
PRESET = "sift-vlad"
FEWEST = 8
"""Photos below which photos are added without a kill, so that there is something to lose."""
TIDY = ("orphans", "cache", "states")
"""Checks whose findings a killed process may leave for the next write, if nothing in them needs advice."""
LATE = 1.1
"""Processes are killed up to this share of the time that the step usually takes."""


def picture(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture full of corners."""
    generator = np.random.default_rng(seed)
    scene = np.full((120, 160, 3), 128, np.uint8)
    for _ in range(60):
        x, y, w, h = (int(value) for value in generator.integers((-10, -10, 6, 6), (160, 120, 40, 40)))
        color = tuple(int(value) for value in generator.integers(0, 256, 3))
        cv2.rectangle(scene, (x, y), (x + w, y + h), color, -1)
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), 0.8), np.uint8)


def write_photos(folder: Path) -> list[str]:
    """Write the pictures, and return their paths."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number:02d}.png" for number in range(PHOTOS)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), picture(number))
    return list(map(str, paths))


def work(step: str, folder: str, photos: Sequence[str], output: str, told: Connection) -> None:
    """Do one step in a process of its own, and say what is done when it is.

    Args:
        step: one of `STEPS`.
        folder: the atlas.
        photos: the photos that are added or removed.
        output: the path of the pack.
        told: takes ``("stored", paths)``, ``("removed", paths)`` and at last ``("done", ())``.
    """
    stored = Store.append

    def append(self: Store, entries: Any, state: str, replaces: Sequence[int] = ()) -> None:
        stored(self, entries, state, replaces)
        told.send(("stored", [record.path for record, *_ in entries]))

    Store.append = append  # type: ignore[method-assign]  # the process does nothing else
    atlas = Atlas.open(folder)
    told.send(("begun", ()))
    steps: dict[str, Callable[[], object]] = {
        "index": lambda: [atlas.add(part, learn=False) for part in np.array_split(list(photos), 4) if len(part)],
        "remove": lambda: atlas.remove(photos),
        "compact": atlas.compact,
        "refit": atlas.refit,
        "pack": lambda: pack(atlas, output),
    }
    steps[step]()
    if step == "remove":
        told.send(("removed", list(photos)))
    told.send(("done", ()))


def look(folder: str, output: str | None, known: str | None) -> tuple[set[str], list[str]]:
    """Check the atlas and, if it is given, the pack; return the paths of the photos, and what is wrong."""
    wrong: list[str] = []
    paths: set[str] = set()
    try:
        found = verify(folder, repair=False)
        wrong += [f"{each.check}: {each.what}" for each in found.left if each.check not in TIDY or each.advice]
        atlas = Atlas.open(folder)
        paths = {record.path for record in atlas.snapshot().usable().values()}
        if known is not None:
            first = atlas.search(known, top=1, rotations=False).evidence[0].path
            wrong += [] if first == known else [f"the answer to {known} is {first}"]
        if output is not None and Path(output).exists():
            with tempfile.TemporaryDirectory() as there:
                unpack(output, Path(there) / "atlas")
    except PlaceprintError as error:
        wrong.append(f"{type(error).__name__}: {error}")
    return paths, wrong


@dataclass
class Counts:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Rounds:
    """Goes through the rounds.

    Args:
        folder: an empty folder for the photos and the pack.
        atlas: the folder or the address of the atlas.
        seed: of the moments and the steps.
        usual: the seconds that each step usually takes, which is updated; several share it.
    """

    def __init__(self, folder: Path, atlas: str, seed: int, usual: dict[str, float]) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._random = random.Random(seed)
        self._atlas, self._pack = atlas, str(folder / "all.pack")
        self._photos = write_photos(folder / "photos")
        self._version = 0
        self._stale: set[str] = set()
        self._usual = usual
        Atlas.create(self._atlas, PRESET).add(self._photos[: PHOTOS // 2])
        self.present = set(self._photos[: PHOTOS // 2])
        self.counts = Counts()

    def run(self, kills: int) -> Iterator[tuple[str, bool]]:
        """Yield each step and whether it was killed, until there are so many kills."""
        for step in STEPS:
            if not self._usual[step]:
                self._round(step, None)
        while self.counts.kills.total() < kills:
            if len(self.present) < FEWEST:
                self._round("index", None)
            step = STEPS[self.counts.kills.total() % len(STEPS)]
            yield step, self._round(step, self._random.uniform(0, LATE))

    def _chosen(self, step: str) -> list[str]:
        there = sorted(self.present)
        if step == "index":
            absent = [path for path in self._photos if path not in self.present]
            touched = self._random.sample(there, max(0, min(len(there), CHANGED - len(absent))))
            for path in touched:
                self._version += 1
                cv2.imwrite(path, picture(1000 + self._version))
            self._stale.update(touched)
            return [*absent, *touched]
        return self._random.sample(there, len(there) // 3) if step == "remove" else []

    def _round(self, step: str, share: float | None) -> bool:
        """Do a step, kill it after this share of its usual time, check; return whether it was killed."""
        chosen = self._chosen(step)
        size = max(1, len(chosen)) if step == "index" else 1
        moment = None if share is None else share * self._usual[step] * size
        here, there = self._context.Pipe(duplex=False)
        process = self._context.Process(target=work, args=(step, self._atlas, chosen, self._pack, there))
        process.start()
        there.close()
        said = [here.recv()]
        began = time.perf_counter()
        process.join(moment)
        killed = process.is_alive()
        if killed and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        taken = time.perf_counter() - began
        said += _drained(here)
        done = ("done", ()) in said
        if done:
            self._usual[step] += (0.3 if self._usual[step] else 1.0) * (taken / size - self._usual[step])
        self.counts.kills[step] += killed
        self.counts.finished[step] += not killed
        if not killed and not done:
            self.counts.unreadable.append(f"{step} ended before it was done")
        self._check(step, chosen, said)
        return killed

    def _check(self, step: str, chosen: Sequence[str], said: Sequence[tuple[str, Sequence[str]]]) -> None:
        stored = {path for kind, paths in said if kind == "stored" for path in paths}
        removed = {path for kind, paths in said if kind == "removed" for path in paths}
        self.counts.acknowledged += len(stored)
        must = (self.present | stored) - (set(chosen) if step == "remove" else set())
        self._stale -= stored
        sure = sorted(must - set(chosen) - self._stale)  # the file of a stale one shows something else by now
        known = self._random.choice(sure) if sure else None
        paths, wrong = look(self._atlas, self._pack if step == "pack" else None, known)
        self.counts.unreadable += [f"after {step}: {each}" for each in wrong]
        self.counts.lost += [f"after {step}: {path} is gone" for path in sorted(must - paths)]
        self.counts.lost += [f"after {step}: {path} came back" for path in sorted(removed & paths)]
        self.present = paths


def _drained(here: Connection) -> list[tuple[str, Sequence[str]]]:
    """Return what a process that has ended said; a message that was cut is none."""
    said = []
    try:
        while here.poll():
            said.append(here.recv())
    except (EOFError, OSError):
        pass
    return said


def summary(counts: Sequence[Counts], seconds: float) -> dict[str, Any]:
    """Return what happened so far in all atlases."""
    kills = sum((each.kills for each in counts), Counter[str]())
    lost = [what for each in counts for what in each.lost]
    unreadable = [what for each in counts for what in each.unreadable]
    return {
        "format": 1,
        **made_by(),
        "kills": kills.total(),
        "kills_by_step": dict(kills),
        "ended_before": dict(sum((each.finished for each in counts), Counter[str]())),
        "acknowledged": sum(each.acknowledged for each in counts),
        "acknowledged_lost": len(lost),
        "unreadable": len(unreadable),
        "what": [*lost, *unreadable],
        "atlases": len(counts),
        "photos": PHOTOS,
        "preset": PRESET,
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Read the options, and run the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="processes to kill")
    parser.add_argument("--atlases", type=int, default=1, help="atlases that go through it side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file to write, anew after each kill")
    parser.add_argument("--s3", action="store_true", help="keep the atlases on a server that speaks S3")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        at = stack.enter_context(bucket())[1] if options.s3 else None
        kill(options, at)


def kill(options: argparse.Namespace, at: str | None) -> None:
    """Run the rounds in folders, or at an address, and print or write the result."""
    began, lock = time.perf_counter(), threading.Lock()
    counts: list[Counts] = []
    usual = dict.fromkeys(STEPS, 0.0)

    def one(number: int) -> None:
        with tempfile.TemporaryDirectory(prefix="placeprint-kills-") as folder:
            atlas = str(Path(folder) / "atlas") if at is None else f"{at}/atlas-{number}"
            rounds = Rounds(Path(folder), atlas, options.seed + number, usual)
            with lock:
                counts.append(rounds.counts)
            for step, killed in rounds.run(-(-options.kills // options.atlases)):
                with lock:
                    told = summary(counts, time.perf_counter() - began)
                    print(f"{told['kills']}: {step} {'killed' if killed else 'ended before'}", flush=True)
                    if options.json is not None:
                        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")

    with ThreadPoolExecutor(options.atlases) as pool:
        list(pool.map(one, range(options.atlases)))
    print(json.dumps(summary(counts, time.perf_counter() - began), indent=1))


if __name__ == "__main__":
    main()
