"""What runs the convolutions and products of a network: Torch, ONNX Runtime or OpenVINO; one choice per process.

The weights and the function are the same (`networks.graphs`), the time is not. ``fast`` takes for each family of
networks the first of `QUICKEST` that is installed, as measured by ``python -m benchmarks.speed.runtimes``. It takes
Torch where none is, where Torch is quicker on this processor, or where the network is not on the CPU. ``auto`` is
``fast`` for work on at least `MANY` photos and Torch for less, since making a graph takes about a second.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Literal, cast

from placeprint.core.options import suggest
from placeprint.errors import OptionError, PackageError

Runtime = Literal["torch", "onnx", "openvino"]
Family = Literal["aliked", "efficientnet", "published", "xfeat"]
RUNTIMES = ("auto", "fast", "torch", "onnx", "openvino")
VARIABLE = "PLACEPRINT_RUNTIME"
"""The variable of the environment with the choice, for programs that do not make one."""
MANY = 200
"""Photos for which a graph pays."""
QUICKEST: dict[Family, tuple[Runtime, ...]] = {
    "aliked": ("onnx",),
    "efficientnet": ("onnx", "openvino"),
    "published": ("openvino", "onnx"),
    "xfeat": ("openvino", "onnx"),
}
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
_chosen: str | None = None
_expected = 0


def choose_runtime(name: str) -> None:
    """Let networks run by one of `RUNTIMES` from now on.

    Raises:
        OptionError: there is no such runtime.
        PackageError: it is not installed.
    """
    global _chosen  # noqa: PLW0603  # a choice of the process
    _check(name)
    _chosen = name


def expect(photos: int) -> None:
    """Say how many photos this process is going to describe, which decides what ``auto`` means."""
    global _expected  # noqa: PLW0603  # a fact about the process
    _expected = photos


def runtime_of(family: Family) -> Runtime:
    """Return what runs a family of networks on the CPU.

    Raises:
        OptionError: ``PLACEPRINT_RUNTIME`` names no runtime.
        PackageError: it names one that is not installed.
    """
    name = _choice()
    _check(name)
    if name == "fast" or (name == "auto" and _expected >= MANY):
        return next((each for each in QUICKEST[family] if is_installed(each)), "torch")
    return "torch" if name == "auto" else cast(Runtime, name)


def is_free() -> bool:
    """Return whether no runtime was chosen by name, so the quickest one may run a network."""
    return _choice() in ("auto", "fast")


def is_installed(name: str) -> bool:
    """Return whether a runtime can be used."""
    return name not in PACKAGES or importlib.util.find_spec(PACKAGES[name]) is not None


def _choice() -> str:
    return _chosen or os.environ.get(VARIABLE) or "auto"


def _check(name: str) -> None:
    if name not in RUNTIMES:
        raise OptionError(f"no runtime called {name!r}; {suggest(name, RUNTIMES)}")
    if not is_installed(name):
        raise PackageError(
            f"the runtime {name!r} needs {PACKAGES[name]}, which is not installed; run: "
            f"pip install 'placeprint[{name}]'"
        )
