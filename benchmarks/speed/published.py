"""Published networks: time on one core and memory, in benchmarks/results/published.json; the table of docs/networks.md.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/speed/published.py [NETWORK ...]
    python benchmarks/speed/published.py --table

Weights are random, which run as fast as trained ones. One square picture that has its size already, at about 320 and
512 px (322 and 518 for vision transformers; 224 alone, or 320 alone, where a network takes no other size). Each network
runs in a process of its own. Given are:

- ``cpu_ms``: median of the CPU time over `ROUNDS`, as placeprint runs it, Torch in float32 with one thread;
- ``plain``: CPU time of the same layers as Torch has them from the start, over that; taken just before;
- ``bfloat16``: CPU time in float32 over that under autocast to bfloat16, and the least cosine of the two descriptors;
- ``onnx``: CPU time in Torch over that of the exported graph in onnxruntime with one thread, and the most that a value
  differs; at the smaller size, and left out above 1 GB;
- ``compiled``: CPU time over that of the same layers under `torch.compile`, at the smaller size, and the seconds of the
  first run, which compiles them; needs a C++ compiler;
- ``int8``: CPU time in Torch over that of the same graph with linear layers in 8 bits, and the cosine of the two, for
  vision transformers;
- ``memory_mb``: the most that the process took up to then, Torch itself included.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from placeprint.evaluation.provenance import made_by
from placeprint.networks.published import Network, find_network
from placeprint.networks.published.building import PlaceNetwork, empty_network
from placeprint.networks.published.running import FromColors
from placeprint.networks.published.specs import DINOv2Trunk, MixHead
from placeprint.networks.winograd import Conv3x3
from placeprint.onnx.eight_bits import shorten
from placeprint.types import Floats

RESULTS = Path(__file__).parents[1] / "results" / "published.json"
NETWORKS = (
    "cosplace-r18",
    "cosplace-r50",
    "cosplace-r101",
    "cosplace-vgg16",
    "eigenplaces-r50",
    "convap",
    "mixvpr",
    "boq-r50",
    "gem-r101",
    "netvlad-vgg16",
    "boq",
    "salad",
    "megaloc",
    "cricavpr",
    "selavpr",
    "anyloc",
)
ROUNDS = 3
LARGEST_ONNX = 1_000_000_000

Way = Callable[[], Floats]


def sides(network: Network) -> tuple[int, ...]:
    """Return the sides of the pictures a network is measured on."""
    if isinstance(network.head, MixHead):
        return (320,)
    if isinstance(network.trunk, DINOv2Trunk):
        return (network.trunk.side,) if network.trunk.side else (322, 518)
    return (320, 512)


def random_network(network: Network) -> PlaceNetwork:
    """Return a network whose activations neither vanish nor overflow."""
    module = empty_network(network).eval().requires_grad_(False)
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if name.endswith("running_mean") or not value.is_floating_point():
            value.zero_()
        elif value.ndim < 2 or "norm" in name:
            value.fill_(0.0 if name.endswith("bias") else 3.0 if name.endswith(".p") else 1.0)
        else:
            value.normal_(0, (1 / value[0].numel()) ** 0.5)
    return module


def timed(ways: dict[str, Way]) -> tuple[dict[str, float], dict[str, Floats]]:
    """Return the median CPU time in ms and the descriptor for each mode, alternating."""
    found = {name: way() for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name].append(1000 * (time.process_time() - began))
    return {name: median(each) for name, each in times.items()}, found


def measure(name: str) -> dict[str, Any]:
    """Return the numbers of a network."""
    torch.set_num_threads(1)
    network = find_network(name)
    plain = random_network(network)
    result: dict[str, Any] = {"dim": network.dim, "megabytes": round(network.bytes / 1e6)}
    generator = torch.Generator().manual_seed(1)
    all_pictures = {side: torch.rand(1, 3, side, side, generator=generator) for side in sides(network)}
    memory = {side: peak(plain, pictures) for side, pictures in all_pictures.items()}  # before anything is exported
    for side, pictures in all_pictures.items():
        found = compare(network, plain, pictures, export=side == min(all_pictures))
        result[str(side)] = found | {"memory_mb": memory[side]}
    return result


def peak(network: PlaceNetwork, pictures: torch.Tensor) -> int:
    """Return the MB that the process took at most, once pictures were described."""
    with torch.inference_mode():
        network(pictures)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def compare(network: Network, plain: PlaceNetwork, pictures: torch.Tensor, *, export: bool) -> dict[str, float]:
    """Return the numbers of a network on pictures of one size, with its exported graph if that is wanted."""
    layout = FromColors(plain, network.sight).layout
    moved: Any = plain  # Torch's stub knows no memory format here
    last = pictures.contiguous(memory_format=layout)

    def own() -> Floats:
        with torch.inference_mode():
            return np.asarray(plain(last).float())

    def half() -> Floats:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return np.asarray(torch.nn.functional.normalize(plain(last).float()))

    def first() -> Floats:
        with torch.inference_mode():
            return np.asarray(plain(pictures).float())

    moved.to(memory_format=torch.contiguous_format)
    with plain_convolutions(plain):
        before, _ = timed({"plain": first})
    moved.to(memory_format=layout)
    ways: dict[str, Way] = {"own": own, "bfloat16": half}
    compile_s = 0.0
    if export and shutil.which("g++"):
        ways["compiled"], compile_s = compiled(plain, last)
    with tempfile.TemporaryDirectory() as folder:
        if export and network.bytes < LARGEST_ONNX:
            ways["onnx"] = exported(plain, pictures, Path(folder))
            if isinstance(network.trunk, DINOv2Trunk):
                shorten(Path(folder) / "m.onnx")
                ways["int8"] = session(Path(folder) / "m.onnx", pictures)
        times, found = timed(ways)
    result = {
        "cpu_ms": round(times["own"], 1),
        "plain": round(before["plain"] / times["own"], 2),
        "bfloat16": round(times["own"] / times["bfloat16"], 2),
        "bfloat16_cosine": round(float((found["own"] * found["bfloat16"]).sum()), 5),
    }
    if "compiled" in times:
        result["compiled"] = round(times["own"] / times["compiled"], 2)
        result["compiled_difference"] = float(np.abs(found["own"] - found["compiled"]).max())
        result["compile_s"] = round(compile_s, 1)
    if "onnx" in times:
        result["onnx"] = round(times["own"] / times["onnx"], 2)
        result["onnx_difference"] = float(np.abs(found["own"] - found["onnx"]).max())
    if "int8" in times:
        result["int8"] = round(times["own"] / times["int8"], 2)
        result["int8_cosine"] = round(float((found["own"] * found["int8"]).sum()), 5)
    return result


def compiled(network: PlaceNetwork, pictures: torch.Tensor) -> tuple[Way, float]:
    """Return a network that `torch.compile` has compiled, as a way to describe, and the seconds that this took."""
    quick: Any = torch.compile(network)

    def way() -> Floats:
        with torch.inference_mode():
            return np.asarray(quick(pictures).float())

    began = time.perf_counter()
    way()
    return way, time.perf_counter() - began


@contextlib.contextmanager
def plain_convolutions(network: torch.nn.Module) -> Iterator[None]:
    """Let all convolutions be those of Torch meanwhile."""
    quicker = [each for each in network.modules() if isinstance(each, Conv3x3)]
    for each in quicker:
        each.__class__ = torch.nn.Conv2d  # type: ignore[assignment]
    yield
    for each in quicker:
        each.__class__ = Conv3x3


def exported(network: PlaceNetwork, pictures: torch.Tensor, folder: Path) -> Way:
    """Return the exported graph of a network as a way to describe."""
    from placeprint.networks.published.dinov2 import DINOv2

    fixed = copy.deepcopy(network)
    if isinstance(fixed.trunk, DINOv2):
        fixed.trunk.fix_size(pictures.shape[2], pictures.shape[3])
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(fixed, (pictures,), str(folder / "m.onnx"), input_names=["x"], opset_version=17, dynamo=False)
    return session(folder / "m.onnx", pictures)


def session(path: Path, pictures: torch.Tensor) -> Way:
    """Return a file of ONNX as a way to describe."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run
    return lambda: np.asarray(run(None, {"x": pictures.numpy()})[0])


def table(results: dict[str, Any]) -> str:
    """Return the rows of the table in docs/networks.md."""
    lines = [
        "| network | values | weights | CPU time of a photo | memory | ONNX | int8 | bfloat16 | compiled |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        columns = [f"`{name}`", f"{row['dim']:,}", f"{row['megabytes']:,} MB"]
        sizes = [(side, each) for side, each in row.items() if side.isdigit()]
        columns.append(", ".join(f"{each['cpu_ms'] / 1000:.2f} s at {side}" for side, each in sizes))
        columns.append(f"{max(each['memory_mb'] for _, each in sizes):,} MB")
        columns.append(", ".join(f"{each['onnx']:.2f}" for _, each in sizes if "onnx" in each) or "-")
        columns.append(", ".join(f"{each['int8']:.2f}" for _, each in sizes if "int8" in each) or "-")
        columns.append(", ".join(f"{each['bfloat16']:.2f}" for _, each in sizes))
        columns.append(", ".join(f"{each['compiled']:.2f}" for _, each in sizes if "compiled" in each) or "-")
        lines.append(f"| {' | '.join(columns)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all networks, or those named; results of others are kept."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))["networks"] if RESULTS.is_file() else {}
    if "--table" in sys.argv:
        print(table(kept))
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in sys.argv[1:] or NETWORKS:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            kept[name] = alone.apply(measure, (name,))
        print(name, json.dumps(kept[name]), flush=True)
        ordered = {each: kept[each] for each in NETWORKS if each in kept}
        text = json.dumps({"made_by": made_by(), "networks": ordered}, indent=1)
        RESULTS.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
