"""Time and peak memory of the NetVLAD layer and of common implementations, side by side in one run.

    python benchmarks/speed/netvlad.py [THREADS]

Three other ways, all with the same numbers (checked first):

- ``bmm``: normalize the map, convolve, softmax, one product a batch: what a careful reader of the paper writes;
- ``loop``: normalize and convolve, then the residuals to one cluster after the other;
- ``residuals``: the textbook listing, with the ``(B, K, D, N)`` residuals to all clusters at once.

Every shape is measured from several initializations: which soft weights are very small depends on them, and very small
numbers are slow.

Time is that of a call without gradient, and of a call with the gradient of the map and of all parameters. Rounds
alternate between the ways; given are medians of the rounds, and medians over the rounds of each way's time over ours
in the same round. ``cpu_ms`` is what the process used of the cores, which other processes change less. Torch has one
thread by default: with more than there are idle cores, what is measured is how long they wait for each
other. Peak memory is what Torch's allocator holds at most during a call, read from the profiler's record of every
allocation and release, with the map that goes in and the answer that comes out. What the library of matrix products
takes for itself is not in it. The least there can be is the map, the soft weights and the answer, ``least_mb``.

The residuals of the largest map take gigabytes, so ``residuals`` and ``loop`` have fewer rounds. Writes
benchmarks/results/netvlad.json.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch.nn.functional import normalize
from torch.profiler import ProfilerActivity, profile

from placeprint.evaluation.provenance import made_by
from placeprint.networks.netvlad import NetVLAD

RESULTS = Path(__file__).parents[1] / "results"
SHAPES = ((48, 16, 32, 32), (4, 512, 20, 20), (4, 512, 30, 40))
CLUSTERS = 64
INITIALIZATIONS = ("fitted", "rand", "randn", "v1", "zero", "large")
"""What the centers and alpha begin with: see `begun`."""
TIGHT = {"fitted", "v1", "zero"}
"""Those with small logits."""
ROUNDS, FEW_ROUNDS = 11, 3
OURS = "placeprint"

Layer = Callable[[torch.Tensor], torch.Tensor]


def ways(layer: NetVLAD) -> dict[str, Layer]:
    """Return the ways by name, all with the parameters of one layer."""

    def prepared(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        units = normalize(x, dim=1)
        return units.flatten(2), layer.conv(units).flatten(2).softmax(dim=1)

    def finished(sums: torch.Tensor) -> torch.Tensor:
        return normalize(normalize(sums, dim=2).flatten(1), dim=1)

    def bmm(x: torch.Tensor) -> torch.Tensor:
        units, soft = prepared(x)
        return finished(torch.bmm(soft, units.mT) - soft.sum(2, keepdim=True) * layer.centroids)

    def loop(x: torch.Tensor) -> torch.Tensor:
        units, soft = prepared(x)
        each = [((units - center[:, None]) * soft[:, k : k + 1]).sum(2) for k, center in enumerate(layer.centroids)]
        return finished(torch.stack(each, dim=1))

    def residuals(x: torch.Tensor) -> torch.Tensor:
        units, soft = prepared(x)
        return finished(((units[:, None] - layer.centroids[:, :, None]) * soft[:, :, None]).sum(3))

    return {OURS: layer, "bmm": bmm, "loop": loop, "residuals": residuals}


def forward(way: Layer, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return way(x)


def forward_backward(way: Layer, x: torch.Tensor) -> torch.Tensor:
    answer = way(x.detach().requires_grad_())
    torch.autograd.backward(answer, torch.ones_like(answer))
    return answer


def peak_mb(work: Callable[[torch.Tensor], object], shape: tuple[int, ...]) -> float:
    """Return the most that Torch's allocator holds during a call, the map included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        x = torch.randn(shape)
        work(x)
        del x
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        record.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    changes = [(event["ts"], event["args"]["Bytes"]) for event in events if event.get("name") == "[memory]"]
    held = most = 0
    for _, change in sorted(changes, key=lambda pair: pair[0]):
        held += change
        most = max(most, held)
    return most / 1e6


def measured(work: Callable[[torch.Tensor], object], x: torch.Tensor) -> tuple[float, float]:
    """Return the milliseconds of a call, on the clock and on all cores."""
    began, used = time.perf_counter(), time.process_time()
    work(x)
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)


def begun(initialization: str, dim: int) -> NetVLAD:
    """Return a layer that began as said.

    ``fitted`` and ``v1`` are by `NetVLAD.init_params`. ``rand`` has centers in [0, 1) and alpha 100, as common public
    code begins, ``randn`` normal ones, ``large`` unit centers and alpha 10,000; with ``zero`` all centers are 0.
    """
    layer = NetVLAD(CLUSTERS, dim, "v1" if initialization == "v1" else "v2")
    if initialization in {"fitted", "v1"}:
        layer.init_params(normalize(torch.randn(CLUSTERS, dim), dim=1), torch.randn(2000, dim))
        return layer
    centers, alpha = {
        "rand": (torch.rand(CLUSTERS, dim), 100.0),
        "randn": (torch.randn(CLUSTERS, dim), 100.0),
        "zero": (torch.zeros(CLUSTERS, dim), 100.0),
        "large": (normalize(torch.randn(CLUSTERS, dim), dim=1), 10_000.0),
    }[initialization]
    layer._begin(centers, alpha)
    return layer


def compared(
    shape: tuple[int, ...], mode: Callable[[Layer, torch.Tensor], torch.Tensor], initialization: str
) -> dict[str, object]:
    """Return what a shape takes in all the ways."""
    torch.manual_seed(0)
    layer, x = begun(initialization, shape[1]), torch.randn(shape)
    calls: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        name: partial(mode, way) for name, way in ways(layer).items()
    }
    truth = calls["bmm"](x)
    for name, call in calls.items():
        # float32 logits of tens of thousands are exact to 0.001 only
        torch.testing.assert_close(call(x), truth, atol=1e-5 if initialization in TIGHT else 5e-3, rtol=0, msg=name)
    rounds: list[dict[str, tuple[float, float]]] = []
    for number in range(ROUNDS):
        chosen = [name for name in calls if name in {OURS, "bmm"} or number < FEW_ROUNDS]
        rounds.append({name: measured(calls[name], x) for name in chosen})
    places = shape[2] * shape[3]
    result: dict[str, object] = {
        "shape": shape,
        "initialization": initialization,
        "mode": mode.__name__,
        "least_mb": 4e-6 * shape[0] * (shape[1] * places + CLUSTERS * places + CLUSTERS * shape[1]),
    }
    for name, call in calls.items():
        mine = [each for each in rounds if name in each]
        result[name] = {
            "ms": median(each[name][0] for each in mine),
            "cpu_ms": median(each[name][1] for each in mine),
            "times_ours": median(each[name][0] / each[OURS][0] for each in mine),
            "cpu_times_ours": median(each[name][1] / each[OURS][1] for each in mine),
            "peak_mb": peak_mb(call, shape),
        }
    return result


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    rows = []
    for initialization, shape in itertools.product(INITIALIZATIONS, SHAPES):
        for mode in (forward, forward_backward):
            row = compared(shape, mode, initialization)
            rows.append(row)
            print(f"{initialization} {shape} {mode.__name__}, least {row['least_mb']:.1f} MB")
            for name in ways(NetVLAD(1, 1)):
                found = row[name]
                assert isinstance(found, dict)
                print("  " + f"{name:>10}: " + ", ".join(f"{key} {value:.2f}" for key, value in found.items()))
    result = {
        "format": 1,
        "made_by": made_by(torch=torch.__version__),
        "threads": torch.get_num_threads(),
        "clusters": CLUSTERS,
        "rounds": {OURS: ROUNDS, "bmm": ROUNDS, "loop": FEW_ROUNDS, "residuals": FEW_ROUNDS},
        "rows": rows,
    }
    (RESULTS / "netvlad.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
