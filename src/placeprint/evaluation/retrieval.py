"""Evaluate a preset on a benchmark: every query searched in an atlas of the database photos.

The atlas holds the database photos only. Its codebook is, by name, ``"own"``: learnt
from the database photos, as any atlas of enough photos does; ``"adapted"``: the package's, adapted to them, as a
small atlas does; ``"shipped"``: what comes with the preset, unchanged, which is all there is for presets that never
learn. Queries are never learnt from. Each query ranks the database, as deep as the protocol's metrics look, less its
junk; with ``verify`` the first so many are re-ranked by geometry. Metrics of rankings leave out queries without
positives, whose count is reported. Database photos that cannot be used are missing from every ranking; queries that
cannot be used count as failed.

Beside the protocol's metrics stand those of the best candidates: precision against recall, where queries without
positives and those that are not in the database count as places that should not be found; and the error in meters where
it is known where the photos were taken.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from placeprint.atlas import Atlas
from placeprint.datasets.retrieval_set import Judgment, RetrievalSet
from placeprint.errors import DatasetError, OptionError
from placeprint.evaluation.localization import localization_errors
from placeprint.evaluation.measures import (
    BEST,
    LOCATED,
    Measured,
    measure_best,
    measure_errors,
    measure_rankings,
    ranking_metric,
)
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.rankings import RankedQuery, rank_queries
from placeprint.learning import comes_with_codebook, min_photos
from placeprint.presets import load_preset

CODEBOOKS = ("own", "adapted", "shipped")
Progress = Callable[[int, int], None]


def evaluate_retrieval(
    dataset: RetrievalSet,
    preset: str,
    *,
    verify: int = 0,
    codebook: str = "own",
    turn: float = 0.0,
    progress: Progress | None = None,
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
        OptionError: ``codebook`` is none of them, the preset ships none, or a metric of the set is unknown.
        DatasetError: no query has a positive.
    """
    _check(dataset)
    codebook = _codebook(preset, codebook)
    count = len(dataset.database)
    notify = progress or (lambda done, of: None)
    with tempfile.TemporaryDirectory(prefix="placeprint-") as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        searches = len(dataset.queries) * len(dataset.judgments) + len(dataset.not_in_database)
        report = atlas.add(
            [dataset.root / path for path in dataset.database],
            progress=lambda done, _: notify(done, count + searches),
            learn=codebook == "own",
        )
        if codebook == "adapted":
            atlas.refit(adapt=True)
        told = atlas.info()
        result = evaluate_atlas(
            atlas, dataset, verify=verify, turn=turn, progress=lambda done, of: notify(count + done, count + of)
        )
    result["options"] |= {"codebook": codebook}
    result["timing"] |= {"ms_per_photo": 1000 * report.seconds / max(report.added, 1)}
    return (
        {"format": 1, "protocol": dataset.protocol, "preset": preset, "dataset": dataset.name}
        | result
        | {
            "dim": told.dim,
            "bytes_per_photo": told.num_bytes / max(told.num_photos, 1),
            "skipped_photos": len(report.skipped),
        }
    )


def evaluate_atlas(
    atlas: Atlas, dataset: RetrievalSet, *, verify: int = 0, turn: float = 0.0, progress: Progress | None = None
) -> dict[str, Any]:
    """Return what `evaluate_retrieval` does, less what is known of making the atlas.

    Args:
        atlas: of the database photos, under their paths in the root of the set.
        dataset: what to search.
        verify: candidates verified a query; 0 for search only.
        turn: degrees counter-clockwise the queries are turned by first.
        progress: called with searches done and their count.

    Raises:
        OptionError: a metric of the set is unknown.
        DatasetError: no query has a positive.
    """
    _check(dataset)
    ranked, absent = rank_queries(atlas, dataset, verify=verify, turn=turn, progress=progress)
    measured, per_query = _measure(dataset, ranked, absent)
    queries = ranked[0]
    return {
        "options": {"verify": verify, "turn": turn},
        "metrics": {name: _number(each.value) for name, each in measured.items()},
        "intervals": {name: [_number(each.low), _number(each.high)] for name, each in measured.items()},
        "per_query": per_query,
        "timing": _timing(queries),
        "peak_memory_mb": _peak_memory(),
        "database_photos": len(dataset.database),
        "failed_queries": sum(query.error is not None for query in queries),
        "queries_without_positives": sum(not wanted for wanted in dataset.positives),
        "made_by": made_by(),
        "queries": [
            query.as_data() | {"right": _is_right(query, wanted)}
            for query, wanted in zip(queries, dataset.positives, strict=True)
        ],
        "not_in_database": [query.as_data() | {"right": False} for query in absent],
    }


def _check(dataset: RetrievalSet) -> None:
    for name in dataset.metrics:
        if name not in (*BEST, *LOCATED):
            ranking_metric(name)
    if not any(dataset.positives):
        raise DatasetError(f"no query of {dataset.name!r} has a positive; recall cannot be measured")


def _codebook(preset: str, codebook: str) -> str:
    """Return the codebook that is used where one is asked for."""
    if codebook not in CODEBOOKS:
        raise OptionError(f"no codebook called {codebook!r}; known: {', '.join(CODEBOOKS)}")
    tables = load_preset(preset).components
    if min_photos(tables) is None:
        codebook = "shipped"
    if codebook != "own" and not comes_with_codebook(tables):
        raise OptionError(f"the preset {preset!r} ships no codebook; measure it with the codebook 'own'")
    return codebook


def _measure(
    dataset: RetrievalSet, ranked: Sequence[Sequence[RankedQuery]], absent: Sequence[RankedQuery]
) -> tuple[dict[str, Measured], dict[str, list[float | None]]]:
    """Return the metrics by name, and the values of each query where a metric is their mean."""
    measured: dict[str, Measured] = {}
    per_query: dict[str, list[float | None]] = {}
    for judgment, queries in zip(dataset.judgments, ranked, strict=True):
        kept = [place for place, wanted in enumerate(judgment.positives) if wanted]
        rankings = [queries[place].ranking for place in kept]
        positives = [judgment.positives[place] for place in kept]
        for metric in dataset.metrics:
            if metric in (*BEST, *LOCATED):
                continue
            name = f"{metric} {judgment.name}".rstrip()
            measured[name] = found = measure_rankings(metric, rankings, positives)
            values = dict(zip(kept, [] if found.per_query is None else found.per_query.tolist(), strict=True))
            per_query[name] = [values.get(place) for place in range(len(queries))]
    measured |= _measure_best(dataset, dataset.judgments[0], ranked[0], absent)
    return measured, per_query


def _measure_best(
    dataset: RetrievalSet, judgment: Judgment, queries: Sequence[RankedQuery], absent: Sequence[RankedQuery]
) -> dict[str, Measured]:
    everyone = [*queries, *absent]
    confidences = np.array([np.nan if each.confidence is None else each.confidence for each in everyone])
    right = np.zeros(len(everyone), bool)
    right[: len(queries)] = [_is_right(q, wanted) for q, wanted in zip(queries, judgment.positives, strict=True)]
    answerable = np.zeros(len(everyone), bool)
    answerable[: len(queries)] = [bool(wanted) for wanted in judgment.positives]
    names = dict.fromkeys((*(name for name in dataset.metrics if name in BEST), "auc_pr", "recall_at_100_precision"))
    measured = {name: measure_best(name, confidences, right, answerable) for name in names}
    if dataset.database_positions is not None and dataset.query_positions is not None:
        places = {path: place for place, path in enumerate(dataset.database)}
        found = np.full((len(queries), 2), np.nan)
        for row, query in enumerate(queries):
            if query.ranking:
                found[row] = dataset.database_positions[places[query.ranking[0]]]
        errors = localization_errors(found, dataset.query_positions)
        measured |= {name: measure_errors(name, errors) for name in LOCATED}
    return measured


def _is_right(query: RankedQuery, wanted: frozenset[str]) -> bool:
    return bool(query.ranking) and query.ranking[0] in wanted


def _timing(queries: Sequence[RankedQuery]) -> dict[str, float | None]:
    """Return medians in milliseconds, without the first query, which loads the network."""
    parts = [query.seconds for query in queries[1:] if query.seconds is not None]
    if not parts:
        return {"ms_per_query": None}
    medians: dict[str, float | None] = {f"ms_{part}": 1000 * median(each[part] for each in parts) for part in parts[0]}
    medians["ms_per_query"] = 1000 * median(sum(each.values()) for each in parts)
    return medians


def _peak_memory() -> float | None:
    """Return the most memory the process has held so far in MB (10^6 bytes), None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024) / 1e6


def _number(value: float) -> float | None:
    """Return a value as JSON can hold it."""
    return value if np.isfinite(value) else None
