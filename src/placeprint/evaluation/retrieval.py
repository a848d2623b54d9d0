"""Evaluate a preset on a benchmark: every query searched in an atlas of the database photos.

The atlas holds the database photos only. Its codebook is, by name, ``"own"``: learnt
from the database photos, as any atlas of enough photos does; ``"adapted"``: the package's, adapted to them, as a
small atlas does; ``"shipped"``: what comes with the preset, unchanged, which is all there is for presets that never
learn. Queries are never learnt from. Each query ranks the whole database, less its junk; with ``verify`` the first so
many are re-ranked by geometry. Recall and mAP leave out queries without positives, whose count is reported. Database
photos that cannot be used are missing from every ranking; queries that cannot be used count as failed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from placeprint.atlas import Atlas
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.errors import DatasetError, OptionError, PhotoError
from placeprint.evaluation.metrics import average_precisions, bootstrap_interval, first_hits, recall_at
from placeprint.evaluation.provenance import made_by
from placeprint.images import normalized, read_image, turn_image
from placeprint.learning import comes_with_codebook, min_photos
from placeprint.presets import load_preset
from placeprint.types import Answer

RANKS = (1, 5, 10, 20)
CODEBOOKS = ("own", "adapted", "shipped")


def evaluate_retrieval(
    dataset: RetrievalSet,
    preset: str,
    *,
    verify: int = 0,
    codebook: str = "own",
    turn: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Return metrics, intervals, times and rankings, ready for JSON.

    Args:
        dataset: what to search.
        preset: name, or path of a TOML file.
        verify: candidates verified a query; 0 for search only.
        codebook: ``"own"``, ``"adapted"`` or ``"shipped"``.
        turn: degrees counter-clockwise the queries are turned by first.
        progress: called with photos done, database and queries, and their count.

    Raises:
        OptionError: ``codebook`` is none of them, or the preset ships none.
        DatasetError: no query has a positive.
    """
    if codebook not in CODEBOOKS:
        raise OptionError(f"no codebook called {codebook!r}; known: {', '.join(CODEBOOKS)}")
    if not any(dataset.positives):
        raise DatasetError(f"no query of {dataset.name!r} has a positive; recall cannot be measured")
    tables = load_preset(preset).components
    if min_photos(tables) is None:
        codebook = "shipped"
    if codebook != "own" and not comes_with_codebook(tables):
        raise OptionError(f"the preset {preset!r} ships no codebook; measure it with the codebook 'own'")
    total = len(dataset.database) + len(dataset.queries)
    notify = progress or (lambda done, of: None)
    with tempfile.TemporaryDirectory(prefix="placeprint-") as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        report = atlas.add(
            [dataset.root / path for path in dataset.database],
            progress=lambda done, _: notify(done, total),
            learn=codebook == "own",
        )
        if codebook == "adapted":
            atlas.refit(adapt=True)
        told = atlas.info()
        answers: list[Answer | None] = []
        for done, query in enumerate(dataset.queries, start=1):
            answers.append(_search(atlas, dataset.root / query, verify, turn))
            notify(len(dataset.database) + done, total)
    root = str(normalized(dataset.root))
    junk = dataset.junk or (frozenset(),) * len(dataset.queries)
    queries = [
        _as_data(query, answer, root, ignored)
        for query, answer, ignored in zip(dataset.queries, answers, junk, strict=True)
    ]
    metrics, intervals = _measure(dataset, [row["ranking"] for row in queries])
    times = [sum(answer.seconds.values()) for answer in answers[1:] if answer is not None]
    return {
        "format": 1,
        "protocol": dataset.protocol,
        "preset": preset,
        "dataset": dataset.name,
        "options": {"verify": verify, "codebook": codebook, "turn": turn},
        "metrics": metrics,
        "intervals": intervals,
        "timing": {
            "ms_per_photo": 1000 * report.seconds / max(report.added, 1),
            "ms_per_query": 1000 * median(times) if times else None,
        },
        "dim": told.dim,
        "bytes_per_photo": told.num_bytes / max(told.num_photos, 1),
        "skipped_photos": len(report.skipped),
        "failed_queries": sum(answer is None for answer in answers),
        "queries_without_positives": sum(not wanted for wanted in dataset.positives),
        "made_by": made_by(),
        "queries": queries,
    }


def _search(atlas: Atlas, path: Path, verify: int, turn: float) -> Answer | None:
    try:
        image = read_image(path)
        return atlas.search(turn_image(image, turn) if turn else image, top=len(atlas), verify=verify)
    except PhotoError:
        return None


def _as_data(query: str, answer: Answer | None, root: str, junk: frozenset[str]) -> dict[str, Any]:
    found = answer.evidence if answer is not None else ()
    named = [(Path(item.path).relative_to(root).as_posix(), item) for item in found]
    evidence = [item for path, item in named if path not in junk]
    return {
        "query": query,
        "turn": answer.turn if answer is not None else None,
        "ranking": [path for path, _ in named if path not in junk],
        "similarities": [round(item.similarity, 5) for item in evidence],
        "scores": [round(item.score, 5) for item in evidence],
        "inliers": [item.num_inliers for item in evidence],
    }


def _measure(
    dataset: RetrievalSet, rankings: list[list[str]]
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    pairs = [(r, wanted) for r, wanted in zip(rankings, dataset.positives, strict=True) if wanted]
    kept = [ranking for ranking, _ in pairs]
    positives = [wanted for _, wanted in pairs]
    hits, precisions = first_hits(kept, positives), average_precisions(kept, positives)
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for k in RANKS:
        metrics[f"recall@{k}"] = recall_at(hits, k)
        intervals[f"recall@{k}"] = bootstrap_interval(hits, partial(recall_at, k=k))
    metrics["mAP"] = float(precisions.mean()) if len(precisions) else float("nan")
    intervals["mAP"] = bootstrap_interval(precisions, lambda values: float(values.mean()))
    return metrics, intervals
