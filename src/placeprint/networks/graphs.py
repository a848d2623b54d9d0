"""A Torch module as a graph of ONNX Runtime or OpenVINO, made when it is first used.

The graph is written by Torch's tracing exporter, in memory. It is used only where its answer for a made-up picture is
that of the module, up to `TOLERANCE` of the largest value; otherwise the module itself is used, with a line in the log.
Where no runtime was chosen by name, the module is also used where it is quicker: which one is depends on the processor.
A graph runs with as many threads as Torch has in the calling thread, so photos that are described side by side have one
core each.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from placeprint.core.threads import num_cores
from placeprint.networks.runtimes import Family, Runtime, is_free, runtime_of

OPSET = 17
TOLERANCE = 1e-4
"""Largest difference from the module's values, as a share of the largest of them."""
LARGEST = 1_000_000_000
"""Bytes of weights above which a network stays with Torch: writing a graph takes three times as much memory."""
KEPT = 4
"""Most graphs of one network at a time: one for each size of pictures, where each needs its own."""
TRIES = 2
"""Runs of a graph and of its module that are compared."""
LOG = logging.getLogger(__name__)
_exporting = threading.Lock()
"""Torch exports one module at a time in a process."""

Arrays = list[NDArray[np.float32]]
Run = Callable[[NDArray[np.float32]], Arrays]
Traceable = Callable[[int, int], nn.Module]


class Maker(Protocol):
    """Makes what runs a graph of the bytes of an ONNX file."""

    def __call__(self, file: bytes, *, threads: int, bfloat16: bool) -> Run:
        """Return a function from one ``(1, c, H, W)`` float32 array to the outputs."""


class Graphs:
    """A network and its graphs.

    Args:
        family: whose runtime is requested.
        module: takes ``(B, c, H, W)`` float32 and returns a tensor or a tuple of them, all ``(B, ...)``.
        traceable: gives the module that is traced for pictures of a height and width, on the CPU.
        any_size: whether one graph takes pictures of every size.
    """

    def __init__(self, family: Family, module: nn.Module, traceable: Traceable, *, any_size: bool) -> None:
        self.family, self.module = family, module
        self._traceable, self._any_size = traceable, any_size
        self._made: OrderedDict[tuple[object, ...], Run | None] = OrderedDict()
        self._lock = threading.Lock()
        size = sum(value.numel() * value.element_size() for value in module.parameters())
        self._small = size <= LARGEST

    def __call__(self, pictures: torch.Tensor, *, bfloat16: bool = False) -> tuple[torch.Tensor, ...]:
        """Return the outputs for ``(B, c, H, W)`` float32 pictures on the module's device.

        Args:
            pictures: B of them.
            bfloat16: compute products in 16 bits.
        """
        run = self._run_of(pictures, bfloat16)
        if run is None:
            with torch.autocast(pictures.device.type, torch.bfloat16, enabled=bfloat16):
                return as_tuple(self.module(pictures))
        one_by_one = [run(np.ascontiguousarray(each[None].numpy())) for each in pictures]
        return tuple(torch.from_numpy(np.concatenate(same)) for same in zip(*one_by_one, strict=True))

    def _run_of(self, pictures: torch.Tensor, bfloat16: bool) -> Run | None:
        runtime = runtime_of(self.family) if pictures.device.type == "cpu" and self._small else "torch"
        if runtime == "torch" or (bfloat16 and runtime == "onnx"):  # ONNX Runtime has no products in 16 bits here
            return None
        size = () if self._any_size else tuple(pictures.shape[2:])
        free = is_free()
        key = (runtime, free, size, bfloat16, torch.get_num_threads())
        with self._lock:
            if key not in self._made:
                run = self._make(runtime, pictures, bfloat16)
                slow = run is not None and free and not bfloat16 and self._is_slower(run, pictures[:1])
                self._made[key] = None if slow else run
                while len(self._made) > KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
            return self._made[key]

    def _make(self, runtime: Runtime, pictures: torch.Tensor, bfloat16: bool) -> Run | None:
        """Return what runs a graph for pictures of this size, or None if it does not do what the module does."""
        with torch.inference_mode(False), torch.no_grad():
            picture = torch.rand(1, *pictures.shape[1:], generator=torch.Generator().manual_seed(0))
            try:
                module = self._traceable(int(pictures.shape[2]), int(pictures.shape[3])).eval()
                file = exported(module, picture, any_size=self._any_size)
                run = MAKERS[runtime](file, threads=torch.get_num_threads(), bfloat16=bfloat16)
                found = run(picture.numpy())
            except Exception as error:  # exporters and runtimes raise nearly anything
                LOG.warning(
                    "Torch runs %s, since %s cannot: %s", self.family, runtime, " ".join(str(error).split())[:120]
                )
                return None
            if bfloat16:
                return run
            apart = difference(found, [value.numpy() for value in as_tuple(self.module(picture))])
        if apart > TOLERANCE:
            LOG.warning("Torch runs %s, since the values of %s differ by %.1e", self.family, runtime, apart)
            return None
        return run

    def _is_slower(self, run: Run, picture: torch.Tensor) -> bool:
        """Return whether a graph takes more time for a picture than the module, by the least of `TRIES` runs each."""
        given = np.ascontiguousarray(picture.numpy())
        graph, module = [], []
        with torch.no_grad():
            for _ in range(TRIES):
                graph.append(_seconds(lambda: run(given)))
                module.append(_seconds(lambda: self.module(picture)))
        return min(graph) > min(module)


def exported(module: nn.Module, picture: torch.Tensor, *, any_size: bool) -> bytes:
    """Return the ONNX file of a module, traced on one picture ``(1, c, H, W)``."""
    file = io.BytesIO()
    with _exporting, _no_warnings():
        torch.onnx.export(
            module,
            (picture,),
            file,  # type: ignore[arg-type]  # the tracing exporter takes files, too
            input_names=["picture"],
            dynamic_axes={"picture": {2: "height", 3: "width"}} if any_size else None,
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def difference(found: Arrays, expected: Arrays) -> float:
    """Return the largest difference of any value, as a share of the largest value of its output; infinite for NaN."""
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        apart = float(np.abs(one - other).max(initial=0)) / max(float(np.abs(other).max(initial=0)), 1e-12)
        worst = max(worst, apart) if np.isfinite(apart) else float("inf")
    return worst


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def as_tuple(found: Any) -> tuple[torch.Tensor, ...]:
    """Return the outputs of a module as a tuple."""
    return (found,) if isinstance(found, torch.Tensor) else tuple(found)


def by_onnx(file: bytes, *, threads: int, bfloat16: bool) -> Run:
    """Return ONNX Runtime's way to run a file; its threads sleep between pictures."""
    import onnxruntime

    assert not bfloat16  # it has no such products on a CPU
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    run = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]).run
    return lambda picture: [np.asarray(value) for value in run(None, {"picture": picture})]


def by_openvino(file: bytes, *, threads: int, bfloat16: bool) -> Run:
    """Return OpenVINO's way to run a file; with one thread, as many pictures as there are cores run side by side."""
    import openvino

    side_by_side = num_cores() if threads == 1 else 1
    core = openvino.Core()
    settings = {
        "NUM_STREAMS": side_by_side,
        "INFERENCE_NUM_THREADS": threads * side_by_side,
        "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(core.read_model(file), "CPU", settings)
    own = threading.local()

    def run(picture: NDArray[np.float32]) -> Arrays:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        own.request.infer([picture])
        return [own.request.get_output_tensor(number).data.copy() for number in range(len(compiled.outputs))]

    return run


MAKERS: dict[Runtime, Maker] = {"onnx": by_onnx, "openvino": by_openvino}


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence the exporter, which is deprecated and warns about each constant size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
