"""Ratios of speed, each measured side by side in one run, written to benchmarks/results/speed.json.

    python benchmarks/speed/run.py

- indexing: photos/s of `Atlas.add` (decoding, describing, writing) against the bare network on one core times the
  count of cores. "Bare network" is kornia's XFeat model on one 640 x 480 picture, nothing before or after.
- query: milliseconds of a warm `Atlas.search` over the database of sf_landmarks, 50 candidates verified, and the same
  as a multiple of the bare network.
- start: seconds of ``import placeprint`` and ``placeprint --help``, each as the least of several processes, beside
  those of an empty Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from placeprint import Atlas
from placeprint.core.threads import num_cores
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos, read_image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
ROUNDS = 3


def bare_network() -> float:
    """Return the seconds of kornia's own XFeat model on one core, the median of thirty."""
    import torch
    from kornia.feature.xfeat import XFeatModel

    from placeprint.networks.fitting import fit_into
    from placeprint.networks.weights import load_weights

    model = XFeatModel()
    fit_into(model, load_weights("xfeat"))
    model.eval()
    picture = torch.rand(1, 3, 480, 640)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        model(picture)
        seconds = median(measured(lambda: model(picture)) for _ in range(30))
    torch.set_num_threads(before)
    return seconds


def indexing(photos: list[Path], preset: str) -> float:
    """Return photos/s of adding them to an empty atlas, the network loaded."""
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        atlas.describer.features(np.zeros((480, 640, 3), np.uint8))
        began = time.perf_counter()
        report = atlas.add(photos, learn=False)
        return report.added / (time.perf_counter() - began)


def querying(preset: str) -> float:
    """Return the median seconds of a warm query that needs no turning."""
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        atlas.add([DATA / "sf_landmarks" / "database"])
        queries = [read_image(path) for path in list(find_photos([DATA / "sf_landmarks" / "queries"]))[:30]]
        for query in queries:
            atlas.search(query, rotations=False)
        return median(measured(partial(atlas.search, query, top=5, verify=50, rotations=False)) for query in queries)


def starting(command: list[str]) -> float:
    """Return the least seconds of a process."""
    return min(measured(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(7))


def measured(work: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    photos = list(find_photos([DATA / "sf_landmarks"]))
    rounds = []
    for _ in range(ROUNDS):
        before = bare_network()
        rate = indexing(photos, "xfeat-vlad")
        bare = (before + bare_network()) / 2  # the machine is shared: before and after
        rounds.append({"bare_ms": 1000 * bare, "photos_per_s": rate, "ratio": rate * bare / num_cores()})
        print(f"indexing: {rate:.1f} photos/s, bare network {1000 * bare:.0f} ms, ratio {rounds[-1]['ratio']:.2f}")
    bare = bare_network()
    queries = {preset: querying(preset) for preset in ("xfeat-vlad", "fusion", "sift-vlad")}
    for preset, seconds in queries.items():
        print(f"query: {preset} {1000 * seconds:.0f} ms, {seconds / bare:.1f} x the bare network")
    script = str(Path(sys.executable).with_name("placeprint"))
    start = {
        "python_s": starting([sys.executable, "-c", ""]),
        "import_s": starting([sys.executable, "-c", "import placeprint"]),
        "help_s": starting([script, "--help"]),
    }
    print(", ".join(f"{name} {seconds:.2f}" for name, seconds in start.items()))
    result = {
        "format": 1,
        "made_by": made_by(),
        "indexing": {"photos": len(photos), "rounds": rounds, "ratio": median(r["ratio"] for r in rounds)},
        "query": {
            preset: {"ms": 1000 * seconds, "times_bare_network": seconds / bare} for preset, seconds in queries.items()
        },
        "start": start,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "speed.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
