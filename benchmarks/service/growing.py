"""Add photos through the service while clients search in it.

    python -m benchmarks.service.growing --photos 1000 --clients 10

The photos are views of those of sf_landmarks: parts of them, at random, brighter or darker, 320 pixels wide. One client
adds them one after another, the others search the queries, verified. Every photo that was acknowledged must be in the
atlas at the end, and a few of them must be found by another view of theirs.

Writes benchmarks/results/growing.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.service.serving import resident_mb, serving
from placeprint import Atlas
from placeprint.client import Client
from placeprint.core.files import write_atomically
from placeprint.errors import ServiceError
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_image
from placeprint.types import Image

RESULT = Path(__file__).parents[1] / "results" / "growing.json"
BUSY = 503
WIDTH = 320
CHECKED = 20
"""Added photos that are looked for at the end."""


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/sf_landmarks"))
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=20, help="after which no more photos are added")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--pause", type=float, default=0, help="seconds that a client waits after each answer")
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    sources = sorted((given.data / "database").iterdir())
    queries = [path.read_bytes() for path in sorted((given.data / "queries").iterdir())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "atlas"
        before = Atlas.create(path, given.preset).add(sources[:50]).added
        with serving(path, "--writable") as (url, process):
            memory = [resident_mb(process.pid)]
            ended = threading.Event()
            seen: list[Searches] = [Searches() for _ in range(given.clients)]
            threads = [threading.Thread(target=each.run, args=(url, queries, ended, given.pause)) for each in seen]
            for thread in threads:
                thread.start()
            began = time.perf_counter()
            until = began + 60 * given.minutes
            try:
                added = add_all(url, views(sources, given.photos), memory, process.pid, until)
            finally:
                ended.set()
            seconds = time.perf_counter() - began
            for thread in threads:
                thread.join()
            found = found_again(url, sources, added)
        names = {Path(record.path).name for record in Atlas.open(path).snapshot().usable().values()}
    times = np.array([each for client in seen for each in client.times] or [np.nan])
    result: dict[str, Any] = {
        "made_by": made_by(),
        "preset": given.preset,
        "photos_before": before,
        "asked_for": given.photos,
        "acknowledged": len(added),
        "lost": len(set(added.values()) - names),
        "added_per_s": round(len(added) / seconds, 2),
        "clients": given.clients,
        "pause_s": given.pause,
        "searches": int(np.isfinite(times).sum()),
        "searches_per_s": round(len(times) / seconds, 2),
        "search_p50_p95_p99_s": np.percentile(times, [50, 95, 99]).round(2).tolist(),
        "busy": sum(client.busy for client in seen),
        "errors": [error for client in seen for error in client.errors][:10],
        "found_by_another_view": f"{found} of {CHECKED}",
        "resident_mb": memory,
    }
    print(json.dumps(result, indent=1))
    write_atomically(given.json, (json.dumps(result, indent=1) + "\n").encode())


class Searches:
    """One client that searches until it is told to end; what it saw."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.busy = 0
        self.errors: list[str] = []

    def run(self, url: str, queries: list[bytes], ended: threading.Event, pause: float) -> None:
        """Search one query after another."""
        with Client(url) as client:
            number = 0
            while not ended.is_set():
                began = time.perf_counter()
                try:
                    client.search(queries[number % len(queries)])
                    self.times.append(time.perf_counter() - began)
                except ServiceError as error:
                    if error.status == BUSY:
                        self.busy += 1
                        time.sleep(1)
                    else:
                        self.errors.append(str(error))
                number += 1
                ended.wait(pause)


def views(sources: list[Path], count: int) -> Iterator[bytes]:
    """Yield JPEG files of views of photos, the same for the same count."""
    for number in range(count):
        yield encoded(view(read_image(sources[number % len(sources)]), np.random.default_rng(number)))


def view(image: Image, rng: np.random.Generator) -> Image:
    """Return a part of a photo, of 60 to 90 % of each side, brighter or darker."""
    height, width = image.shape[:2]
    share = rng.uniform(0.6, 0.9)
    tall, wide = int(height * share), int(width * share)
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    part = cv2.resize(image[top : top + tall, left : left + wide], (WIDTH, round(WIDTH * tall / wide)))
    return np.asarray(np.clip(part * rng.uniform(0.7, 1.3), 0, 255), np.uint8)


def encoded(image: Image) -> bytes:
    """Return a picture as JPEG."""
    return cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


def add_all(url: str, photos: Iterator[bytes], memory: list[int], number: int, until: float) -> dict[int, str]:
    """Add photos until a time; return the names of those that were acknowledged, by their order.

    The memory of the process is noted after every hundred.
    """
    added: dict[int, str] = {}
    with Client(url) as client:
        for at, content in enumerate(photos):
            if time.perf_counter() > until:
                break
            for _ in range(50):
                try:
                    added[at] = client.add(content).photo.name
                    break
                except ServiceError as error:
                    if error.status != BUSY:
                        raise
                    time.sleep(0.5)
            if at % 100 == 99:
                memory.append(resident_mb(number))
    return added


def found_again(url: str, sources: list[Path], added: dict[int, str]) -> int:
    """Return how many of some added photos are the first candidates for nearly the same view."""
    hits = 0
    with Client(url) as client:
        for at in list(added)[:: max(1, len(added) // CHECKED)][:CHECKED]:
            image = view(read_image(sources[at % len(sources)]), np.random.default_rng(at))
            answer = client.search(encoded(np.asarray(image[4:, 6:] * 0.9, np.uint8)))
            hits += bool(answer.candidates) and answer.candidates[0].photo.name == added[at]
    return hits


if __name__ == "__main__":
    main()
