"""Measure the service under load on this computer, beside the library called directly, in one run.

An atlas of the database of sf_landmarks is served by ``placeprint serve`` in a process of its own. Clients on the
loopback address search its queries, verified, one after another, for a number of seconds. Before and after that, the
library answers the same queries on all cores without a service; the ratio compares the two rates. Then many small
requests show whether memory grows, and the service is killed in the middle of uploads: what it acknowledged must be
there.

    python -m benchmarks.service.load --clients 50 --seconds 60
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.service.serving import resident_mb, serving
from placeprint import Atlas
from placeprint.client import Client
from placeprint.core.files import write_atomically
from placeprint.core.threads import limit_torch, map_cores, one_core_each
from placeprint.errors import ServiceError
from placeprint.evaluation.provenance import made_by
from placeprint.photos import read_image

RESULT = Path(__file__).parents[1] / "results" / "service.json"
BUSY = 503


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/sf_landmarks"))
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--requests", type=int, default=10_000, help="small requests while memory is watched")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "atlas"
        atlas = Atlas.create(path, given.preset)
        atlas.add(given.data / "database")
        queries = sorted((given.data / "queries").iterdir())
        before = direct(atlas, queries, given.seconds / 4)
        with serving(path) as (url, process):
            searched = load(url, queries, given.clients, given.seconds)
            memory = memory_over(url, queries, process, given.requests)
        after = direct(atlas, queries, given.seconds / 4)
        kept = kill(path, queries, given.kills)
    library = (before + after) / 2
    result = {
        "made_by": made_by(),
        "preset": given.preset,
        "clients": given.clients,
        "library_per_s": [round(before, 2), round(after, 2)],
        "service": searched,
        "service_over_library": round(searched["per_s"] / library, 3),
        "memory": memory,
        "kills": kept,
    }
    print(json.dumps(result, indent=1))
    write_atomically(given.json, (json.dumps(result, indent=1) + "\n").encode())


def direct(atlas: Atlas, queries: list[Path], seconds: float) -> float:
    """Return verified searches per second of the library on all cores."""
    images = [read_image(path) for path in queries]
    atlas.prepare()
    until, done = time.perf_counter() + seconds, 0

    def search(number: int) -> None:
        limit_torch()
        atlas.search(images[number % len(images)])

    began = time.perf_counter()
    while time.perf_counter() < until:
        with one_core_each():
            map_cores(search, range(done, done + 8))
        done += 8
    return done / (time.perf_counter() - began)


def load(url: str, queries: list[Path], clients: int, seconds: float) -> dict[str, Any]:
    """Return what many clients saw: rate, times in seconds, refusals, and errors."""
    contents = [path.read_bytes() for path in queries]
    times: list[float] = []
    busy, errors, until = [0], [], time.perf_counter() + seconds

    def ask(first: int) -> None:
        with Client(url) as client:
            number = first
            while time.perf_counter() < until:
                began = time.perf_counter()
                try:
                    client.search(contents[number % len(contents)])
                    times.append(time.perf_counter() - began)
                except ServiceError as error:
                    if error.status == BUSY:
                        busy[0] += 1
                        time.sleep(1)
                    else:
                        errors.append(str(error))
                number += clients

    began = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    low, middle, high = np.percentile(times, [50, 95, 99])
    return {
        "answers": len(times),
        "per_s": round(len(times) / (time.perf_counter() - began), 2),
        "p50_s": round(low, 2),
        "p95_s": round(middle, 2),
        "p99_s": round(high, 2),
        "busy": busy[0],
        "errors": errors[:10],
    }


def memory_over(url: str, queries: list[Path], process: subprocess.Popen[bytes], requests: int) -> dict[str, Any]:
    """Return the resident memory of the service in MB, a tenth of the requests after another.

    One request in fifty is a search; the others are pictures, pages and what the atlas holds.
    """
    content, found = queries[0].read_bytes(), []
    with Client(url) as client:
        photos = [photo.id for photo in client.photos()]
        for number in range(requests):
            if number % (requests // 10) == 0:
                found.append(resident_mb(process.pid))
            if number % 50 == 0:
                client.search(content)
            elif number % 2:
                client.picture(photos[number % len(photos)], small=True)
            else:
                client.photo(photos[number % len(photos)])
    found.append(resident_mb(process.pid))
    return {"requests": requests, "resident_mb": found}


def kill(path: Path, queries: list[Path], times: int) -> dict[str, int]:
    """Kill the service while photos are uploaded; count what was acknowledged and is lost."""
    acknowledged: set[str] = set()
    chosen = iter(queries)
    for number in range(times):
        with serving(path, "--writable") as (url, process):
            with Client(url) as client:
                acknowledged.add(client.add(next(chosen)).photo.name)
                timer = threading.Timer(0.05 + 0.11 * number, process.kill)
                timer.start()
                try:
                    while True:
                        acknowledged.add(client.add(next(chosen)).photo.name)
                except (ServiceError, StopIteration):
                    pass
            timer.join()
    names = {Path(record.path).name for record in Atlas.open(path).snapshot().usable().values()}
    return {"kills": times, "acknowledged": len(acknowledged), "lost": len(acknowledged - names)}


if __name__ == "__main__":
    main()
