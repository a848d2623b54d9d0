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
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from placeprint.atlas.atlas import Atlas
from placeprint.atlas.reports import AddReport
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
from placeprint.evaluation.metrics import Hits
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.rankings import KEPT, num_searches, rank_queries
from placeprint.evaluation.results import QueryResult, Result, Settings, Timing
from placeprint.photos import normalized
from placeprint.presets import Preset, load_preset
from placeprint.searching.info import AtlasInfo
from placeprint.searching.stored_voters import default_mode
from placeprint.types import Progress

CODEBOOKS = ("own", "adapted", "shipped")


@checked
def evaluate_retrieval(
    dataset: RetrievalSet,
    preset: str,
    *,
    verify: CountOrNone | None = None,
    codebook: str = "own",
    turn: Degrees = 0.0,
    mode: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Return metrics, intervals, times and rankings.

    Args:
        dataset: the data set to search.
        preset: name, or path of a TOML file.
        verify: candidates verified a query; 0 for search only; None for what the preset weighs, 0 where it weighs none.
        codebook: ``"own"``, ``"adapted"`` or ``"shipped"``.
        turn: degrees counter-clockwise the queries are rotated by first.
        mode: see `Atlas.search`.
        progress: called with the number of photos done (database and queries) and the total.

    Raises:
        OptionError: ``codebook`` is none of them, the preset ships none, the rotation is not finite, or a metric of
            the set is unknown.
        DatasetError: no query has a positive, or no photo of the database can be read.
    """
    _check(dataset)
    chosen = load_preset(preset)
    if verify is None:
        verify = 0 if chosen.evidence is None else chosen.evidence.candidates
    codebook, mode = _codebook(chosen, preset, codebook), mode or default_mode(chosen)
    count, queries = len(dataset.database), []
    total = count + num_searches(dataset)
    notify = progress or (lambda done, of: None)
    with tempfile.TemporaryDirectory(prefix="placeprint-") as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        report = _fill(atlas, dataset, codebook, lambda done, _: notify(done, total))
        atlas.prepare(mode)
        about = atlas.info()
        for query in rank_queries(atlas, dataset, verify=verify, turn=turn, mode=mode):
            queries.append(query)
            notify(count + len(queries), total)
        measured = in_atlas(measure(dataset, queries), dataset, preset, about, report)
    settings = Settings(verify=verify, codebook=codebook, turn=turn, by=mode)
    return replace(measured, method=method_of(preset, verify), options=settings)


def in_atlas(result: Result, dataset: RetrievalSet, preset: str, about: AtlasInfo, report: AddReport) -> Result:
    """Return a result with what its atlas was like, and what this process needed."""
    peak = peak_memory()
    return replace(
        result,
        preset=preset,
        timing=replace(result.timing, ms_per_photo=1000 * report.seconds / max(report.added, 1)),
        dim=about.dim,
        codebook=about.codebook,
        bytes_per_photo=about.num_bytes / max(about.num_photos, 1),
        peak_memory_mb=None if peak is None else peak / 1e6,
        skipped_photos=len(report.skipped),
        skipped=skipped_in(report, dataset),
        made_by=made_by(),
    )


def _fill(atlas: Atlas, dataset: RetrievalSet, codebook: str, progress: Progress) -> AddReport:
    """Add the database to a new atlas, with the codebook that was requested."""
    photos = [dataset.root / path for path in dataset.database]
    report = atlas.add(photos, progress=progress, learn=codebook == "own")
    check_photos(atlas, report)
    if codebook == "adapted":
        atlas.refit(adapt=True)
    return report


def method_of(preset: str, verify: int) -> str:
    """Return what a preset is called beside others on the same photos."""
    name = load_preset(preset).name
    return f"{name}, {verify} verified" if verify else name


def check_photos(atlas: Atlas, report: AddReport) -> None:
    """Check that there is something to search, after adding photos.

    Raises:
        DatasetError: no photo of the database can be read.
    """
    if not len(atlas):
        words = first_few([f"{path}: {reason}" for path, reason in report.skipped])
        raise DatasetError(f"none of {len(report.skipped)} photos of the database can be read: {words}")


def measure(dataset: RetrievalSet, queries: Sequence[QueryResult]) -> Result:
    """Return metrics, intervals, times, counts and the judged queries, cut to the first `KEPT` candidates.

    Args:
        dataset: the ground truth.
        queries: all that `rank_queries` yields, in order.

    Raises:
        OptionError: a metric of the set is unknown.
        DatasetError: no query has a positive.
        ShapeError: there are not as many as searches.
    """
    _check(dataset)
    if len(queries) != num_searches(dataset):
        raise ShapeError(f"there must be a row for each of the {num_searches(dataset)} searches, got {len(queries)}")
    levels, end = len(dataset.judgments), len(dataset.queries) * len(dataset.judgments)
    hits = [
        Hits.of([query.ranking for query in queries[level:end:levels]], judgment.positives)
        for level, judgment in enumerate(dataset.judgments)
    ]
    own = list(map(judged, queries[:end:levels], dataset.positives, dataset.expected, hits[0].ranks))
    absent = [judged(query, frozenset(), False, np.zeros(0, np.int64)) for query in queries[end:]]
    measured, per_query = _measure(dataset, hits, own, absent)
    return Result(
        dataset=dataset.name,
        protocol=dataset.protocol,
        metrics={name: _number(each.value) for name, each in measured.items()},
        intervals={name: (_number(each.low), _number(each.high)) for name, each in measured.items()},
        per_query=per_query,
        timing=timing_of(own),
        database_photos=len(dataset.database),
        failed_queries=sum(query.error is not None for query in (*own, *absent)),
        queries_without_positives=sum(not wanted for wanted in dataset.positives),
        queries=tuple(query.cut(KEPT) for query in own),
        not_in_database=tuple(query.cut(KEPT) for query in absent),
    )


def judged(query: QueryResult, wanted: frozenset[str], expected: bool, ranks: NDArray[np.int64]) -> QueryResult:
    """Return a query with what is right.

    Args:
        query: as it was ranked.
        wanted: right photos.
        expected: whether an answer is expected.
        ranks: ``(p,)`` of the right photos that are ranked, rising.
    """
    first = int(ranks[0]) if len(ranks) else None
    return replace(
        query,
        num_positives=len(wanted),
        expected=expected,
        right=first == 0,
        ranked_right=tuple(np.isin(np.arange(len(query.ranking)), ranks).tolist()),
        first_hit=first,
        first_right=min(wanted, default=None) if first is None else query.ranking[first],
    )


def skipped_in(report: AddReport, dataset: RetrievalSet) -> tuple[tuple[str, str], ...]:
    """Return path, as the set names it, and reason of the photos that could not be used."""
    return tuple(sorted((_below(dataset.root, path), reason) for path, reason in report.skipped))


def _check(dataset: RetrievalSet) -> None:
    for name in dataset.metrics:
        if name not in (*BEST, *LOCATED):
            ranking_metric(name)
    if not any(dataset.positives):
        raise DatasetError(f"no query of {dataset.name!r} has a positive; recall cannot be measured")


def _codebook(preset: Preset, given: str, codebook: str) -> str:
    """Return the codebook for a name; the preset is called as it was given."""
    check_name("codebook", codebook, CODEBOOKS)
    known = preset.codebook
    if known.min_photos is None:
        codebook = "shipped"
    if codebook != "own" and not known.is_included:
        raise OptionError(f"the preset {given!r} ships no codebook; measure it with the codebook 'own'")
    return codebook


def _measure(
    dataset: RetrievalSet, hits: Sequence[Hits], own: Sequence[QueryResult], absent: Sequence[QueryResult]
) -> tuple[dict[str, Measured], dict[str, tuple[float | None, ...]]]:
    """Return the metrics by name, the protocol's first, and the values per query if a metric is their mean.

    Args:
        dataset: the ground truth.
        hits: the hits of all queries, for each level of judgment.
        own: the queries, judged at the first level.
        absent: those that are not in the database.
    """
    measured: dict[str, Measured] = {}
    per_query: dict[str, tuple[float | None, ...]] = {}
    for level, (judgment, found) in enumerate(zip(dataset.judgments, hits, strict=True)):
        expected = found.counts > 0 if level else np.array(dataset.expected, bool)
        kept = np.flatnonzero(expected)
        for metric in dataset.metrics:
            if metric in (*BEST, *LOCATED):
                continue
            name = f"{metric} {judgment.name}".rstrip()
            measured[name] = each = measure_rankings(metric, found.rows(kept))
            values = dict(zip(kept.tolist(), [] if each.per_query is None else each.per_query.tolist(), strict=True))
            per_query[name] = tuple(values.get(place) for place in range(len(own)))
    for name, each in (_measure_best(dataset, own, absent) | _measure_errors(dataset, own)).items():
        measured[name] = each
        if each.per_query is not None:
            per_query[name] = tuple(each.per_query.tolist())
    first = [name for name in dataset.metrics if name in measured]
    return {name: measured[name] for name in dict.fromkeys((*first, *measured))}, per_query


def _measure_best(
    dataset: RetrievalSet, own: Sequence[QueryResult], absent: Sequence[QueryResult]
) -> dict[str, Measured]:
    """Return the metrics of the best candidates of all queries together."""
    everyone = [*own, *absent]
    confidences = np.array([np.nan if each.confidence is None else each.confidence for each in everyone])
    right, expected = (np.array([getattr(each, name) for each in everyone], bool) for name in ("right", "expected"))
    names = dict.fromkeys((*(name for name in dataset.metrics if name in BEST), "auc_pr", "recall_at_100_precision"))
    return {name: measure_best(name, confidences, right, expected) for name in names}


def _measure_errors(dataset: RetrievalSet, own: Sequence[QueryResult]) -> dict[str, Measured]:
    """Return the metrics in meters, none where positions are not known."""
    if dataset.database_positions is None or dataset.query_positions is None:
        return {}
    places = {path: place for place, path in enumerate(dataset.database)}
    found = np.full((len(own), 2), np.nan)
    for row, query in enumerate(own):
        if query.ranking:
            found[row] = dataset.database_positions[places[query.ranking[0]]]
    errors = localization_errors(found, dataset.query_positions)
    return {name: measure_errors(name, errors) for name in LOCATED}


def timing_of(queries: Sequence[QueryResult]) -> Timing:
    """Return medians in milliseconds, without the first query, which loads the index."""

    def middle(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known else None

    def part(name: str) -> float | None:
        return middle((query.ms_parts or {}).get(name) for query in queries[1:])

    return Timing(
        ms_per_query=middle(query.ms for query in queries[1:]),
        ms_describe=part("describe"),
        ms_search=part("search"),
        ms_verify=part("verify"),
    )


def _below(root: Path, path: str) -> str:
    """Return a path as named in the set."""
    base = normalized(root)
    return Path(path).relative_to(base).as_posix() if Path(path).is_relative_to(base) else path


def _number(value: float) -> float | None:
    """Return a value for JSON."""
    return value if np.isfinite(value) else None
