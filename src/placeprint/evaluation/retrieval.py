"""Evaluate a preset on a benchmark: search every query in an atlas of the database photos.

The atlas has only the database photos. Its codebook is ``"own"``: learned from the database photos, as in any atlas
with enough photos; ``"adapted"``: the shipped one adapted to them, as in a small atlas; or ``"shipped"``: the preset's,
unchanged, which is the only choice for presets that never learn. Nothing is learned from queries. Each query ranks the
database without its junk, as deep as the protocol's metrics need; with ``verify``, geometry re-ranks the best
candidates. Ranking metrics exclude queries without positives, whose number is reported. Database photos that cannot be
used are missing from every ranking; queries that cannot be used count as failed.

In addition to the protocol's metrics, there are those of the best candidates: precision against recall, where queries
without positives and those not in the database should not be answered; and the error in meters, if positions are known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from placeprint.atlas.atlas import Atlas
from placeprint.atlas.reports import AddReport
from placeprint.atlas.stored_voters import default_way
from placeprint.core.options import CountOrNone, Degrees, check_name, checked
from placeprint.datasets.photos.labeled_photos import first_few
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.errors import DatasetError, OptionError, ShapeError
from placeprint.evaluation.isolation import peak_memory
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
from placeprint.evaluation.rankings import KEPT, num_searches, rank_queries
from placeprint.photos import normalized
from placeprint.presets import load_preset

CODEBOOKS = ("own", "adapted", "shipped")
Progress = Callable[[int, int], None]
Row = Mapping[str, Any]
"""The JSON of one search: see `RankedQuery.as_data`."""


@checked
def evaluate_retrieval(
    dataset: RetrievalSet,
    preset: str,
    *,
    verify: CountOrNone = 0,
    codebook: str = "own",
    turn: Degrees = 0.0,
    by: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return metrics, intervals, times and rankings, ready for JSON.

    Args:
        dataset: the data set to search.
        preset: name, or path of a TOML file.
        verify: candidates verified a query; 0 for search only.
        codebook: ``"own"``, ``"adapted"`` or ``"shipped"``.
        turn: degrees counter-clockwise the queries are rotated by first.
        by: see `Atlas.search`.
        progress: called with the number of photos done (database and queries) and the total.

    Raises:
        OptionError: ``codebook`` has another value, the preset ships none, the rotation is not finite, or a metric is
            unknown.
        DatasetError: no query has a positive, or no photo of the database can be read.
    """
    _check(dataset)
    codebook, way = _codebook(preset, codebook), by or default_way(load_preset(preset))
    count = len(dataset.database)
    total = count + num_searches(dataset)
    notify = progress or (lambda done, of: None)
    with tempfile.TemporaryDirectory(prefix="placeprint-") as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        report = atlas.add(
            [dataset.root / path for path in dataset.database],
            progress=lambda done, _: notify(done, total),
            learn=codebook == "own",
        )
        check_photos(atlas, report)
        if codebook == "adapted":
            atlas.refit(adapt=True)
        atlas.prepare(way)
        told = atlas.info()
        rows = []
        for query in rank_queries(atlas, dataset, verify=verify, turn=turn, by=way):
            rows.append(query.as_data())
            notify(count + len(rows), total)
    result, peak = measure(dataset, rows), peak_memory()
    return {
        "format": 1,
        "protocol": dataset.protocol,
        "preset": preset,
        "dataset": dataset.name,
        "options": {"verify": verify, "codebook": codebook, "turn": turn, "by": way},
        **result,
        "timing": {"ms_per_photo": 1000 * report.seconds / max(report.added, 1)} | result["timing"],
        "dim": told.dim,
        "bytes_per_photo": told.num_bytes / max(told.num_photos, 1),
        "peak_memory_mb": None if peak is None else peak / 1e6,
        "skipped_photos": len(report.skipped),
        "skipped": sorted([_below(dataset.root, path), reason] for path, reason in report.skipped),
        "made_by": made_by(),
    }


def check_photos(atlas: Atlas, report: AddReport) -> None:
    """Check that there is something to search, after adding photos.

    Raises:
        DatasetError: no photo of the database can be read.
    """
    if not len(atlas):
        words = first_few([f"{path}: {reason}" for path, reason in report.skipped])
        raise DatasetError(f"none of {len(report.skipped)} photos of the database can be read: {words}")


def measure(dataset: RetrievalSet, rows: Sequence[Row]) -> dict[str, Any]:
    """Return metrics, intervals, times, counts and the rows of all searches with their first candidates.

    Args:
        dataset: the ground truth.
        rows: `as_data` of all that `rank_queries` yields, in order.

    Raises:
        OptionError: a metric of the set is unknown.
        DatasetError: no query has a positive.
        ShapeError: the numbers of rows and searches differ.
    """
    _check(dataset)
    if len(rows) != num_searches(dataset):
        raise ShapeError(f"there must be a row for each of the {num_searches(dataset)} searches, got {len(rows)}")
    levels, end = len(dataset.judgments), len(dataset.queries) * len(dataset.judgments)
    ranked, absent = [rows[level:end:levels] for level in range(levels)], rows[end:]
    measured, per_query = _measure(dataset, ranked, absent)
    right = [_is_right(row, wanted) for row, wanted in zip(ranked[0], dataset.positives, strict=True)]
    return {
        "metrics": {name: _number(each.value) for name, each in measured.items()},
        "intervals": {name: [_number(each.low), _number(each.high)] for name, each in measured.items()},
        "per_query": per_query,
        "timing": _timing(ranked[0]),
        "database_photos": len(dataset.database),
        "failed_queries": sum("error" in row for row in (*ranked[0], *absent)),
        "queries_without_positives": sum(not wanted for wanted in dataset.positives),
        "queries": [_shortened(row) | {"right": each} for row, each in zip(ranked[0], right, strict=True)],
        "not_in_database": [_shortened(row) | {"right": False} for row in absent],
    }


def _shortened(row: Row) -> dict[str, Any]:
    return {**row, "ranking": row["ranking"][:KEPT]}


def _check(dataset: RetrievalSet) -> None:
    for name in dataset.metrics:
        if name not in (*BEST, *LOCATED):
            ranking_metric(name)
    if not any(dataset.positives):
        raise DatasetError(f"no query of {dataset.name!r} has a positive; recall cannot be measured")


def _codebook(preset: str, codebook: str) -> str:
    """Return the codebook for a name."""
    check_name("codebook", codebook, CODEBOOKS)
    known = load_preset(preset).codebook
    if known.min_photos is None:
        codebook = "shipped"
    if codebook != "own" and not known.is_included:
        raise OptionError(f"the preset {preset!r} ships no codebook; measure it with the codebook 'own'")
    return codebook


def _measure(
    dataset: RetrievalSet, ranked: Sequence[Sequence[Row]], absent: Sequence[Row]
) -> tuple[dict[str, Measured], dict[str, list[float | None]]]:
    """Return the metrics by name, the protocol's first, and the values per query if a metric is their mean."""
    measured: dict[str, Measured] = {}
    per_query: dict[str, list[float | None]] = {}
    answerable = dataset.expected
    for level, (judgment, queries) in enumerate(zip(dataset.judgments, ranked, strict=True)):
        expected = map(bool, judgment.positives) if level else answerable
        kept = [place for place, each in enumerate(expected) if each]
        rankings = [queries[place]["ranking"] for place in kept]
        positives = [judgment.positives[place] for place in kept]
        for metric in dataset.metrics:
            if metric in (*BEST, *LOCATED):
                continue
            name = f"{metric} {judgment.name}".rstrip()
            measured[name] = found = measure_rankings(metric, rankings, positives)
            values = dict(zip(kept, [] if found.per_query is None else found.per_query.tolist(), strict=True))
            per_query[name] = [values.get(place) for place in range(len(queries))]
    for name, found in _measure_best(dataset, answerable, ranked[0], absent).items():
        measured[name] = found
        if found.per_query is not None:
            per_query[name] = found.per_query.tolist()
    first = [name for name in dataset.metrics if name in measured]
    return {name: measured[name] for name in dict.fromkeys((*first, *measured))}, per_query


def _measure_best(
    dataset: RetrievalSet, expected: Sequence[bool], queries: Sequence[Row], absent: Sequence[Row]
) -> dict[str, Measured]:
    everyone = [*queries, *absent]
    confidences = np.array([np.nan if each["confidence"] is None else each["confidence"] for each in everyone])
    right = np.zeros(len(everyone), bool)
    right[: len(queries)] = [_is_right(q, wanted) for q, wanted in zip(queries, dataset.positives, strict=True)]
    answerable = np.zeros(len(everyone), bool)
    answerable[: len(queries)] = expected
    names = dict.fromkeys((*(name for name in dataset.metrics if name in BEST), "auc_pr", "recall_at_100_precision"))
    measured = {name: measure_best(name, confidences, right, answerable) for name in names}
    if dataset.database_positions is not None and dataset.query_positions is not None:
        places = {path: place for place, path in enumerate(dataset.database)}
        found = np.full((len(queries), 2), np.nan)
        for row, query in enumerate(queries):
            if query["ranking"]:
                found[row] = dataset.database_positions[places[query["ranking"][0]]]
        errors = localization_errors(found, dataset.query_positions)
        measured |= {name: measure_errors(name, errors) for name in LOCATED}
    return measured


def _is_right(row: Row, wanted: frozenset[str]) -> bool:
    return bool(row["ranking"]) and row["ranking"][0] in wanted


def _timing(rows: Sequence[Row]) -> dict[str, float | None]:
    """Return medians in milliseconds, without the first query, which loads the index."""
    answered = [row for row in rows[1:] if row["ms"] is not None]
    if not answered:
        return {"ms_per_query": None}
    parts: dict[str, float | None] = {
        f"ms_{part}": median(row["ms_parts"][part] for row in answered) for part in answered[0]["ms_parts"]
    }
    return {"ms_per_query": median(row["ms"] for row in answered)} | parts


def _below(root: Path, path: str) -> str:
    """Return a path as named in the set."""
    base = normalized(root)
    return Path(path).relative_to(base).as_posix() if Path(path).is_relative_to(base) else path


def _number(value: float) -> float | None:
    """Return a value for JSON."""
    return value if np.isfinite(value) else None
