"""List an atlas of 100,000 photos through the service: times of pages, filters, groups and the map, and memory.

    python -m benchmarks.service.many --photos 100000

The atlas is made of the rows of a few real photos, copied under other paths, times and positions. What is measured
reads the list of photos only, so the copies share their features. The service runs in this process, without a network.
Times are those of the processor, which other work of the machine does not change; each is the median of some requests,
but the first, which reads the table and makes the catalog.

Writes benchmarks/results/many.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
from fastapi.testclient import TestClient

from benchmarks.service.serving import resident_mb
from placeprint import Atlas
from placeprint.core.files import write_atomically
from placeprint.datasets.photos.sample_photos import PLACES, sample_photos
from placeprint.evaluation.provenance import made_by
from placeprint.service.app import create_app
from placeprint.service.settings import ServiceSettings

RESULT = Path(__file__).parents[1] / "results" / "many.json"
TIMES = 7
CHUNK = 10_000


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "atlas"
        Atlas.create(path, "sift-vlad").add(sample_photos(PLACES).values())
        multiply(path, given.photos)
        client = TestClient(create_app(ServiceSettings(path)), base_url="http://127.0.0.1")
        before = resident_mb(os.getpid())
        first = milliseconds(client, "/v1/photos?limit=120", 1)
        listed = resident_mb(os.getpid())
        total = client.get("/v1/photos?limit=1").json()["total"]
        times = {
            "first page": milliseconds(client, "/v1/photos?limit=120"),
            "last page": milliseconds(client, f"/v1/photos?limit=120&offset={total - 120}"),
            "page of a name": milliseconds(client, "/v1/photos?limit=120&name=0420"),
            "page of a month": milliseconds(
                client, "/v1/photos?limit=120&since=2016-05-01T00:00:00&until=2016-05-31T23:59:59"
            ),
            "page around a point": milliseconds(client, "/v1/photos?limit=120&near=55.5,13,5000"),
            "groups by month": milliseconds(client, "/v1/groups?by=month"),
            "groups by folder": milliseconds(client, "/v1/groups?by=folder"),
            "map of the world": milliseconds(client, "/v1/map?zoom=2"),
        }
        after = resident_mb(os.getpid())
    result: dict[str, Any] = {
        "made_by": made_by(),
        "photos": total,
        "milliseconds_of_the_first_request": first,
        "milliseconds": times,
        "resident_mb": {"before": before, "listed": listed, "after": after},
    }
    print(json.dumps(result, indent=1))
    write_atomically(given.json, (json.dumps(result, indent=1) + "\n").encode())


def multiply(path: Path, photos: int) -> None:
    """Copy the rows of an atlas until it has a number of photos."""
    where = str(path / "images.lance")
    rows = lance.dataset(where).to_table()
    start, few = len(rows), rows.to_pylist()
    for first in range(start, photos, CHUNK):
        copies = [few[number % len(few)] | described(number) for number in range(first, min(first + CHUNK, photos))]
        lance.write_dataset(pa.Table.from_pylist(copies, schema=rows.schema), where, mode="append")


def described(number: int) -> dict[str, Any]:
    """Return what the copy of a photo has of its own."""
    located = number % 2 == 1
    return {
        "id": number,
        "path": f"/archive/{number % 10}/{number % 100:02d}/IMG_{number:06d}.jpg",
        "sha256": f"{number:064x}",
        "lat": 55 + number % 1000 / 1000 if located else None,
        "lon": 13 + number % 977 / 1000 if located else None,
        "time": datetime.datetime(2015, 1, 1) + datetime.timedelta(hours=number) if number % 3 else None,
    }


def milliseconds(client: TestClient, path: str, times: int = TIMES) -> float:
    """Return the processor time of a request: the median."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        assert client.get(path).status_code == 200, path
        taken.append(1000 * (time.process_time() - began))
    return round(statistics.median(taken), 1)


if __name__ == "__main__":
    main()
