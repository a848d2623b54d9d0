"""Send the service thousands of broken and hostile files: it must refuse them with a reason, and live on.

    python -m benchmarks.service.fuzz --files 10000

Each file goes to ``POST /v1/search``, every tenth also to ``POST /v1/photos`` of the same writable service, which runs
in a process of its own. Allowed are answers with 2xx and 4xx. At the end the service must still answer a photo right,
and keep only files that it acknowledged. Its memory is noted ten times; it grows where photos are added, and an atlas
that grows learns its codebook again.

Writes benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from benchmarks.service.hostile_files import hostile_files
from benchmarks.service.serving import resident_mb, serving
from placeprint import Atlas
from placeprint.core.files import write_atomically
from placeprint.datasets.photos.sample_photos import PLACES, sample_photos
from placeprint.evaluation.provenance import made_by

RESULT = Path(__file__).parents[1] / "results" / "fuzz.json"


def main() -> int:
    """Send, print, and write the result; 1 if the service did what it must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = sample_photos(PLACES)
        Atlas.create(folder / "atlas", "sift-vlad").add(photos.values())
        options = ("--writable", "--uploads", str(folder / "uploads"))
        with serving(folder / "atlas", *options) as (url, process):
            began = time.perf_counter()
            statuses, wrong, memory = send(url, given.files, given.seed, process.pid)
            seconds = time.perf_counter() - began
            alive = process.poll() is None and right_answer(url, photos)
            kept = len(list((folder / "uploads").glob("*"))) if (folder / "uploads").exists() else 0
    result: dict[str, Any] = {
        "made_by": made_by(),
        "files": given.files,
        "seconds": round(seconds),
        "statuses": statuses,
        "wrong": wrong[:20],
        "answers_rightly_afterwards": alive,
        "acknowledged_photos": statuses.get("add 201", 0),
        "files_kept": kept,
        "resident_mb": memory,
    }
    print(json.dumps(result, indent=1))
    write_atomically(given.json, (json.dumps(result, indent=1) + "\n").encode())
    fine = not wrong and alive and kept == result["acknowledged_photos"]
    return 0 if fine else 1


def send(url: str, files: int, seed: int, number: int) -> tuple[dict[str, int], list[str], list[int]]:
    """Return how often each status came, what came that must not, and the memory in MB, ten times."""
    statuses, wrong, memory = Counter[str](), [], [resident_mb(number)]
    with httpx.Client(base_url=url, timeout=120) as client:
        for at, each in enumerate(hostile_files(files, seed)):
            asks = [("search", "/v1/search?verify=0&rotations=false")] + [("add", "/v1/photos")] * (at % 10 == 0)
            for what, path in asks:
                try:
                    response = client.post(path, files={"photo": (each.name, each.content)})
                except httpx.HTTPError as error:
                    wrong.append(f"{each.kind}: {error!r}")
                    continue
                known = what == "add" and response.status_code == 201 and response.json()["known"]
                statuses[f"{what} {'known' if known else response.status_code}"] += 1
                if not 200 <= response.status_code < 500:
                    wrong.append(f"{each.kind}: {response.status_code} {response.text[:200]}")
            if (at + 1) % max(1, files // 10) == 0:
                memory.append(resident_mb(number))
    return dict(sorted(statuses.items())), wrong, memory


def right_answer(url: str, photos: dict[str, Path]) -> bool:
    """Return whether a photo of the atlas is still found."""
    path = photos["temple"]
    with httpx.Client(base_url=url, timeout=120) as client:
        answer = client.post("/v1/search", files={"photo": path.read_bytes()}).json()
    return bool(answer["candidates"][0]["photo"]["name"] == path.name)


if __name__ == "__main__":
    sys.exit(main())
