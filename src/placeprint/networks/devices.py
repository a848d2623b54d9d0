"""The device that networks run on: one choice per process, made before they load.

``auto`` takes an NVIDIA GPU, else Apple's (Metal, ``mps``), else the CPU. A network that is loaded stays where it is.
What Metal cannot do runs on the CPU: operators that Torch lacks there (its own fallback), and bicubic sampling, which
has no kernel there and no fallback either (`for_sampling`). Double precision does not exist there, so no network uses
it on its device.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from placeprint.core.options import suggest
from placeprint.errors import OptionError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
VARIABLE = "PLACEPRINT_DEVICE"
"""The variable of the environment with the choice, for programs that do not make one."""
FALLBACK = "PYTORCH_ENABLE_MPS_FALLBACK"
_chosen: str | None = None


def choose_device(name: str) -> None:
    """Let networks that load from now on run on a device.

    Raises:
        OptionError: it is not one of `DEVICES`, or this machine has none.
    """
    global _chosen  # noqa: PLW0603  # a choice of the process
    _check(name)
    _chosen = name


def device() -> str:
    """Return where networks run: ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises:
        OptionError: ``PLACEPRINT_DEVICE`` names no device, or one that is not here.
    """
    name = _chosen or os.environ.get(VARIABLE) or "auto"
    _check(name)
    if name != "auto":
        return name
    return next((each for each in ("cuda", "mps") if _missing(each) is None), "cpu")


def for_sampling(values: torch.Tensor) -> torch.Tensor:
    """Return a map where it can be sampled with bicubic interpolation: on the CPU instead of Metal."""
    return values.cpu() if values.device.type == "mps" else values


def _check(name: str) -> None:
    if name not in DEVICES:
        raise OptionError(f"no device called {name!r}; {suggest(name, DEVICES)}")
    reason = None if name in {"auto", "cpu"} else _missing(name)
    if reason is not None:
        raise OptionError(f"the device {name!r} is not available: {reason}; use auto or cpu")


def _missing(name: str) -> str | None:
    """Return why a device is missing, or None if it is here."""
    os.environ.setdefault(FALLBACK, "1")  # Torch reads it when it loads
    import torch

    if name == "cuda":
        if torch.cuda.is_available():
            return None
        built = "" if torch.version.cuda else f"this Torch ({torch.__version__}) was built without CUDA, "
        return f"{built}no NVIDIA GPU was found"
    if torch.backends.mps.is_available():
        return None
    built = "" if torch.backends.mps.is_built() else "this Torch was built without Metal, "
    return f"{built}no GPU of Apple was found"
