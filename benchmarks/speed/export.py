"""Time to describe a photo by placeprint with Torch and by its exported file in onnxruntime, side by side in one run.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/speed/export.py

From a picture that already has its size to its global descriptor: EfficientNet-Lite2 (stride 16, VLAD of `lite2-vlad`)
at 320 and at 640 px, and XFeat (`xfeat-vlad`) at 640 px. Both ways have the same count of threads, 1 and then 2, and
alternate picture by picture. Given are medians over pictures and rounds: milliseconds on the clock, and ``cpu_ms`` on
all cores, which other processes change less; and the medians over the same pictures of Torch's time over
onnxruntime's. Threads do not spin while they wait, or CPU time would say nothing: onnxruntime's are told so here,
Torch's by the variable.

The descriptors of more photos are compared: the most that a value differs, and how many photos differ by more than
1e-4 somewhere: those where a decision (a word, a keypoint) fell otherwise.

The photos are the queries of sf_landmarks (`PLACEPRINT_DATA`), else the sample photos. Writes
benchmarks/results/onnx.json.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import onnxruntime
import threadpoolctl
import torch

from placeprint.datasets.photos.sample_photos import PLACES, sample_photos
from placeprint.describing.describer import Describer
from placeprint.evaluation.provenance import made_by
from placeprint.features.resizing import resize_longest
from placeprint.onnx.describer_graph import descriptor_graph
from placeprint.onnx.exporting import TOLERANCE, export_onnx
from placeprint.photos import read_image
from placeprint.presets import load_preset
from placeprint.searching.learning import first_state
from placeprint.types import Floats, Image

DATA = Path(os.environ.get("PLACEPRINT_DATA", Path(__file__).parents[3] / "shared" / "data"))
RESULTS = Path(__file__).parents[1] / "results"
CASES = (("lite2-vlad", 320), ("lite2-vlad", 640), ("xfeat-vlad", 640))
THREADS = (1, 2)
ROUNDS, TIMED, COMPARED = 3, 8, 40

Way = Callable[[Image], Floats]


def photos() -> list[Image]:
    folder = DATA / "sf_landmarks" / "queries"
    paths = sorted(folder.iterdir()) if folder.is_dir() else sorted(dict(sample_photos(PLACES)).values())
    return [read_image(path) for path in paths[:COMPARED]]


def describer_of(preset: str, size: int) -> Describer:
    """Return what a preset's search is made by, looking at another size."""
    chosen = load_preset(preset)
    if chosen.fusion:
        (branch,) = chosen.fusion
        sized = (branch.extractor or chosen.extractor).with_options(size=size)
        changed = replace(chosen, fusion=(replace(branch, extractor=sized),))
    else:
        changed = replace(chosen, extractor=chosen.extractor.with_options(size=size))
    return Describer(changed, first_state(changed))


def ways(describer: Describer, path: Path, threads: int) -> dict[str, Way]:
    """Return both ways from a picture to its descriptor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ((name, resizing),) = descriptor_graph(describer)[1].items()
    (branch,) = describer.branches
    extractor = describer.extractors[branch.source]

    def with_torch(picture: Image) -> Floats:
        return branch.aggregator.aggregate(extractor.extract(picture))

    def with_onnxruntime(picture: Image) -> Floats:
        return np.asarray(session.run(None, {name: resizing.tensor(picture)})[0][0], np.float32)

    return {"torch": with_torch, "onnxruntime": with_onnxruntime}


def measured(way: Way, picture: Image) -> tuple[float, float]:
    """Return the milliseconds of a call, on the clock and on all cores."""
    began, used = time.perf_counter(), time.process_time()
    way(picture)
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)


def timed(both: dict[str, Way], pictures: list[Image]) -> dict[str, Any]:
    """Return medians over pictures and rounds, the two alternating."""
    for way in both.values():
        way(pictures[0])
    pairs = [
        {name: measured(way, picture) for name, way in both.items()} for _ in range(ROUNDS) for picture in pictures
    ]
    result: dict[str, Any] = {
        name: {"ms": median(pair[name][0] for pair in pairs), "cpu_ms": median(pair[name][1] for pair in pairs)}
        for name in both
    }
    for index, key in enumerate(("ratio", "cpu_ratio")):
        result[key] = median(pair["torch"][index] / pair["onnxruntime"][index] for pair in pairs)
    return result


def compared(preset: str, size: int, images: list[Image]) -> dict[str, Any]:
    """Return times by count of threads, and differences, of one case."""
    describer = describer_of(preset, size)
    pictures = [resize_longest(image, size, 32) for image in images]
    with tempfile.TemporaryDirectory() as folder:
        path = export_onnx(describer, Path(folder) / "model.onnx", name=preset)
        found: dict[str, Any] = {"preset": preset, "size": size, "file_mb": path.stat().st_size / 1e6, "threads": {}}
        for threads in THREADS:
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
            with threadpoolctl.threadpool_limits(threads, user_api="blas"):
                found["threads"][threads] = timed(ways(describer, path, threads), pictures[:TIMED])
        torch.set_num_threads(THREADS[0])
        both = ways(describer, path, THREADS[0])
        differences = [float(np.abs(both["torch"](p) - both["onnxruntime"](p)).max()) for p in pictures]
    return found | {
        "photos": len(differences),
        "max_difference": max(differences),
        "median_difference": median(differences),
        "photos_above_tolerance": sum(each > TOLERANCE for each in differences),
    }


def main() -> None:
    images = photos()
    rows = []
    for preset, size in CASES:
        row = compared(preset, size, images)
        rows.append(row)
        for threads, times in row["threads"].items():
            print(
                f"{preset} {size} px, {threads} threads: "
                + ", ".join(
                    f"{name} {times[name]['ms']:.0f} ms ({times[name]['cpu_ms']:.0f} CPU)"
                    for name in ("torch", "onnxruntime")
                )
                + f", ratio {times['ratio']:.2f} ({times['cpu_ratio']:.2f} CPU)"
            )
        print(
            f"  largest difference {row['max_difference']:.1e}, median {row['median_difference']:.1e}, "
            f"{row['photos_above_tolerance']} of {row['photos']} photos above {TOLERANCE:g}"
        )
    result = {
        "format": 1,
        "made_by": made_by(torch=torch.__version__, onnxruntime=onnxruntime.__version__),
        "tolerance": TOLERANCE,
        "rounds": ROUNDS,
        "photos_timed": min(TIMED, len(images)),
        "rows": rows,
    }
    (RESULTS / "onnx.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
