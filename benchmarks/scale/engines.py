"""Describe the same photos with threads and with Ray, kill one worker of Ray in the middle, and compare the atlases.

The photos are views of the photos of a folder: cut, shifted and saved again, so that all differ. Some files are broken.
Each engine fills an atlas of its own; both must have every photo once, the broken ones with their reason, and the same
rows.

    python benchmarks/scale/engines.py --photos 3000 --broken 3
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from placeprint import Atlas
from placeprint.core.files import write_atomically
from placeprint.describing.ray_engine import RayEngine
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_image, scan_photos

RESULT = Path(__file__).parents[1] / "results" / "engines.json"
WORKER = "ray::MapWorker"
"""How the processes of Ray Data's workers begin to be called."""


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PLACEPRINT_DATA", "../shared/data")))
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--broken", type=int, default=3)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--side", type=int, default=240, help="longest side of the views in pixels")
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_views(given.data / "sf_landmarks", root / "photos", given.photos, given.broken, given.side)
        rows, seconds, killed = {}, {}, 0
        for name in ("local", "ray"):
            atlas = Atlas.create(root / name, given.preset)
            began = time.perf_counter()
            if name == "ray":
                killer = Killer()
                killer.start()
                atlas.add(root / "photos", engine=RayEngine(), learn=False)
                killed = killer.stop()
            else:
                atlas.add(root / "photos", learn=False)
            seconds[name] = time.perf_counter() - began
            rows[name] = rows_of(atlas)
    result = {
        "format": 1,
        "made_by": made_by(),
        "preset": given.preset,
        "photos": given.photos,
        "broken": given.broken,
        "workers_killed": killed,
        "stored": {name: len(found) for name, found in rows.items()},
        "with_errors": {name: sum(row["error"] is not None for row in found) for name, found in rows.items()},
        "same_rows": rows["local"] == rows["ray"],
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    write_atomically(given.json, (json.dumps(result, indent=1) + "\n").encode())
    print(json.dumps(result, indent=1))


def make_views(source: Path, target: Path, count: int, broken: int, side: int) -> None:
    """Write views of photos, and files that are no photos, at regular places among them."""
    from PIL import Image

    rng = np.random.default_rng(0)
    photos = scan_photos(source).paths
    target.mkdir(parents=True)
    bad = set(np.linspace(0, count - 1, broken + 2).astype(int)[1:-1].tolist())
    for number in range(count):
        path = target / f"{number:06d}.jpg"
        if number in bad:
            path.write_bytes(b"\xff\xd8\xff\xe0 not a photo")
            continue
        image = read_image(photos[number % len(photos)])
        height, width = image.shape[:2]
        share = rng.uniform(0.5, 0.9)
        left, top = (int(rng.uniform(0, 1 - share) * extent) for extent in (width, height))
        view = Image.fromarray(image[top : top + int(share * height), left : left + int(share * width)])
        view.thumbnail((side, side))
        view.save(path, quality=90)


class Killer:
    """Kills one worker of Ray as soon as there are some, and once they have worked for a few seconds."""

    def __init__(self, after: float = 10.0) -> None:
        self._after = after
        self._stopped = threading.Event()
        self._killed = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look for workers."""
        self._thread.start()

    def stop(self) -> int:
        """Stop, and return how many workers were killed."""
        self._stopped.set()
        self._thread.join()
        return self._killed

    def _run(self) -> None:
        while not self._stopped.wait(0.5):
            if found := workers():
                if self._stopped.wait(self._after):
                    return
                os.kill(found[0], signal.SIGKILL)
                self._killed += 1
                return


def workers() -> list[int]:
    """Return the process ids of Ray Data's workers below this process."""
    own, found = os.getpid(), []
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        pid = int(folder.name)
        parents[pid] = int(status.rpartition(")")[2].split()[1])
        if words.startswith(WORKER):
            found.append(pid)
    return sorted(pid for pid in found if own in _ancestors(pid, parents))


def _ancestors(pid: int, parents: dict[int, int]) -> set[int]:
    seen: set[int] = set()
    while pid in parents and pid not in seen:
        seen.add(pid)
        pid = parents[pid]
    return seen


def rows_of(atlas: Atlas) -> list[dict[str, Any]]:
    """Return everything that is stored of each photo."""
    stored = atlas.snapshot().stored
    images = sorted((row for batch in stored.images.batches() for row in batch), key=lambda row: row["id"])
    local = {row["id"]: row for batch in stored.local.batches() for row in batch}
    return [{**row, "local": local.get(row["id"])} for row in images]


if __name__ == "__main__":
    main()
