"""The compact index over short descriptors, against FAISS alone: time of a query and what is found.

    python benchmarks/scale/short.py [--rows 1000000] [--dim 512] [--json benchmarks/results/scale-short.json]

Rows are made up: each is near one of 20,000 directions, and a query is near a row. Both sides have as many lists, and
search as many of them; queries alternate, so both have the machine as it is. R@100 is the share of the 100 truly
nearest rows among the 100 that are found, and the share of queries whose nearest row is among them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import normalize
from placeprint.evaluation.provenance import made_by
from placeprint.index.compact import CompactIndex
from placeprint.index.compact_code import CompactCode
from placeprint.index.compact_lists import PROBES, add_codes, learned_lists
from placeprint.index.compact_rows import CompactRows
from placeprint.types import Floats

RESULTS = Path(__file__).parents[1] / "results"
CENTERS, NOISE, NEAR = 20_000, 0.9, 0.6
"""Directions, and the noise of rows around them and of queries around rows."""
QUERIES, TOP = 200, 100
TOGETHER = 20_000


def rows_near(rows: Floats, noise: float, random: np.random.Generator) -> Floats:
    """Return unit rows near unit rows."""
    return normalize(rows + noise * normalize(random.normal(size=rows.shape).astype(np.float32)))


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description="Compare the compact index over short descriptors with FAISS alone.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--json", type=Path, default=RESULTS / "scale-short.json")
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    centers = normalize(random.normal(size=(CENTERS, asked.dim)).astype(np.float32))
    rows = np.zeros((asked.rows, asked.dim), np.float16)
    for start in range(0, asked.rows, TOGETHER):
        chosen = random.integers(CENTERS, size=min(TOGETHER, asked.rows - start))
        rows[start : start + TOGETHER] = rows_near(centers[chosen], NOISE, random)
    queries = rows_near(rows[random.choice(asked.rows, QUERIES, replace=False)].astype(np.float32), NEAR, random)
    ours, bare = _compact(rows), None
    bare = _bare(rows, ours.lists)
    times: dict[str, list[float]] = {"placeprint": [], "placeprint_filtered": [], "faiss": []}
    half = np.arange(0, asked.rows, 2)
    found: dict[str, list[NDArray[np.int64]]] = {"placeprint": [], "faiss": []}
    for query in queries:
        found["faiss"].append(_timed(times["faiss"], lambda q=query: bare.search(q[None], TOP)[1][0]))
        found["placeprint"].append(_timed(times["placeprint"], lambda q=query: ours.search(q[None], TOP)[0].ids))
    for query in queries[:20]:
        _timed(times["placeprint_filtered"], lambda q=query: ours.search(q[None], TOP, half))
    true = _nearest(rows, queries)
    figures: dict[str, Any] = {"rows": asked.rows, "dim": asked.dim, "lists": ours.lists.nlist, "probes": PROBES}
    for name, each in times.items():
        figures[f"{name}_ms_p50"] = 1000 * float(np.median(each))
    for name, ids in found.items():
        pairs = list(zip(true, ids, strict=True))
        figures[f"{name}_R@100"] = float(np.mean([len(set(a.tolist()) & set(b.tolist())) / TOP for a, b in pairs]))
        figures[f"{name}_nearest_in_100"] = float(np.mean([a[0] in b for a, b in pairs]))
    asked.json.write_text(json.dumps({**figures, "made_by": made_by()}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _compact(rows: NDArray[np.float16]) -> CompactIndex:
    code = CompactCode(rows.shape[1])
    codes = np.concatenate([code.encode(part.astype(np.float32))["short"] for part in _parts(rows)])
    lists = learned_lists(codes)
    add_codes(lists, codes)
    return CompactIndex(code, CompactRows(np.arange(len(rows)), {"short": codes}), lists)


def _bare(rows: NDArray[np.float16], like: Any) -> Any:
    """Return FAISS's inverted lists of 8 bits a value, with as many lists and probes."""
    dim, kind = rows.shape[1], faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, like.nlist, kind, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.min_points_per_centroid = like.cp.niter, 1
    index.train(rows[:: max(1, len(rows) // TOGETHER)].astype(np.float32))
    for part in _parts(rows):
        index.add(part.astype(np.float32))
    index.nprobe = PROBES
    return index


def _parts(rows: NDArray[np.float16]) -> Iterator[NDArray[np.float16]]:
    for start in range(0, len(rows), TOGETHER):
        yield rows[start : start + TOGETHER]


def _nearest(rows: NDArray[np.float16], queries: Floats) -> NDArray[np.int64]:
    """Return the ``(q, TOP)`` truly nearest rows, best first."""
    best, numbers = np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    for start in range(0, len(rows), TOGETHER):
        part = queries @ rows[start : start + TOGETHER].astype(np.float32).T
        here = np.broadcast_to(np.arange(start, start + part.shape[1]), part.shape)
        scores, all_numbers = np.concatenate([best, part], axis=1), np.concatenate([numbers, here], axis=1)
        order = np.argsort(-scores, axis=1)[:, :TOP]
        best, numbers = np.take_along_axis(scores, order, axis=1), np.take_along_axis(all_numbers, order, axis=1)
    return numbers


def _timed(times: list[float], work: Any) -> Any:
    began = time.perf_counter()
    found = work()
    times.append(time.perf_counter() - began)
    return found


if __name__ == "__main__":
    main()
