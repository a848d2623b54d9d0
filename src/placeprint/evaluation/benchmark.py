"""Measure presets on photos, each pair once, and keep the results.

    output/
      DATASET-PRESET-VERIFIED.json   one result per pair, with its key
      report.html, report.md         made of all results (`placeprint.evaluation.report`)
      pictures/                      failures with their matches drawn
      cache/                         atlases and the rows of unfinished pairs; may be deleted

A pair is identified by the fingerprints of preset, code, photos and rules. Its atlas is made once and serves every
number of verified candidates. An interrupted run continues where it was, a finished pair is not repeated, and a pair
whose preset, code or photos have changed is measured again. Indexing and searching each run in their own process, so
the peak memory is theirs alone; if indexing was interrupted, its time and memory are unknown. A pair that fails becomes
a result with its error, and the next run tries it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from placeprint.atlas.atlas import Atlas
from placeprint.core.files import read_json, write_atomically, writing
from placeprint.datasets.retrieval_set import Judgment, PathSets, RetrievalSet
from placeprint.describing.describer import checked_describer
from placeprint.errors import OptionError
from placeprint.evaluation.failures import draw_failures
from placeprint.evaluation.fingerprints import (
    OUTSIDE,
    SEARCHING,
    code_fingerprint,
    digest,
    photos_fingerprint,
    preset_fingerprint,
)
from placeprint.evaluation.isolation import Outcome, peak_memory, run_alone
from placeprint.evaluation.provenance import commit, made_by
from placeprint.evaluation.rankings import num_searches, rank_queries
from placeprint.evaluation.result_files import (
    as_data,
    checked_data,
    query_line,
    read_query_lines,
    read_result,
    write_result,
)
from placeprint.evaluation.results import Memory, Result, Settings
from placeprint.evaluation.retrieval import check_photos, measure, method_of, skipped_in
from placeprint.presets import load_preset
from placeprint.types import Progress

VERIFY = (0, 50)


@dataclass(frozen=True)
class Indexing:
    """What indexing took.

    Args:
        ms_per_photo: milliseconds; None where an interrupted run had begun.
        bytes_per_photo: on disk.
        dim: values of a descriptor.
        codebook: see `AtlasInfo`.
        skipped: path and reason of the photos that could not be used.
        peak_bytes: most memory held at once; None where it is not known.
    """

    ms_per_photo: float | None
    bytes_per_photo: float
    dim: int
    codebook: str
    skipped: tuple[tuple[str, str], ...] = ()
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Pair:
    """One pair to measure: a preset on a data set.

    Args:
        preset: the name of a preset, or the path of a TOML file.
        dataset: the photos and the ground truth.
        verify: the number of candidates verified per query; 0 for search only.
    """

    preset: str
    dataset: RetrievalSet
    verify: int = 0

    @property
    def method(self) -> str:
        """The name of the method among others on the same photos."""
        return method_of(self.preset, self.verify)

    @property
    def name(self) -> str:
        """The name of the result's file, without suffix."""
        return f"{self.dataset.name}-{load_preset(self.preset).name}-{self.verify}"

    @cached_property
    def atlas_key(self) -> str:
        """The fingerprint of the atlas."""
        photos = photos_fingerprint(self.dataset.root, self.dataset.database)
        return digest(preset_fingerprint(self.preset), code_fingerprint(SEARCHING), photos)

    @cached_property
    def key(self) -> str:
        """The fingerprint of the result."""
        data = self.dataset
        # all of the ground truth; sets have no order, and fingerprints stand for the photos
        rules = {name: value for name, value in vars(data).items() if name not in {"root", "database"}}
        photos = photos_fingerprint(data.root, (*data.queries, *data.not_in_database))
        return digest(self.atlas_key, self.verify, code_fingerprint(OUTSIDE), photos, _ordered(rules))


def pairs_of(presets: Iterable[str], datasets: Iterable[RetrievalSet], verify: Iterable[int] = VERIFY) -> list[Pair]:
    """Return every combination of preset, data set and number of verified candidates.

    Raises:
        OptionError: a preset is unknown or cannot be made, or two pairs have the same name.
    """
    numbers, presets = list(dict.fromkeys(verify)), list(presets)
    for preset in presets:  # report a preset that cannot be made now, not after hours of others
        checked_describer(load_preset(preset))
    pairs = [Pair(preset, data, number) for data in datasets for preset in presets for number in numbers]
    names = [pair.name for pair in pairs]
    folded = [name.casefold() for name in names]  # as some systems compare file names
    twice = sorted({name for name, known in zip(names, folded, strict=True) if folded.count(known) > 1})
    if twice:
        raise OptionError(f"two pairs are called {twice[0]!r}; give each preset and folder once, by different names")
    return pairs


def run_benchmark(
    presets: Iterable[str],
    datasets: Iterable[RetrievalSet],
    output: Path | str,
    *,
    verify: Iterable[int] = VERIFY,
    progress: Progress | None = None,
) -> list[Result]:
    """Measure every unfinished pair; return all results in order, ready for a report.

    Args:
        presets: the names of presets, or paths of TOML files.
        datasets: the data sets; their folders need distinct names.
        output: the folder of the results.
        verify: the numbers of candidates verified per query; 0 for search only.
        progress: called with the number of photos done and the total, pair by pair.

    Raises:
        OptionError: a preset is unknown, or two pairs have the same name.
        WriteError: the output cannot be written.
    """
    return [run_pair(pair, Path(output), progress=progress) for pair in pairs_of(presets, datasets, verify)]


def finished(pair: Pair, output: Path) -> Result | None:
    """Return the finished and still valid result of a pair, or None."""
    try:
        result = read_result(output / f"{pair.name}.json")
    except OptionError:
        return None
    return result if result.key == pair.key else None


def run_pair(pair: Pair, output: Path, *, progress: Progress | None = None) -> Result:
    """Return the result of a pair, measuring it if needed; arguments as for `run_benchmark`."""
    before = finished(pair, output)
    if before is not None:
        return before
    notify = progress or (lambda done, total: None)
    total = len(pair.dataset.database) + num_searches(pair.dataset)
    cache = output / "cache" / f"{pair.dataset.name}-{load_preset(pair.preset).name}-{pair.atlas_key}"
    indexed = _indexed(pair, cache, lambda done, _: notify(done, total))
    found: Outcome[Result] = Outcome(None, indexed.error, None)
    if indexed.result is not None:
        found = run_alone(
            search_pair, pair, cache, output, progress=lambda done, _: notify(len(pair.dataset.database) + done, total)
        )
    result = _result(pair, indexed.result, found)
    write_result(output / f"{pair.name}.json", result)
    return result


def _indexed(pair: Pair, cache: Path, progress: Progress) -> Outcome[Indexing]:
    """Return the cost of indexing, now or when it was done."""
    notes = cache / "indexing.json"
    try:
        return Outcome(checked_data(Indexing, read_json(notes, "notes"), str(notes)), None, None)
    except OptionError:
        outcome = run_alone(index_pair, pair, cache, progress=progress)
    if outcome.result is None:
        return outcome
    whole = outcome.result.ms_per_photo is not None
    result = replace(outcome.result, peak_bytes=outcome.peak_bytes if whole else None)
    write_atomically(notes, (json.dumps(as_data(result)) + "\n").encode())
    return replace(outcome, result=result)


def index_pair(pair: Pair, cache: Path, progress: Progress | None = None) -> Indexing:
    """Make the atlas of a pair, or continue with it; runs in a process of its own.

    Raises:
        DatasetError: no photo can be read.
    """
    atlas = Atlas.open_or_create(cache / "atlas", pair.preset)
    began = len(atlas) > 0
    report = atlas.add([pair.dataset.root / path for path in pair.dataset.database], progress=progress)
    check_photos(atlas, report)
    about = atlas.info()
    return Indexing(
        ms_per_photo=None if began else 1000 * report.seconds / report.added,
        bytes_per_photo=about.num_bytes / max(about.num_photos, 1),
        dim=about.dim,
        codebook=about.codebook,
        skipped=skipped_in(report, pair.dataset),
    )


def search_pair(pair: Pair, cache: Path, output: Path, progress: Progress | None = None) -> Result:
    """Search every query of a pair and measure; runs in a process of its own.

    Queries that an interrupted run has searched are not searched again.
    """
    data, kept = pair.dataset, cache / f"queries-{pair.key}.jsonl"
    queries = read_query_lines(kept)
    write_atomically(kept, "".join(map(query_line, queries)).encode())
    atlas = Atlas.open(cache / "atlas")
    with writing(kept), kept.open("a", encoding="utf-8") as file:
        for query in rank_queries(atlas, data, verify=pair.verify, first=len(queries)):
            queries.append(query)
            file.write(query_line(query))
            file.flush()
            if progress is not None:
                progress(len(queries), num_searches(data))
    memory = Memory(search_bytes=peak_memory())  # before drawing pictures
    result = measure(data, queries)
    failures = draw_failures(atlas, data, result.queries, output, pair.name)
    kept.unlink()
    return replace(result, memory=memory, failures=failures)


def _result(pair: Pair, indexing: Indexing | None, found: Outcome[Result]) -> Result:
    """Return the whole result: what was measured or why nothing was, what indexing took, and of which pair it is."""
    data = pair.dataset
    result = found.result or Result(dataset=data.name, protocol=data.protocol, error=found.error)
    if indexing is not None:
        result = replace(
            result,
            timing=replace(result.timing, ms_per_photo=indexing.ms_per_photo),
            memory=replace(result.memory, index_bytes=indexing.peak_bytes),
            dim=indexing.dim,
            codebook=indexing.codebook,
            bytes_per_photo=indexing.bytes_per_photo,
            skipped_photos=len(indexing.skipped),
            skipped=indexing.skipped,
        )
    return replace(
        result,
        method=pair.method,
        preset=load_preset(pair.preset).name,
        key=pair.key,
        root=str(data.root.resolve()),
        options=Settings(verify=pair.verify, codebook="own", turn=0.0),
        made_by=made_by(commit=commit()),
    )


def _ordered(value: object) -> object:
    """Return a value for JSON: sets as sorted lists, arrays as lists, judgments by their fields.

    Sets of database photos become the digest of their numbers: there may be millions, and the photos are fingerprinted
    separately.
    """
    if isinstance(value, PathSets):
        return value.fingerprint()
    if isinstance(value, Judgment):
        return _ordered(vars(value))
    if isinstance(value, dict):
        return {str(key): _ordered(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return [_ordered(each) for each in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
