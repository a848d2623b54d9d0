"""Measure one method on one set of photos, each in a process of its own on one core.

Times are those of the processor, which another program beside does not lengthen; those of the clock are kept, too. A
photo's time is that of describing and indexing, learning of codebooks included; a query's holds reading, describing and
searching. Neither counts imports and the loading of networks. placeprint is measured by the functions that
`placeprint benchmark` uses; other methods give scores of all photos, from which the same functions make rankings, less
junk, and metrics.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.adapters import PEERS, Scores, load_peer
from placeprint.atlas import Atlas
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.evaluation.benchmark import details_of
from placeprint.evaluation.isolation import run_alone
from placeprint.evaluation.provenance import commit, made_by
from placeprint.evaluation.rankings import rank_queries
from placeprint.evaluation.retrieval import measure
from placeprint.photos import read_image

Result = dict[str, Any]

OURS = {
    "xfeat-vlad": ("xfeat-vlad", 0),
    "xfeat-vlad, 50 verified": ("xfeat-vlad", 50),
    "xfeat-lite2": ("xfeat-lite2", 0),
    "sift-vlad": ("sift-vlad", 0),
}
"""placeprint's rows: preset and candidates verified."""
PUBLISHED = "published_scores.npz"


class Stopwatch:
    """Milliseconds of the processor and of the clock since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self, kind: str, count: int) -> dict[str, float]:
        """Return both, divided by a count, named for JSON."""
        cpu, wall = 1000 * (time.process_time() - self._cpu), 1000 * (time.perf_counter() - self._wall)
        return {f"ms_per_{kind}": cpu / count, f"wall_ms_per_{kind}": wall / count}


def measure_method(name: str, dataset: RetrievalSet) -> Result:
    """Return the result of a method of `OURS` or `PEERS`, or one with its error."""
    work = measure_ours if name in OURS else measure_peer
    outcome = run_alone(work, name, dataset, one_core=True)
    head = {"format": 1, "method": name, "dataset": dataset.name}
    if outcome.result is None:
        return head | {"error": outcome.error}
    return head | outcome.result | {"memory": {"peak_bytes": outcome.peak_bytes}}


def measure_ours(name: str, dataset: RetrievalSet, progress: Callable[[int, int], None] | None = None) -> Result:
    """Measure a preset."""
    preset, verify = OURS[name]
    with tempfile.TemporaryDirectory(prefix="placeprint-") as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        atlas.describer.features(read_image(dataset.root / dataset.database[0]))  # loads the networks
        watch = Stopwatch()
        atlas.add([dataset.root / path for path in dataset.database], workers=1)
        timing = watch.read("photo", len(dataset.database))
        watch = Stopwatch()
        rows = [query.as_data() for query in rank_queries(atlas, dataset, verify=verify)]
        timing |= watch.read("query", len(rows))
        told = atlas.info()
    return _result(dataset, rows, timing, told.num_bytes)


def measure_peer(name: str, dataset: RetrievalSet, progress: Callable[[int, int], None] | None = None) -> Result:
    """Measure another package's method."""
    peer = load_peer(name)
    watch = Stopwatch()
    num_bytes = peer.index([dataset.root / path for path in dataset.database])
    timing = watch.read("photo", len(dataset.database))
    watch = Stopwatch()
    scores = peer.search([dataset.root / path for path in dataset.queries])
    timing |= watch.read("query", len(dataset.queries))
    return _result(dataset, rows_of(dataset, scores, timing["ms_per_query"]), timing, num_bytes)


def published(dataset: RetrievalSet) -> list[Result]:
    """Return the results of similarity matrices published for the photos; their times are not known."""
    path = dataset.root / PUBLISHED
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as arrays:
        matrices = {key: arrays[key] for key in arrays.files}
    shape = len(dataset.queries), len(dataset.database)
    return [
        {"format": 1, "method": f"{name} (published)", "dataset": dataset.name}
        | _result(dataset, rows_of(dataset, scores, None), {}, None)
        for name, scores in matrices.items()
        if scores.shape == shape
    ]


def rows_of(dataset: RetrievalSet, scores: Scores, ms: float | None) -> list[Result]:
    """Return what `rank_queries` would say, as data, of scores.

    Args:
        dataset: what was searched.
        scores: ``(q, n)``, higher is better; photos that are not finite are not ranked, equal ones keep their order.
        ms: time of a query.
    """
    junk: Sequence[frozenset[str]] = dataset.junk or [frozenset()] * len(dataset.queries)
    rows = []
    for query, row, ignored in zip(dataset.queries, np.asarray(scores, np.float64), junk, strict=True):
        order = [int(place) for place in np.argsort(-row, kind="stable") if np.isfinite(row[place])]
        kept = [place for place in order if dataset.database[place] not in ignored]
        values = [round(float(row[place]), 6) for place in kept]
        rows.append(
            {
                "query": query,
                "turn": 0,
                "ms": ms,
                "ms_parts": {},
                "confidence": values[0] if values else None,
                "ranking": [dataset.database[place] for place in kept],
                "similarities": values,
                "scores": values,
                "inliers": [None] * len(kept),
            }
        )
    return rows


def _result(dataset: RetrievalSet, rows: Sequence[Any], timing: dict[str, float], num_bytes: float | None) -> Result:
    count = len(dataset.database)
    measured = measure(dataset, rows)
    return {
        "protocol": dataset.protocol,
        "root": str(dataset.root.resolve()),
        "counts": {"database": count, "queries": len(dataset.queries)},
        "made_by": made_by(commit=commit()),
        **measured,
        "timing": timing,
        "bytes_per_photo": None if num_bytes is None else num_bytes / count,
        "queries": details_of(dataset, rows),
    }


def names() -> list[str]:
    """Return every method that runs here, placeprint's default first."""
    return [*OURS, *PEERS]
