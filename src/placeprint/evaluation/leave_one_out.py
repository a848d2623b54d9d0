"""Positions: each photo with a position is located from the others, and its radius is tested.

The atlas has all photos. A photo is located as by `Atlas.locate`, with only itself excluded; its neighbors in time
stay. The radius is learned without its position, see `places.whereabouts`. Photos that cannot be read get no answer.

| metric | what it is | of |
|---|---|---|
| `answered` | share of the photos with a location | all photos |
| `median_error_m` | meters from the true position | answered photos |
| `median_error_near_m` | the same | answered photos with another one within 25 m |
| `median_error_all_m` | the same; a photo without an answer is infinitely far off | all photos |
| `within_5_m`, `within_25_m` | share with an error up to that | all photos |
| `radius_coverage` | share whose true position is within the radius | answered photos |
| `median_radius_m` | meters | answered photos |
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from placeprint.atlas.atlas import Atlas
from placeprint.core.options import checked
from placeprint.core.plane import distances
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.errors import PhotoError
from placeprint.evaluation.measures import WITH_RADIUS, Measured, measure_errors, measure_median, measure_share
from placeprint.evaluation.metrics import Hits
from placeprint.evaluation.rankings import confidence_of
from placeprint.evaluation.results import CandidateResult, LocatedResult, QueryResult, Result, Settings
from placeprint.evaluation.retrieval import check_photos, in_atlas, judged, timing_of
from placeprint.photos import normalized, read_image
from placeprint.places.graph import CANDIDATES
from placeprint.places.locating import Locator
from placeprint.store import PhotoRecord
from placeprint.types import Location, Progress


def is_about_positions(dataset: RetrievalSet) -> bool:
    """Return whether the protocol of a set measures positions with a radius."""
    return not set(WITH_RADIUS).isdisjoint(dataset.metrics)


@checked
def evaluate_positions(dataset: RetrievalSet, preset: str, *, progress: Progress | None = None) -> Result:
    """Return metrics, intervals, times, and the answer of each photo.

    Args:
        dataset: whose queries are its database, with positions in their EXIF.
        preset: name, or path of a TOML file; one that gives probabilities.
        progress: called with the number of photos done (described, and located) and the total.

    Raises:
        OptionError: the preset is unknown, or gives no probabilities.
        DatasetError: no photo can be read.
    """
    count, notify = len(dataset.database), progress or (lambda done, of: None)
    queries = []
    with tempfile.TemporaryDirectory(prefix="placeprint-") as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        locator = Locator(atlas)  # refuses the preset before an hour of work
        photos = [dataset.root / path for path in dataset.database]
        report = atlas.add(photos, progress=lambda done, _: notify(done, 2 * count))
        check_photos(atlas, report)
        locator, about = Locator(atlas, most=None), atlas.info()
        names = {str(normalized(path)): name for path, name in zip(photos, dataset.database, strict=True)}
        records = {names[r.path]: r for r in atlas.snapshot().usable().values() if r.path in names}
        for query in dataset.queries:
            queries.append(_located(atlas, locator, dataset.root, query, records, names))
            notify(count + len(queries), 2 * count)
        measured = in_atlas(_result(dataset, queries), dataset, preset, about, report)
    return replace(measured, method=about.preset)


def _result(dataset: RetrievalSet, queries: Sequence[QueryResult]) -> Result:
    """Return metrics, intervals, counts and the judged queries."""
    hits = Hits.of([query.ranking for query in queries], dataset.positives)
    own = list(map(judged, queries, dataset.positives, dataset.expected, hits.ranks))
    measured = _measured(own)
    return Result(
        dataset=dataset.name,
        protocol=dataset.protocol,
        options=Settings(codebook="own"),
        metrics={name: _number(each.value) for name, each in measured.items()},
        intervals={name: (_number(each.low), _number(each.high)) for name, each in measured.items()},
        timing=timing_of(own),
        database_photos=len(dataset.database),
        failed_queries=sum(query.error is not None for query in own),
        queries_without_positives=sum(not wanted for wanted in dataset.positives),
        queries=tuple(own),
    )


def _located(
    atlas: Atlas,
    locator: Locator,
    root: Path,
    query: str,
    records: dict[str, PhotoRecord],
    names: dict[str, str],
) -> QueryResult:
    """Locate one photo from the others."""
    own = records.get(query)
    if own is None or own.location is None:
        return QueryResult(query=query, error="the photo could not be added to the atlas")
    began = time.perf_counter()
    try:
        answer = atlas.search(read_image(root / query), top=CANDIDATES, exclude=[own.path])
    except PhotoError as error:
        return QueryResult(query=query, error=str(error))
    found = locator.located(answer, top=CANDIDATES, unseen=[own.id])
    ranked = found.candidates
    return QueryResult(
        query=query,
        turn=answer.rotation,
        ms=round(1000 * (time.perf_counter() - began), 3),
        ms_parts={part: round(1000 * each, 3) for part, each in found.seconds.items()},
        confidence=confidence_of(ranked[0], found.confidence) if ranked else None,
        ranking=tuple(names[each.path] for each in ranked),
        similarities=tuple(round(each.similarity, 5) for each in ranked),
        scores=tuple(round(each.score, 5) for each in ranked),
        inliers=tuple(each.num_inliers for each in ranked),
        candidates=tuple(
            CandidateResult(photo=names[each.path], probability=each.probability)
            for each in ranked
            if each.probability is not None
        ),
        located=_against_truth(found.location, own.location),
    )


def _against_truth(location: Location | None, truth: tuple[float, float]) -> LocatedResult | None:
    if location is None:
        return None
    error = float(distances(np.array([[location.latitude, location.longitude]]), np.array(truth))[0])
    return LocatedResult(
        latitude=location.latitude, longitude=location.longitude, radius_m=location.radius, error_m=error
    )


def _measured(queries: Sequence[QueryResult]) -> dict[str, Measured]:
    """Return the metrics of the table above, by name."""
    answered = [(query, query.located) for query in queries if query.located is not None]
    errors = np.array([each.error_m for _, each in answered])
    radii = np.array([each.radius_m for _, each in answered])
    near = np.array([query.num_positives > 0 for query, _ in answered], bool)
    everyone = np.array([np.inf if query.located is None else query.located.error_m for query in queries])
    return {
        "median_error_m": measure_median(errors),
        "within_5_m": measure_errors("within_5_m", everyone),
        "within_25_m": measure_errors("within_25_m", everyone),
        "radius_coverage": measure_share(errors <= radii),
        "median_radius_m": measure_median(radii),
        "answered": measure_share(np.isfinite(everyone)),
        "median_error_near_m": measure_median(errors[near]),
        "median_error_all_m": measure_median(everyone),
    }


def _number(value: float) -> float | None:
    """Return a value for JSON."""
    return value if np.isfinite(value) else None
