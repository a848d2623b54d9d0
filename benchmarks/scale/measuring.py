"""Measure one atlas in this process: opening, memory, candidates, recall; see grow.py."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.growing import BENCHMARKS, DATA
from placeprint import Atlas
from placeprint.core.threads import one_core_for_products
from placeprint.describing.describer import Describer
from placeprint.photos import read_image
from placeprint.presets import load_preset
from placeprint.searching.memory import Memory
from placeprint.searching.snapshot import Snapshot
from placeprint.searching.weighing import Weigher
from placeprint.types import Floats, Ids, LocalFeatures, Ranking

TOP = 50
"""Candidates of a query."""
TIMED = 100
"""Queries whose candidates are timed, after five that are not."""


@dataclass(frozen=True)
class Query:
    """A photo and the paths of the photos of its place."""

    benchmark: str
    path: Path
    right: frozenset[str]


def queries() -> list[Query]:
    """Return the queries of the benchmarks."""
    found = []
    for name in BENCHMARKS:
        right: dict[str, set[str]] = {}
        with (DATA / name / "positives.csv").open() as file:
            for row in csv.DictReader(file):
                right.setdefault(row["query"], set()).add(str((DATA / name / row["database"]).resolve()))
        found += [Query(name, DATA / name / query, frozenset(each)) for query, each in right.items()]
    return found


def described(folder: Path, preset: str) -> Floats:
    """Return the ``(q, dim)`` descriptors of the queries by the codebook that ships, kept in a file."""
    path = folder / f"queries-{preset}.npy"
    if not path.exists():
        describer = Atlas.open(folder / f"sources-{preset}").describer
        rows = [describer.descriptor(describer.query_features(read_image(str(each.path)), 0)) for each in queries()]
        np.save(path, np.stack(rows))
    return np.asarray(np.load(path), np.float32)


def open_and_search(path: Path, preset: str, rows: Floats) -> dict[str, Any]:
    """Return what opening an atlas takes until the first answer, the times of candidates, and the peak of memory."""
    image = read_image(str(queries()[0].path))
    Describer(load_preset(preset)).query_features(image, 0)  # the networks are loaded
    began, cpu_began = time.perf_counter(), time.process_time()
    atlas = Atlas.open(path)
    answer = atlas.search(image, rotations=False)
    first, first_cpu = time.perf_counter() - began, time.process_time() - cpu_began
    now, memory = atlas.snapshot(), atlas._memory  # what is measured has no public name
    wall, cpu = [], []
    with one_core_for_products():  # as a search does
        for row in rows[: 5 + TIMED]:
            times = time.perf_counter(), time.process_time()
            memory.nearest(now, row[None], TOP)
            wall.append(time.perf_counter() - times[0])
            cpu.append(time.process_time() - times[1])
    return {
        "photos": len(atlas),
        "open_to_first_answer_s": first,
        "open_to_first_answer_cpu_s": first_cpu,
        "of_that_description_s": answer.seconds["describe"],
        "of_that_verification_s": answer.seconds["verify"],
        "peak_memory_bytes": _peak_bytes(),
        "candidates_ms_p50": 1000 * float(np.percentile(wall[5:], 50)),
        "candidates_ms_p95": 1000 * float(np.percentile(wall[5:], 95)),
        "candidates_cpu_ms_p50": 1000 * float(np.percentile(cpu[5:], 50)),
    }


def _peak_bytes() -> int:
    """Return the most memory that was resident in this process (Linux; getrusage would count its parent's too)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def exact_rankings(now: Snapshot, rows: Floats) -> list[Ranking]:
    """Return the `TOP` nearest photos of each query by whole descriptors, read in parts."""
    best_ids, best = np.zeros((len(rows), 0), np.int64), np.zeros((len(rows), 0), np.float32)
    for ids, known in now.descriptors():
        all_ids = np.concatenate([best_ids, np.broadcast_to(ids, (len(rows), len(ids)))], axis=1)
        scores = np.concatenate([best, rows @ known.astype(np.float16).astype(np.float32).T], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        best_ids, best = np.take_along_axis(all_ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
    return [Ranking(*each) for each in zip(best_ids, best, strict=True)]


def recalls(path: Path, rows: Floats, every: int = 1) -> dict[str, Any]:
    """Return the verified recall@1 with candidates by compact codes and by whole descriptors, and of the candidates."""
    atlas = Atlas.open(path)
    now, memory = atlas.snapshot(), atlas._memory
    rows, asked = rows[::every], queries()[::every]
    exact = exact_rankings(now, rows)
    right: dict[str, list[tuple[str, bool]]] = {}
    for query, row, ranking in zip(asked, rows, exact, strict=True):
        compact = memory.nearest(now, row[None], TOP)[0]
        true = {record.id for record in now.usable().of_paths(query.right).values()}
        firsts = _verified(now, memory, query, row, [compact, ranking])
        for kind, found, first in (("", compact, firsts[0]), ("_exact", ranking, firsts[1])):
            right.setdefault(f"recall@1{kind}", []).append((query.benchmark, first in true))
            for count in (1, 20, 50):
                within = bool(true & set(found.ids[:count].tolist()))
                right.setdefault(f"candidates_recall@{count}{kind}", []).append((query.benchmark, within))
    shares: dict[str, Any] = {}
    for name, each in right.items():
        shares[name] = float(np.mean([hit for _, hit in each]))
        for benchmark in BENCHMARKS:
            shares[f"{name} {benchmark}"] = float(np.mean([hit for where, hit in each if where == benchmark]))
    same = [len(set(a.ids.tolist()) & set(b.ids.tolist())) / TOP for a, b in _pairs(now, memory, rows, exact)]
    return shares | {"queries": len(asked), "candidates_in_common": float(np.mean(same))}


def _pairs(now: Snapshot, memory: Memory, rows: Floats, exact: list[Ranking]) -> list[tuple[Ranking, Ranking]]:
    return [(memory.nearest(now, row[None], TOP)[0], each) for row, each in zip(rows, exact, strict=True)]


def _verified(now: Snapshot, memory: Memory, query: Query, row: Floats, rankings: list[Ranking]) -> list[int]:
    """Return the first candidate of a query for each ranking, by a preset with evidence."""
    spec = now.preset.evidence
    if spec is None:
        raise SystemExit("recall is measured with a preset that weighs evidence")
    image, kept = read_image(str(query.path)), {}

    def describe(number: int) -> LocalFeatures:
        if number not in kept:
            kept[number] = now.describer.rotated_one(image, 0, number)
        return kept[number]

    with one_core_for_products():
        weigher = Weigher(now, memory, spec)
        answers = [weigher.answer(each, row, describe, TOP)[0] for each in rankings]
    return [answer[0].id if answer else -1 for answer in answers]


def adding(path: Path, rows: int) -> dict[str, Any]:
    """Return what it takes to add rows to an atlas until they are found; they are removed again."""
    atlas = Atlas.open(path)
    store, now = atlas._store, atlas.snapshot()
    query = now.rows(now.usable().ids[:1])
    atlas._memory.nearest(now, query, TOP)
    usual = _timed(lambda: atlas._memory.nearest(now, query, TOP))
    some: Ids = now.usable().ids[:64]
    records = now.usable().some(some.tolist())
    local = {row["id"]: row for row in now.stored.local.take(some.tolist())}
    descriptors = dict(zip(some.tolist(), now.stored.descriptors_of(some), strict=True))
    began, cpu = time.perf_counter(), time.process_time()
    with store.exclusive():
        for start in range(0, rows, 64):
            entries = []
            for number, photo in enumerate(some[: min(64, rows - start)].tolist()):
                columns = {name: value for name, value in local[photo].items() if name != "id"}
                record = records[photo]
                fresh = type(record)(**{**vars(record), "path": f"/new/{start + number}.jpg", "id": -1})
                entries.append((fresh, columns, descriptors[photo]))
            store.append(entries, str(now.stored.state_name))
        store.maintain()
        later = atlas.snapshot()
        atlas._memory.update(later)
    took, took_cpu = time.perf_counter() - began, time.process_time() - cpu
    first = _timed(lambda: atlas._memory.nearest(later, query, TOP))
    new = np.setdiff1d(later.usable().ids, now.usable().ids)
    with store.exclusive():
        store.remove(new.tolist())
    return {
        "added_rows": rows,
        "adding_s": took,
        "adding_cpu_s": took_cpu,
        "usual_candidates_ms": 1000 * usual,
        "first_candidates_after_adding_ms": 1000 * first,
    }


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(what: str, folder: Path, path: Path, preset: str, every: int) -> None:
    """Print one measurement as JSON; recall by every n-th query."""
    rows: NDArray[np.float32] = described(folder, preset)
    found = {
        "open": lambda: open_and_search(path, preset, rows),
        "recall": lambda: recalls(path, rows, every),
        "add": lambda: adding(path, 1000),
    }[what]()
    print(json.dumps(found))
