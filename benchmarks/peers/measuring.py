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
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.peers.adapters import PEERS, Scores, load_peer
from placeprint.atlas import Atlas
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.evaluation.isolation import run_alone
from placeprint.evaluation.provenance import commit, made_by
from placeprint.evaluation.rankings import rank_queries
from placeprint.evaluation.results import QueryResult, Result, Timing
from placeprint.evaluation.retrieval import measure
from placeprint.photos import read_image

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

    def read(self, count: int) -> tuple[float, float]:
        """Return both, divided by a count."""
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        return 1000 * cpu / count, 1000 * wall / count


def measure_method(name: str, dataset: RetrievalSet) -> Result:
    """Return the result of a method of `OURS` or `PEERS`, or one with its error."""
    work = measure_ours if name in OURS else measure_peer
    outcome = run_alone(work, name, dataset, one_core=True)
    if outcome.result is None:
        return Result(method=name, dataset=dataset.name, error=outcome.error)
    peak = outcome.peak_bytes
    return replace(outcome.result, method=name, peak_memory_mb=None if peak is None else peak / 1e6)


def measure_ours(name: str, dataset: RetrievalSet, progress: Callable[[int, int], None] | None = None) -> Result:
    """Measure a preset."""
    preset, verify = OURS[name]
    with tempfile.TemporaryDirectory(prefix="placeprint-") as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        atlas.describer.features(read_image(dataset.root / dataset.database[0]))  # loads the networks
        watch = Stopwatch()
        atlas.add([dataset.root / path for path in dataset.database], workers=1)
        indexing = watch.read(len(dataset.database))
        watch = Stopwatch()
        queries = list(rank_queries(atlas, dataset, verify=verify))
        timing = _timing(indexing, watch.read(len(queries)))
        num_bytes = atlas.info().num_bytes
    return _result(dataset, queries, timing, num_bytes)


def measure_peer(name: str, dataset: RetrievalSet, progress: Callable[[int, int], None] | None = None) -> Result:
    """Measure another package's method."""
    peer = load_peer(name)
    watch = Stopwatch()
    num_bytes = peer.index([dataset.root / path for path in dataset.database])
    indexing = watch.read(len(dataset.database))
    watch = Stopwatch()
    scores = peer.search([dataset.root / path for path in dataset.queries])
    timing = _timing(indexing, watch.read(len(dataset.queries)))
    return _result(dataset, ranked(dataset, scores, timing.ms_per_query), timing, num_bytes)


def published(dataset: RetrievalSet) -> list[Result]:
    """Return the results of similarity matrices published for the photos; their times are not known."""
    path = dataset.root / PUBLISHED
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as arrays:
        matrices = {key: arrays[key] for key in arrays.files}
    shape = len(dataset.queries), len(dataset.database)
    return [
        replace(_result(dataset, ranked(dataset, scores, None), Timing(), None), method=f"{name} (published)")
        for name, scores in matrices.items()
        if scores.shape == shape
    ]


def ranked(dataset: RetrievalSet, scores: Scores, ms: float | None) -> list[QueryResult]:
    """Return what `rank_queries` would return, of scores.

    Args:
        dataset: what was searched.
        scores: ``(q, n)``, higher is better; photos that are not finite are not ranked, equal ones keep their order.
        ms: time of a query.
    """
    junk: Sequence[frozenset[str]] = dataset.junk or [frozenset()] * len(dataset.queries)
    queries = []
    for query, row, ignored in zip(dataset.queries, np.asarray(scores, np.float64), junk, strict=True):
        order = [int(place) for place in np.argsort(-row, kind="stable") if np.isfinite(row[place])]
        kept = [place for place in order if dataset.database[place] not in ignored]
        values = tuple(round(float(row[place]), 6) for place in kept)
        queries.append(
            QueryResult(
                query=query,
                turn=0,
                ms=ms,
                confidence=values[0] if values else None,
                ranking=tuple(dataset.database[place] for place in kept),
                similarities=values,
                scores=values,
                inliers=(None,) * len(kept),
            )
        )
    return queries


def _timing(indexing: tuple[float, float], query: tuple[float, float]) -> Timing:
    return Timing(
        ms_per_photo=indexing[0],
        ms_per_query=query[0],
        wall_ms_per_photo=indexing[1],
        wall_ms_per_query=query[1],
    )


def _result(dataset: RetrievalSet, queries: Sequence[QueryResult], timing: Timing, num_bytes: float | None) -> Result:
    return replace(
        measure(dataset, queries),
        root=str(dataset.root.resolve()),
        made_by=made_by(commit=commit()),
        timing=timing,
        bytes_per_photo=None if num_bytes is None else num_bytes / len(dataset.database),
    )


def names() -> list[str]:
    """Return every method that runs here, placeprint's default first."""
    return [*OURS, *PEERS]
