"""Agreement with exact search, memory, and time of the indexes, side by side in one run.

    python benchmarks/speed/indexes.py

Two sets of rows:

- ``synthetic``: 100,000 rows of 1024 values. 2000 districts, 20,000 places in them, 5 views of each place: each level
  adds a normal vector of length 0.8, 0.6 and 0.4 in the mean, whose standard deviation falls with the value's number
  j like j^-0.35; then all is turned by one random rotation, and brought to unit length. The 200 queries are one more
  view each of places drawn at random. Plain normal rows would have no neighbors to find.
- ``ie_tower``: the 2877 frames, every tenth of them also a query, described by the stride-32 map of
  EfficientNet-Lite2 at 320 px and GeM: 352 values. They are skipped when the photos or the weights are not here.
  Indexes of 8-bit product codes learn from 9984 rows and more, so they stay exact here (``coded`` says so).

``recall@k``: the share of the k rows found first that are among the k best by float32 inner products. Which place a
row shows does not count; a frame is its own best. ``bytes``: the size of the FAISS index on disk plus 8 bytes for our
ids, per photo. ``build_s``: the time to add all rows at once and to answer
one query, which is when it learns. ``ms``: the median time of a query asked alone; ``batch_ms``: of one of 40 asked
together, which is where a second thread can help. Indexes take turns, one after the other, in ROUNDS rounds. Names with
``cpu`` are what the process used of the cores, which other processes change less.

FAISS has one thread, then two, for all of it. Writes benchmarks/results/indexes.json.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np

from placeprint.aggregation.pooling import GeM
from placeprint.core import registry
from placeprint.evaluation.provenance import made_by
from placeprint.features.grid import Grid
from placeprint.networks.weights import find_weights, weights_path
from placeprint.photos import read_image
from placeprint.types import Floats, Index, Ranking

RESULTS = Path(__file__).parents[1] / "results"
DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
BACKBONE = "efficientnet-lite2"
QUERIES, BATCH, ALONE, ROUNDS, TOP = 200, 40, 10, 5, 10
ROUNDING = 1e-6
INDEXES: dict[str, tuple[str, dict[str, Any]]] = {
    "flat16": ("flat", {}),
    "sq8": ("sq", {"bits": 8}),
    "sq4": ("sq", {"bits": 4}),
    "pq64": ("pq", {"code_bytes": 64}),
    "pq32": ("pq", {"code_bytes": 32}),
    "pq64, refine 5": ("pq", {"code_bytes": 64, "refine": 5}),
    "ivf, sq8": ("ivf", {}),
    "ivf, sq8, 64 probes": ("ivf", {"probes": 64}),
}


def units(rows: np.ndarray[Any, Any]) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def synthetic() -> tuple[Floats, Floats]:
    """Return the rows and the queries, see the module."""
    generator, dim = np.random.default_rng(0), 1024
    spread = np.arange(1, dim + 1, dtype=np.float32) ** -0.35
    spread /= np.linalg.norm(spread)

    def normal(count: int, length: float) -> Floats:
        return np.asarray(generator.standard_normal((count, dim), np.float32) * (spread * np.float32(length)))

    places = normal(2000, 0.8)[generator.integers(0, 2000, 20_000)] + normal(20_000, 0.6)
    rotation = np.linalg.qr(generator.standard_normal((dim, dim), np.float32))[0]
    rows = np.repeat(places, 5, axis=0) + normal(100_000, 0.4)
    queries = places[generator.choice(20_000, QUERIES, replace=False)] + normal(QUERIES, 0.4)
    return units(rows @ rotation), units(queries @ rotation)


def ie_tower() -> tuple[Floats, Floats]:
    """Return the frames' global descriptors, and every tenth of them as queries."""
    with (DATA / "ie_tower" / "dataset.csv").open() as file:
        paths = [DATA / "ie_tower" / row["image_path"] for row in csv.DictReader(file)]
    extractor, aggregator = Grid(backbone=BACKBONE, size=320, stride=32), GeM()
    rows = []
    for path in paths:
        features = extractor.extract(read_image(path))
        aggregator.fit([features])
        rows.append(aggregator.aggregate(features))
    return np.stack(rows), np.stack(rows[::10])


def recalls(found: list[Ranking], scores: Floats) -> dict[str, float]:
    """Return recall@1 and recall@10; a row as good as the k-th best, but for rounding, is as good a find.

    Args:
        found: of each query.
        scores: ``(q, n)`` inner products of all queries and rows.
    """
    hits = dict.fromkeys((1, TOP), 0.0)
    for ranking, row in zip(found, scores, strict=True):
        best = -np.partition(-row, TOP)[:TOP]
        best = np.sort(best)[::-1]
        for k in hits:
            hits[k] += float((row[ranking.ids[:k]] >= best[k - 1] - ROUNDING).mean()) / len(found)
    return {f"recall@{k}": value for k, value in hits.items()}


def bytes_held(index: Any) -> int:
    """Return the bytes of what FAISS holds for an index, and of our ids."""
    state = getattr(index, "_state", None)
    parts = [index._index] if state is None else [part for part in (state.exact, state.codes) if part is not None]
    written = sum(int(faiss.serialize_index(part).nbytes) for part in parts)
    return written if state is None else written + 8 * len(state.ids)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long a call takes, on the clock and on all cores."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def measured(rows: Floats, queries: Floats) -> dict[str, dict[str, Any]]:
    """Return the figures of each index on one set of rows."""
    ids, scores = np.arange(len(rows)), queries @ rows.T
    made: dict[str, Index] = {}
    figures: dict[str, dict[str, Any]] = {}
    for name, (kind, parameters) in INDEXES.items():
        index = registry.create("indexes", kind, parameters)

        def build(index: Index = index) -> None:
            index.add(ids, rows)
            index.search(queries[:1], TOP)

        build_s, build_cpu_s = seconds(build)
        made[name] = index
        figures[name] = {
            "index": kind,
            "parameters": parameters,
            "coded": kind != "flat" and index._state.codes is not None,
            "build_s": build_s,
            "build_cpu_s": build_cpu_s,
            "bytes": bytes_held(index) / len(rows),
            **recalls(index.search(queries, TOP), scores),
        }
    alone: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    together: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    for number in range(ROUNDS):
        batch = queries[number * BATCH : (number + 1) * BATCH]
        for name, index in made.items():
            for query in batch[:ALONE]:
                alone[name].append(seconds(partial(index.search, query[None], TOP)))
            together[name].append(seconds(partial(index.search, batch, TOP)))
    for name, figure in figures.items():
        for kind, times, count in (("", alone[name], 1), ("batch_", together[name], BATCH)):
            for place, clock in enumerate(("ms", "cpu_ms")):
                figure[kind + clock] = 1000 * median(each[place] for each in times) / count
    return figures


def main() -> None:
    sets = {"synthetic": synthetic()}
    if (DATA / "ie_tower").is_dir() and weights_path(find_weights(BACKBONE)) is not None:
        sets["ie_tower"] = ie_tower()
    rows = []
    for name, (descriptors, queries) in sets.items():
        for threads in (1, 2):
            faiss.omp_set_num_threads(threads)
            print(f"{name}, {len(descriptors)} x {descriptors.shape[1]}, {threads} threads")
            for index, figures in measured(descriptors, queries).items():
                print(f"  {index:>20}: " + ", ".join(f"{k} {v:.3f}" for k, v in figures.items() if type(v) is float))
                rows.append({"rows": name, "threads": threads, "name": index} | figures)
    result = {
        "format": 1,
        "made_by": made_by(faiss=faiss.__version__),
        "sets": {
            name: {"rows": descriptors.shape, "queries": len(queries)} for name, (descriptors, queries) in sets.items()
        },
        "rows": rows,
    }
    (RESULTS / "indexes.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
