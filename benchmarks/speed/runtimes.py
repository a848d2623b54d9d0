"""Networks in Torch, ONNX Runtime and OpenVINO; results in benchmarks/results/runtimes.json.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.speed.runtimes [NETWORK ...] [--threads 1] [--rounds 7]
    python -m benchmarks.speed.runtimes --table

`NETWORK` is ``xfeat``, ``aliked``, ``efficientnet``, ``balanced`` (the features of that preset, keypoints and
quantizing included) or a published network, which has random weights. One picture of the sample photos, 640 x 480;
published networks see it at their size. Each network is measured in a process of its own, the runtimes alternating in
each round. Given are for each runtime, with so many threads:

- ``cpu_ms`` and ``wall_ms``: medians over the rounds;
- ``cpu`` and ``wall``: those of Torch over these; for published networks, Torch with plain layers (``plain``);
- ``difference``: the most that a value differs from that, as a share of the largest one; for ``balanced`` the share
  of the bytes of the stored descriptors that differ.

``+bf16`` is the same runtime with products in 16 bits, for published networks. Medians of CPU time can be compared on a
machine that others use, too; wall clock only where nothing else runs.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.speed.published import plain_convolutions, random_network, sides
from placeprint.datasets.photos.sample_photos import PLACES, sample_photos
from placeprint.evaluation.provenance import made_by
from placeprint.networks import runtimes
from placeprint.networks.graphs import difference
from placeprint.networks.published import find_network
from placeprint.photos import read_image
from placeprint.types import Image

RESULTS = Path(__file__).parents[1] / "results" / "runtimes.json"
LOCAL = ("xfeat", "aliked", "efficientnet", "balanced")
PUBLISHED = ("cosplace-r18", "cosplace-r50", "cosplace-vgg16", "megaloc")
SIZE = (640, 480)
BITS = 4
"""Of a stored value of ``balanced``."""

Arrays = list[np.ndarray[Any, Any]]
Way = Callable[[], Arrays]


def photo() -> Image:
    """Return the picture."""
    import cv2

    first = read_image(next(iter(sample_photos(PLACES).values())))
    return np.asarray(cv2.resize(first, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def ways(name: str) -> dict[str, Way]:
    """Return the ways to run a network, by their names."""
    found: dict[str, Way] = {}
    if name not in LOCAL:
        found["plain"] = plain(name)
    run, shortened = runner(name)
    for runtime in ("torch", "onnx", "openvino"):
        found[runtime] = functools.partial(by_runtime, runtime, run)
        if shortened is not None and runtime != "onnx":
            found[f"{runtime}+bf16"] = functools.partial(by_runtime, runtime, shortened)
    return found


def by_runtime(runtime: str, run: Way) -> Arrays:
    """Run by a runtime."""
    runtimes.choose_runtime(runtime)
    return run()


def runner(name: str) -> tuple[Way, Way | None]:
    """Return how a network is run on the picture, and how in 16 bits."""
    picture = photo()
    if name == "balanced":
        return functools.partial(stored, picture), None
    if name in LOCAL:
        return functools.partial(maps, name, picture), None
    from placeprint.features.resizing import InputRule
    from placeprint.networks.published.running import FromColors

    network = find_network(name)
    made = FromColors(random_network(network), network.sight).eval().requires_grad_(False)
    moved: Any = made  # Torch's stub knows no memory format here
    moved.to(memory_format=made.layout)
    side = min(sides(network))
    seen = InputRule(stretch=(side, side)).picture(picture)
    return (lambda: [made.describe([seen])]), (lambda: [made.describe([seen], bfloat16=True)])


def plain(name: str) -> Way:
    """Return how a published network is run by the layers of Torch alone, as its authors do."""
    from placeprint.features.resizing import InputRule

    network = find_network(name)
    made = random_network(network).requires_grad_(False)
    side = min(sides(network))
    seen = torch.from_numpy(InputRule(stretch=(side, side)).picture(photo())).permute(2, 0, 1)[None].contiguous()
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (network.sight.mean, network.sight.deviation))

    def run() -> Arrays:
        with torch.inference_mode(), plain_convolutions(made):
            return [made((seen / 255 - mean) / deviation).numpy()]

    return run


def maps(name: str, picture: Image) -> Arrays:
    """Return the maps that a network of local features makes of a picture."""
    from placeprint.networks import aliked, backbones, xfeat

    with torch.inference_mode():
        if name == "xfeat":
            return [value.numpy() for value in xfeat._maps([picture])]
        if name == "efficientnet":
            return [backbones.load_backbone("efficientnet-lite2", 16).maps(picture[None])]
        padded = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        return [value.numpy() for value in aliked._graphs("aliked-n16")(padded)]


@functools.cache
def describer() -> Any:
    """Return what describes photos in the preset ``balanced``."""
    from placeprint.describing.describer import Describer
    from placeprint.presets import load_preset

    return Describer(load_preset("balanced"))


def stored(picture: Image) -> Arrays:
    """Return the codes of the local descriptors of a picture, as an atlas stores them before compression."""
    from placeprint.store.encoding import encode_rows

    features = describer().features(picture)
    describer().encode(features)  # compression takes time too
    return [encode_rows(each.descriptors, BITS).ravel() for each in features]


def measure(name: str, threads: int, rounds: int) -> dict[str, Any]:
    """Return the numbers of a network."""
    torch.set_num_threads(threads)
    tried = ways(name)
    answers = {label: way() for label, way in tried.items()}
    times: dict[str, list[tuple[float, float]]] = {label: [] for label in tried}
    for _ in range(rounds):
        for label, way in tried.items():
            cpu, wall = time.process_time(), time.perf_counter()
            way()
            times[label].append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu_of = {label: 1000 * median(each for each, _ in found) for label, found in times.items()}
    wall_of = {label: 1000 * median(each for _, each in found) for label, found in times.items()}
    base = next(iter(tried))
    return {
        label: {
            "cpu_ms": round(cpu_of[label], 1),
            "wall_ms": round(wall_of[label], 1),
            "cpu": round(cpu_of[base] / cpu_of[label], 2),
            "wall": round(wall_of[base] / wall_of[label], 2),
            "difference": apart(name, answers[label], answers[base]),
        }
        for label in tried
    }


def apart(name: str, found: Arrays, expected: Arrays) -> float:
    """Return how far answers are from Torch's, see the module."""
    if name != "balanced":
        return float(f"{difference(found, expected):.2g}")
    pairs = zip(found, expected, strict=True)
    other = sum(int((one != two).sum()) if len(one) == len(two) else len(two) for one, two in pairs)
    return float(f"{other / sum(map(len, expected)):.2g}")


def table(results: dict[str, Any]) -> str:
    """Return the table of docs/networks.md: how many times quicker than plain Torch each way is, by CPU time."""
    labels = ["torch", "onnx", "openvino", "torch+bf16", "openvino+bf16"]
    lines = [
        f"| network | threads | plain Torch | {' | '.join(labels)} | largest difference |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, by_threads in results.items():
        for threads, row in by_threads.items():
            cells = [f"{row[label]['cpu']:.2f}" if label in row else "-" for label in labels]
            worst = max(row[label]["difference"] for label in ("torch", "onnx", "openvino"))
            first = f"| `{name}` | {threads} | {row.get('plain', row['torch'])['cpu_ms']:.0f} ms"
            lines.append(f"{first} | {' | '.join(cells)} | {worst:.1g} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all networks, or those named; results of others are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("networks", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--table", action="store_true", help="print the table of the results")
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))["networks"] if RESULTS.is_file() else {}
    if options.table:
        print(table(kept))
        return
    for name in options.networks or (*LOCAL, *PUBLISHED):
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            found = alone.apply(measure, (name, options.threads, options.rounds))
        kept.setdefault(name, {})[str(options.threads)] = found
        print(name, json.dumps(found), flush=True)
        ordered = {each: kept[each] for each in (*LOCAL, *PUBLISHED) if each in kept}
        text = json.dumps({"made_by": made_by(), "networks": ordered}, indent=1)
        RESULTS.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
