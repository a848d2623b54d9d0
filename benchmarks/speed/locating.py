"""Time of `locate` relative to `search`: the same queries alternately, on one warm atlas of 100 photos.

    python benchmarks/speed/locating.py [--queries 40]

Writes benchmarks/results/locating.json: medians of CPU milliseconds, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from placeprint import Atlas
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos, read_image
from placeprint.types import Image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"


def milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--queries", type=int, default=40)
    chosen = parser.parse_args()
    photos = list(find_photos([DATA / "sf_landmarks" / "database"]))[:100]
    queries = [read_image(path) for path in list(find_photos([DATA / "sf_landmarks" / "queries"]))[: chosen.queries]]
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.create(Path(folder) / "atlas")
        atlas.add(photos)
        atlas.prepare()
        first = milliseconds(lambda: atlas.locate(queries[0]))
        atlas.search(queries[0])
        times: list[dict[str, float]] = []
        for place, query in enumerate(queries):
            verbs: list[Callable[[Image], object]] = [atlas.search, atlas.locate]
            if place % 2:
                verbs.reverse()
            times.append({verb.__name__: milliseconds(partial(verb, query)) for verb in verbs})
    search, locate = (
        float(np.median(each)) for each in ([row[name] for row in times] for name in ("search", "locate"))
    )
    data = {
        "photos": len(photos),
        "queries": len(queries),
        "preset": atlas.preset,
        "search_ms": round(search, 1),
        "locate_ms": round(locate, 1),
        "ratio": round(float(np.median([row["locate"] / row["search"] for row in times])), 3),
        "first_locate_ms": round(first),
        "made_by": made_by(),
    }
    print(json.dumps(data))
    (RESULTS / "locating.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
