"""What a measurement of retrieval says: one type from the search to the report.

`retrieval.measure` makes a `Result`, and the benchmarks add what they know: preset, times, memory. The names of the
fields are the keys of the JSON that `result_files` writes and reads. A further value of each query is one more field of
`QueryResult`; a further value of each candidate is one more name in `CANDIDATE_VALUES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

SIGNIFICANT = 0.05
CANDIDATE_VALUES = ("ranking", "similarities", "scores", "inliers", "candidates", "ranked_right")
"""Fields of a `QueryResult` with one value for each candidate, best first."""


@dataclass(frozen=True, kw_only=True)
class CandidateResult:
    """A candidate that evidence was weighed for.

    Args:
        photo: path in the set.
        probability: that it shows the place of the query, from 0 to 1.
    """

    photo: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class LocatedResult:
    """The position that was estimated for a query.

    Args:
        latitude: degrees north.
        longitude: degrees east.
        radius_m: meters within which the true position should be.
        error_m: meters from the true position.
    """

    latitude: float
    longitude: float
    radius_m: float
    error_m: float


@dataclass(frozen=True, kw_only=True)
class QueryResult:
    """One query at one level of judgment: what the atlas answered, and which of it is right.

    Args:
        query: path in the set.
        level: name of the level, empty for the set's own.
        turn: degrees the query was rotated by to be found, None where it could not be used.
        ms: milliseconds of the search, None where they are not known.
        ms_parts: milliseconds of its parts, as of `Answer.seconds`.
        confidence: how sure the first candidate is, see `rankings.confidence_of`; None without a candidate.
        ranking: paths of the candidates; empty where the query could not be used.
        similarities: cosines of the first candidates.
        scores: what they are ranked by.
        inliers: verified matches, None for candidates that were not verified.
        candidates: with their probabilities; empty for presets that do not weigh evidence.
        located: the position estimated for it; None if none was requested, or there was no answer.
        error: why the query could not be used, or None.
        num_positives: photos of the database that are right.
        expected: whether an answer is expected, see `RetrievalSet.expected`.
        right: whether the first candidate is right.
        ranked_right: whether each candidate is right.
        first_hit: rank (from 0) of the first right candidate, None when none is ranked.
        first_right: its path; when none is ranked, that of any right photo.
    """

    query: str
    level: str = ""
    turn: float | None = None
    ms: float | None = None
    ms_parts: Mapping[str, float] | None = None
    confidence: float | None = None
    ranking: tuple[str, ...] = ()
    similarities: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    inliers: tuple[int | None, ...] = ()
    candidates: tuple[CandidateResult, ...] = ()
    located: LocatedResult | None = None
    error: str | None = None
    num_positives: int = 0
    expected: bool = False
    right: bool = False
    ranked_right: tuple[bool, ...] = ()
    first_hit: int | None = None
    first_right: str | None = None

    def cut(self, kept: int) -> QueryResult:
        """Return the query with only its first candidates."""
        return replace(self, **{name: getattr(self, name)[:kept] for name in CANDIDATE_VALUES})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a preset was used; None where that is not known.

    Args:
        verify: candidates verified for each query.
        codebook: ``"own"``, ``"adapted"`` or ``"shipped"``.
        turn: degrees counter-clockwise the queries were rotated by first.
        by: search mode, as of `Atlas.search`.
    """

    verify: int | None = None
    codebook: str | None = None
    turn: float | None = None
    by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Milliseconds; None where they are not known.

    Args:
        ms_per_photo: the per photo of indexing.
        ms_per_query: median of a query.
        ms_describe: median of describing a query.
        ms_search: median of its search.
        ms_verify: median of its verification.
        wall_ms_per_photo: the ms per photo of indexing by the clock, where `ms_per_photo` is processor time.
        wall_ms_per_query: the same of a query.
    """

    ms_per_photo: float | None = None
    ms_per_query: float | None = None
    ms_describe: float | None = None
    ms_search: float | None = None
    ms_verify: float | None = None
    wall_ms_per_photo: float | None = None
    wall_ms_per_query: float | None = None


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Peak bytes of the processes that indexed and searched; None where they are not known."""

    index_bytes: int | None = None
    search_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class FailurePicture:
    """A drawn picture of a query beside a candidate.

    Args:
        candidate: path in the set.
        kind: ``"wrong"`` or ``"right"``.
        file: picture, relative to the folder of the results.
        inliers: verified matches.
        verdict: the verdict of the verifier.
    """

    candidate: str
    kind: str
    file: str
    inliers: int
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A query whose first candidate is wrong; `first_hit` as of `QueryResult`."""

    query: str
    first_hit: int | None
    pictures: tuple[FailurePicture, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a result differs from an earlier one in a metric.

    Args:
        queries: count of those that both have a value for.
        difference: mean of this less the earlier one.
        low: end of its 95 % paired bootstrap interval.
        high: other end.
        p: two-sided p-value that the two are equally good.
        test: ``"McNemar, exact"`` for metrics that are hit or miss, else ``"permutation"``.
    """

    queries: int
    difference: float
    low: float
    high: float
    p: float
    test: str

    @property
    def words(self) -> str:
        """Which of the two is better, as far as the test can show."""
        if self.p >= SIGNIFICANT:
            return "no difference shown"
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True, kw_only=True)
class Against:
    """The comparison with an earlier result: its file, what it was made with, and the differences by metric."""

    file: str
    preset: str
    options: Settings
    differences: Mapping[str, Difference]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured, on which photos, and how; or why nothing could be.

    Args:
        dataset: name of the photos.
        protocol: name and version of the rules.
        method: name beside others on the same photos.
        preset: name, or path of a TOML file.
        key: fingerprint of all that decides the result, empty outside of benchmarks.
        root: folder of the photos, empty where a report shall not look for them.
        options: how the preset was used.
        made_by: version, machine and date, see `provenance.made_by`.
        error: why there are no numbers, or None.
        metrics: by name, the protocol's first; None where there was nothing to measure.
        intervals: ends of the 95 % bootstrap intervals.
        per_query: values of each of `queries`, for metrics that are their mean; None where no answer is expected.
        timing: the timing of indexing and searching.
        memory: the memory of the processes of a benchmark.
        peak_memory_mb: peak megabytes of the process that evaluated.
        dim: length of the global descriptor.
        codebook: see `AtlasInfo`.
        bytes_per_photo: on disk.
        database_photos: count of photos searched in.
        skipped_photos: count of those that could not be used.
        skipped: path and reason of each.
        failed_queries: count of queries that could not be used.
        queries_without_positives: count.
        queries: judged by the set's own judgment.
        not_in_database: queries whose place the database does not hold.
        failures: the worst, with pictures.
        against: comparison with an earlier result.
    """

    dataset: str = ""
    protocol: str = ""
    method: str = ""
    preset: str = ""
    key: str = ""
    root: str = ""
    options: Settings = Settings()
    made_by: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    per_query: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    timing: Timing = Timing()
    memory: Memory = Memory()
    peak_memory_mb: float | None = None
    dim: int | None = None
    codebook: str = ""
    bytes_per_photo: float | None = None
    database_photos: int | None = None
    skipped_photos: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    failed_queries: int = 0
    queries_without_positives: int = 0
    queries: tuple[QueryResult, ...] = ()
    not_in_database: tuple[QueryResult, ...] = ()
    failures: tuple[Failure, ...] = ()
    against: Against | None = None

    @property
    def ms_per_photo(self) -> float | None:
        """Milliseconds of indexing."""
        return self.timing.ms_per_photo

    @property
    def ms_per_query(self) -> float | None:
        """Milliseconds of a query."""
        return self.timing.ms_per_query

    @property
    def peak_bytes(self) -> float | None:
        """Peak memory of all that was done, None where a part of it is not known."""
        if self.memory.index_bytes is not None and self.memory.search_bytes is not None:
            return max(self.memory.index_bytes, self.memory.search_bytes)
        return None if self.peak_memory_mb is None else 1e6 * self.peak_memory_mb
