"""Time of a warm query with `fast`, `balanced` and `best` relative to XFeat's network alone, in one run.

    python benchmarks/speed/presets.py [--queries 30] [--presets fast balanced best]

The atlases hold the database photos of sf_landmarks. For each query in turn: kornia's XFeat model on the photo alone
(longest side 640), the preset's own extractors, and `Atlas.search` of the decoded photo, rotations included; so a busy
machine slows all alike. CPU time and time by the clock, medians of queries that are confirmed upright, and means of all
queries as multiples of XFeat's time, written to benchmarks/results/presets-speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from placeprint import Atlas
from placeprint.core.numerics import evenly
from placeprint.core.threads import one_core_for_products
from placeprint.evaluation.provenance import made_by
from placeprint.photos import find_photos, read_image
from placeprint.types import Answer, Image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
OUTPUT = Path(__file__).parents[1] / "results" / "presets-speed.json"
SIDE, STEP = 640, 32
"""Longest side of the network's picture, and what its sides are multiples of."""
Seconds = tuple[float, float]
"""Of the processor, and by the clock."""
KINDS = ("cpu", "clock")


def timed(work: Callable[[], Any]) -> tuple[Any, Seconds]:
    processor, clock = time.process_time(), time.perf_counter()
    result = work()
    return result, (time.process_time() - processor, time.perf_counter() - clock)


def bare_network() -> Callable[[Image], Any]:
    """Return what runs kornia's own XFeat model on a photo."""
    import cv2
    import torch
    from kornia.feature.xfeat import XFeatModel

    from placeprint.networks.fitting import fit_into
    from placeprint.networks.weights import load_weights

    model = XFeatModel()
    fit_into(model, load_weights("xfeat"))
    model.eval()

    def run(image: Image) -> Any:
        factor = min(1.0, SIDE / max(image.shape[:2]))
        height, width = (max(STEP, round(side * factor) // STEP * STEP) for side in image.shape[:2])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            return model(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)

    return run


def measured(preset: str, queries: list[Image], network: Callable[[Image], Any]) -> dict[str, Any]:
    """Return the times of one preset."""
    with tempfile.TemporaryDirectory() as folder:
        atlas = Atlas.create(Path(folder) / "atlas", preset)
        atlas.add([DATA / "sf_landmarks" / "database"])
        atlas.prepare()
        describer = atlas.snapshot().describer
        for query in queries:  # the photos that are candidates are in memory then, as in any atlas in use
            atlas.search(query, rotations=False)
        rows: list[tuple[Seconds, Seconds, Seconds]] = []
        every: list[tuple[Seconds, Seconds]] = []
        for query in queries:
            with one_core_for_products():
                bare = timed(partial(network, query))[1]
                own = timed(partial(describer.query_features, query, 0.0))[1]
            answer, whole = timed(partial(atlas.search, query))
            every.append((bare, whole))
            if isinstance(answer, Answer) and answer.best is not None and not answer.rotation:
                rows.append((bare, own, whole))
        size = atlas.info()
        bare_mean, whole_mean = np.mean(np.array(every), axis=0)
        means = {
            f"mean_query_per_xfeat_{kind}": round(float(whole_mean[place] / bare_mean[place]), 2)
            for place, kind in enumerate(KINDS)
        }
        return summary(rows, len(queries)) | means | {"kb_per_photo": round(size.num_bytes / size.num_photos / 1000, 1)}


def summary(rows: list[tuple[Seconds, Seconds, Seconds]], asked: int) -> dict[str, Any]:
    middle = np.median(np.array(rows), axis=0)  # (bare, own, whole) x (processor, clock)
    found: dict[str, Any] = {"asked": asked, "confirmed": len(rows)}
    for place, kind in enumerate(KINDS):
        bare, own, whole = map(float, middle[:, place])
        found |= {
            f"xfeat_{kind}_ms": round(1000 * bare, 1),
            f"own_extractors_{kind}_ms": round(1000 * own, 1),
            f"query_{kind}_ms": round(1000 * whole, 1),
            f"query_per_xfeat_{kind}": round(whole / bare, 2),
            f"query_per_own_{kind}": round(whole / own, 2),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--presets", nargs="*", default=["fast", "balanced", "best"])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    paths = list(find_photos([DATA / "sf_landmarks" / "queries"]))
    queries = [read_image(paths[index]) for index in evenly(len(paths), min(options.queries, len(paths)))]
    network = bare_network()
    network(queries[0])
    result: dict[str, Any] = {"format": 1, "made_by": made_by()}
    for preset in options.presets:
        result[preset] = measured(preset, queries, network)
        print(preset, result[preset], flush=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
