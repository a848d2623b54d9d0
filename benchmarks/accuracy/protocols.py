"""Measure the default preset by the protocols whose photos are here, searched only and verified.

    python benchmarks/accuracy/protocols.py [--preset xfeat-vlad]

Protocols of the same database share an atlas. Beside each verified result stands the test of its difference from the
search alone. Writes benchmarks/results/protocols.json; rankings are skipped. About 20 minutes on two shared cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from placeprint import Atlas
from placeprint.datasets.protocols import read_retrieval_set
from placeprint.evaluation.comparison import compare
from placeprint.evaluation.provenance import made_by
from placeprint.evaluation.rankings import rank_queries
from placeprint.evaluation.result_files import as_data
from placeprint.evaluation.results import Result, Settings
from placeprint.evaluation.retrieval import measure

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
RUNS: dict[str, dict[str, tuple[int, ...]]] = {
    "sf_landmarks": {"place-folder": (0, 50)},
    "corridor": {"place-folder": (0, 50)},
    "grocery": {"class-list": (0,)},
    "ie_tower": {"clips-area": (0, 50), "clips-area-plain": (0,)},
}
"""Folders, their protocols, and how many candidates are verified."""
KEPT = ("protocol", "preset", "dataset", "options", "metrics", "intervals", "timing", "database_photos")


def measure_folder(folder: str, preset: str) -> list[dict[str, Any]]:
    """Return the rows of a folder."""
    rows = []
    sets = {name: read_retrieval_set(name, DATA / folder) for name in RUNS[folder]}
    database = next(iter(sets.values())).database
    with tempfile.TemporaryDirectory() as place:
        atlas = Atlas.create(Path(place) / "atlas", preset)
        atlas.add([DATA / folder / path for path in database])
        for name, dataset in sets.items():
            first: Result | None = None
            for verify in RUNS[folder][name]:
                result = measure(dataset, list(rank_queries(atlas, dataset, verify=verify)))
                result = replace(result, options=Settings(verify=verify), preset=preset)
                data = as_data(result)
                row = {key: data[key] for key in KEPT} | {"queries": len(result.queries)}
                row["not_in_database"] = len(result.not_in_database)
                if first is not None:
                    row["against_search"] = {key: as_data(each) for key, each in compare(result, first).items()}
                first = first or result
                rows.append(row)
                print(folder, name, verify, {key: round(value, 3) for key, value in row["metrics"].items()}, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="xfeat-vlad")
    preset = parser.parse_args().preset
    rows = [row for folder in RUNS for row in measure_folder(folder, preset)]
    result = {"format": 1, "made_by": made_by(), "rows": rows}
    (RESULTS / "protocols.json").write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
