"""Other people's retrieval beside placeprint's, on the same photos; writes benchmarks/results/peers-retrieval.json.

    python -m benchmarks.peers.retrieval [--only sf_landmarks] [--method "pyvisim VLAD"] [--output FOLDER]

PLACEPRINT_DATA says where the photos are. Every method runs in a process of its own on one core, after another. A
method that cannot run has a row with its error. benchmarks/table.py makes the table of the file; the whole results,
with the rankings, and a report in HTML are written to the output (build/peers), from where an interrupted run goes on.
On ie_tower the query's own clip is left out, for all methods alike. explanations.toml says why placeprint's default is
behind where it is; a row that the default is not ahead of and that has none is named at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.peers.measuring import OURS, measure_method, names, published
from placeprint.datasets.protocols import read_retrieval_set
from placeprint.datasets.readers.clip_areas import read_clip_areas
from placeprint.datasets.retrieval_set import RetrievalSet
from placeprint.errors import OptionError
from placeprint.evaluation.measures import in_words
from placeprint.evaluation.provenance import commit, made_by
from placeprint.evaluation.report.differences import Comparison, Row, compare
from placeprint.evaluation.report.markdown import markdown_report
from placeprint.evaluation.report.page import html_report
from placeprint.evaluation.result_files import read_result, write_result
from placeprint.evaluation.results import Result

HERE = Path(__file__).parent
DATA = Path(os.environ.get("PLACEPRINT_DATA", HERE.parents[2] / "shared" / "data"))
RESULT = HERE.parent / "results" / "peers-retrieval.json"
COPIES = ("f22_central_alt",)
"""Clips of ie_tower that are copies of others."""
KEPT = ("recall@1", "recall@5", "recall@10", "mAP", "ms_per_photo", "ms_per_query", "bytes_per_photo", "peak_bytes")
DEFAULT = next(iter(OURS))


def datasets() -> dict[str, RetrievalSet]:
    """Read the photos by name."""
    found = {name: read_retrieval_set(None, DATA / name) for name in ("sf_landmarks", "corridor")}
    found["ie_tower"] = replace(read_clip_areas(DATA / "ie_tower", without=COPIES), protocol="clips-area-1, no copies")
    return {name: replace(data, not_in_database=()) for name, data in found.items()}  # packages say no "not there"


def run(dataset: RetrievalSet, methods: Sequence[str], folder: Path) -> list[Result]:
    """Return the results of methods, measured now or by an earlier run into the same folder that was cut off."""
    results = []
    for name in methods:
        path = folder / f"{dataset.name}-{name.replace(' ', '-').replace('/', '-')}.json"
        try:
            result = read_result(path)
        except OptionError:  # not measured yet, or it failed
            result = measure_method(name, dataset)
            write_result(path, result)
        results.append(result)
        words = result.error or f"R@1 {in_words('recall@1', result.metrics['recall@1'])}, {result.timing}"
        print(f"{dataset.name}: {name}: {words}", flush=True)
    return results + published(dataset)


def short(comparison: Comparison) -> dict[str, Any]:
    """Return what is kept of a comparison in the repository: numbers without rankings."""
    rows = [
        {"method": row.method, "error": row.error}
        if row.error is not None
        else {"method": row.method}
        | {name: row.value(name) for name in KEPT}
        | {
            "interval": row.result.intervals["recall@1"],
            "against": None
            if row.against is None
            else {
                "difference": row.against.difference,
                "interval": (row.against.low, row.against.high),
                "p": row.against.p,
            },
            "on_time_front": row.on_time_front,
            "wall_ms_per_query": row.result.timing.wall_ms_per_query,
            "note": row.note,
        }
        for row in comparison.rows
    ]
    first = comparison.measured[0].result
    counts = {"database": first.database_photos, "queries": len(first.queries)}
    return {"dataset": comparison.dataset, "protocol": first.protocol, "counts": counts, "rows": rows}


def explanations() -> dict[tuple[str, str], str]:
    """Return by dataset and method why placeprint's default is not ahead of it."""
    tables = tomllib.loads((HERE / "explanations.toml").read_text(encoding="utf-8"))
    return {(dataset, method): text for dataset, rows in tables.items() for method, text in rows.items()}


def unexplained(comparisons: Sequence[Comparison], notes: Mapping[tuple[str, str], str]) -> list[str]:
    """Return the rows the default is not ahead of, or that put it behind the front, without an explanation."""
    missing = []
    for comparison in comparisons:
        own = next(row for row in comparison.rows if row.method == DEFAULT)
        others = [row for row in comparison.measured if row.method not in OURS]
        rows = [row for row in others if not _ahead(own, row)] + ([] if own.on_time_front else [own])
        missing += [f"{comparison.dataset}: {r.method}" for r in rows if (comparison.dataset, r.method) not in notes]
    return missing


def _ahead(own: Row, other: Row) -> bool:
    return (own.value("recall@1") or 0.0) > (other.value("recall@1") or 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="photos whose name contains this")
    parser.add_argument("--method", action="append", help="a method; by default all")
    parser.add_argument("--output", type=Path, default=Path("build") / "peers", help="folder of the whole results")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    chosen = {name: data for name, data in datasets().items() if options.only in name}
    results = [each for data in chosen.values() for each in run(data, options.method or names(), options.output)]
    notes = explanations()
    comparisons = compare(results, notes)
    title = "placeprint beside other packages, on the same photos"
    (options.output / "report.html").write_text(html_report(results, title=title, notes=notes))
    (options.output / "report.md").write_text(markdown_report(results, notes))
    if not options.only and not options.method:
        whole = {"format": 1, "made_by": made_by(commit=commit()), "datasets": [short(each) for each in comparisons]}
        RESULT.write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n")
    for row in unexplained(comparisons, notes):
        print(f"not explained in explanations.toml: {row}")


if __name__ == "__main__":
    main()
