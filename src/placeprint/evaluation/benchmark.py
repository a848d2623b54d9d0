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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.atlas.atlas import Atlas
from placeprint.core.files import write_atomically, writing
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
from placeprint.evaluation.metrics import first_hits
from placeprint.evaluation.provenance import commit, made_by
from placeprint.evaluation.rankings import num_searches, rank_queries
from placeprint.evaluation.retrieval import Row, check_photos, measure
from placeprint.presets import load_preset

Result = dict[str, Any]
Progress = Callable[[int, int], None]

VERIFY = (0, 50)
KEPT = 50
"""Most candidates of each ranking in the result; the metrics use all."""
LISTS = ("ranking", "similarities", "scores", "inliers")


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
        name = load_preset(self.preset).name
        return f"{name}, {self.verify} verified" if self.verify else name

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
        result: Result = json.loads((output / f"{pair.name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return result if isinstance(result, dict) and result.get("key") == pair.key and "error" not in result else None


def run_pair(pair: Pair, output: Path, *, progress: Progress | None = None) -> Result:
    """Return the result of a pair, measuring it if needed; arguments as for `run_benchmark`."""
    before = finished(pair, output)
    if before is not None:
        return before
    notify = progress or (lambda done, total: None)
    total = len(pair.dataset.database) + num_searches(pair.dataset)
    cache = output / "cache" / f"{pair.dataset.name}-{load_preset(pair.preset).name}-{pair.atlas_key}"
    indexed = _indexed(pair, cache, lambda done, _: notify(done, total))
    found: Outcome[Result] = Outcome(None, indexed.error, indexed.peak_bytes)
    if indexed.result is not None:
        found = run_alone(
            search_pair, pair, cache, output, progress=lambda done, _: notify(len(pair.dataset.database) + done, total)
        )
    result = _result(pair, indexed, found)
    write_atomically(output / f"{pair.name}.json", (json.dumps(result, allow_nan=False) + "\n").encode())
    return result


def _indexed(pair: Pair, cache: Path, progress: Progress) -> Outcome[Result]:
    """Return the cost of indexing, now or when it was done."""
    notes = cache / "indexing.json"
    try:
        known: Result = json.loads(notes.read_text(encoding="utf-8"))
        return Outcome(known, None, known.pop("peak_bytes"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        outcome = run_alone(index_pair, pair, cache, progress=progress)
    if outcome.result is not None:
        peak = None if outcome.result["ms_per_photo"] is None else outcome.peak_bytes
        write_atomically(notes, (json.dumps(outcome.result | {"peak_bytes": peak}) + "\n").encode())
        return replace(outcome, peak_bytes=peak)
    return outcome


def index_pair(pair: Pair, cache: Path, progress: Progress | None = None) -> Result:
    """Make the atlas of a pair, or continue with it; runs in a process of its own.

    Returns:
        Milliseconds per photo (None if an interrupted run had started it), bytes per photo, the length of a descriptor,
        and the number of skipped photos.

    Raises:
        DatasetError: no photo can be read.
    """
    atlas = Atlas.open_or_create(cache / "atlas", pair.preset)
    began = len(atlas) > 0
    report = atlas.add([pair.dataset.root / path for path in pair.dataset.database], progress=progress)
    check_photos(atlas, report)
    told = atlas.info()
    return {
        "ms_per_photo": None if began else 1000 * report.seconds / report.added,
        "bytes_per_photo": told.num_bytes / max(told.num_photos, 1),
        "dim": told.dim,
        "codebook": told.codebook,
        "skipped_photos": len(report.skipped),
    }


def search_pair(pair: Pair, cache: Path, output: Path, progress: Progress | None = None) -> Result:
    """Search every query of a pair and measure; continues after existing rows; runs in its own process."""
    data, kept = pair.dataset, cache / f"queries-{pair.key}.jsonl"
    rows = _whole_lines(kept)
    write_atomically(kept, "".join(json.dumps(row) + "\n" for row in rows).encode())
    atlas = Atlas.open(cache / "atlas")
    with writing(kept), kept.open("a", encoding="utf-8") as file:
        for query in rank_queries(atlas, data, verify=pair.verify, first=len(rows)):
            rows.append(query.as_data())
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
            if progress is not None:
                progress(len(rows), num_searches(data))
    peak = peak_memory()  # before drawing pictures
    measured = measure(data, rows)
    details = details_of(data, rows)
    failures = draw_failures(atlas, data, details, output, pair.name)
    kept.unlink()
    return measured | {"peak_bytes": peak, "queries": details, "failures": failures}


def details_of(data: RetrievalSet, rows: Sequence[Row]) -> list[Result]:
    """Return the rows of the queries with ground truth, by the set's default judgment, with rankings cut to `KEPT`.

    Args:
        data: the ground truth.
        rows: `as_data` of all results of `rank_queries`, in order.

    Returns:
        Each row with ``num_positives``, ``expected`` (see `RetrievalSet.expected`), ``right`` (whether the first
        candidate is right), ``ranked_right`` (the same for each kept one), ``first_hit`` (rank of the first right one
        from 0, None if none is ranked) and ``first_right`` (its path, or that of one that is not ranked).
    """
    levels = len(data.judgments)
    details = []
    own = rows[: len(data.queries) * levels : levels]
    for row, wanted, expected in zip(own, data.positives, data.expected, strict=True):
        ranking = row["ranking"]
        hit = float(first_hits([ranking], [wanted])[0])
        found = hit < len(ranking)
        details.append(
            {**row}
            | {name: row[name][:KEPT] for name in LISTS}
            | {
                "num_positives": len(wanted),
                "expected": expected,
                "right": hit == 0,
                "ranked_right": [photo in wanted for photo in ranking[:KEPT]],
                "first_hit": int(hit) if found else None,
                "first_right": ranking[int(hit)] if found else min(wanted, default=None),
            }
        )
    return details


def _result(pair: Pair, indexed: Outcome[Result], found: Outcome[Result]) -> Result:
    """Return the result as written."""
    data = pair.dataset
    head = {
        "format": 1,
        "key": pair.key,
        "method": pair.method,
        "preset": load_preset(pair.preset).name,
        "dataset": data.name,
        "protocol": data.protocol,
        "root": str(data.root.resolve()),
        "options": {"verify": pair.verify, "codebook": "own", "turn": 0.0},
        "counts": {"database": len(data.database), "queries": len(data.queries)},
        "made_by": made_by(commit=commit()),
    }
    if indexed.result is None or found.result is None:
        return head | {"error": found.error}
    notes, measured = dict(indexed.result), dict(found.result)
    timing = {"ms_per_photo": notes.pop("ms_per_photo")} | measured.pop("timing")
    memory = {"index_bytes": indexed.peak_bytes, "search_bytes": measured.pop("peak_bytes")}
    return head | notes | {"timing": timing, "memory": memory} | measured


def _whole_lines(path: Path) -> list[Result]:
    """Return the rows of a file whose last line may be incomplete; none if there is no file."""
    rows: list[Result] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return rows
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


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
