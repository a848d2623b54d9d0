"""Read weight files: only this module turns files into tensors.

It reads safetensors, and the files of ``torch.save`` in their new format (a zip archive) and their old one. Nothing in
a file is ever executed: a pickle may only use tensors, plain containers, and NumPy's numbers and arrays, which
checkpoints store beside their weights. Every error of safetensors, Torch, pickle or the system about a bad file becomes
one `WeightsError`.

The weights are on the CPU afterwards, whatever device they were saved on, and half precision becomes float32.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from placeprint.errors import WeightsError

Tensors = dict[str, torch.Tensor]

SAFETENSORS = ".safetensors"
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "ema")
"""Keys under which checkpoints store the weights, the most common first."""
ZIP, PICKLE = b"PK", b"\x80"
"""How the two formats of ``torch.save`` begin."""
HEAD = 512
"""Number of first bytes that identify a file."""
SAID = 160
"""Most characters of a foreign message."""

_reading = threading.Lock()


def read_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Return the tensors of a safetensors file, and the texts of its header.

    Raises:
        WeightsError: the file is missing, damaged, or of another format.
    """
    from safetensors import safe_open

    _look_at(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            return tensors, dict(file.metadata() or {})
    except Exception as error:
        raise WeightsError(f"cannot read the weights {str(path)!r}: {_line(error)}") from error


def read_torch(path: Path) -> Any:
    """Return the content of a ``torch.save`` file, with tensors on the CPU; nothing in the file is executed.

    Raises:
        WeightsError: the file is missing, damaged, of another kind, or contains objects of other packages.
    """
    head = _look_at(path)
    if not head.startswith((ZIP, PICKLE)):
        raise WeightsError(f"{str(path)!r} is no file of weights, expected one of torch.save or safetensors")
    try:
        # the allowed objects are a setting of the whole process
        with _reading, torch.serialization.safe_globals(_harmless()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = " ".join(str(error).split())
        if "TorchScript" in text:
            raise WeightsError(
                f"{str(path)!r} is a TorchScript archive, which is a program; save its weights: "
                "torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')"
            ) from error
        if "GLOBAL" in text and "nsupported" in text:
            name = text.partition("GLOBAL ")[2].split(" ")[0].rstrip(".,:") or "unknown"
            raise WeightsError(
                f"{str(path)!r} contains Python objects ({name}), and loading them would run code; save only the "
                "weights on the machine that made the file: torch.save(model.state_dict(), 'weights.pth')"
            ) from error
        raise WeightsError(f"cannot read the weights {str(path)!r}: {_line(error)}") from error


def read_state_dict(path: Path | str) -> Tensors:
    """Return the tensors of a checkpoint by name, on the CPU, float32 if they are real.

    Wrappers of the weights (``{"epoch": ..., "state_dict": ...}``) and other values beside them are ignored.

    Args:
        path: the path of a safetensors or ``torch.save`` file.

    Raises:
        WeightsError: the file cannot be read, or has no tensors by name.
    """
    path = Path(path)
    head = _look_at(path)
    is_safe = path.suffix == SAFETENSORS or (head[8:9] == b"{" and head[:2] != b"PK")
    found: Any = read_safetensors(path)[0] if is_safe else read_torch(path)
    for key in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
            break
    if not isinstance(found, Mapping):
        raise WeightsError(f"{str(path)!r} holds {type(found).__name__}, expected tensors by name (a state dict)")
    tensors = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise WeightsError(f"{str(path)!r} has no tensors; its keys: {', '.join(map(str, list(found)[:8])) or 'none'}")
    return {name: _plain(name, value, path) for name, value in tensors.items()}


def read_tensor(path: Path) -> torch.Tensor:
    """Return the tensor that is all ``torch.save`` wrote to a file, on the CPU, float32.

    Raises:
        WeightsError: the file cannot be read, or holds something else.
    """
    found = read_torch(path)
    if not isinstance(found, torch.Tensor):
        raise WeightsError(f"{str(path)!r} holds {type(found).__name__}, expected one tensor")
    return _plain("the tensor", found, path)


def _plain(name: str, value: torch.Tensor, path: Path) -> torch.Tensor:
    """Return a tensor without gradient, dense, float32 if it is real."""
    if value.is_sparse or value.is_quantized or value.is_meta:
        raise WeightsError(f"{str(path)!r}: {name} is sparse, quantized or without values; save it as a plain tensor")
    value = value.detach()
    if not value.is_floating_point():
        return value
    value = value.float()
    if not bool(torch.isfinite(value).all()):
        raise WeightsError(f"{str(path)!r}: {name} has values that are not finite; the file is damaged")
    return value


def _look_at(path: Path) -> bytes:
    """Return the first bytes of a file that could hold weights.

    Raises:
        WeightsError: the file is missing, not a file, empty, or the remains of a failed download.
    """
    try:
        if path.is_dir():
            raise WeightsError(f"{str(path)!r} is a folder; name the weight file in it")
        if not path.exists():
            raise WeightsError(f"there is no file {str(path)!r}")
        if not path.is_file():
            raise WeightsError(f"{str(path)!r} is not a regular file")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError) as error:
        raise WeightsError(f"cannot read the weights {str(path)!r}: {_line(error)}") from error
    if not head:
        raise WeightsError(f"{str(path)!r} is empty; download it again")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{str(path)!r} is a Git LFS pointer, not the file itself; run: git lfs pull")
    if head.lstrip()[:14].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise WeightsError(f"{str(path)!r} is a web page, not weights; download the file itself")
    return head


def _harmless() -> list[Any]:
    """Return what a pickle may use besides tensors: NumPy's numbers and arrays, and command-line options."""
    import _codecs

    import numpy as np
    from numpy._core import multiarray

    kinds = {type(np.dtype(letter)) for letter in np.typecodes["AllInteger"] + "?efdg"}
    renamed = [
        (function, f"{module}.multiarray.{function.__name__}")
        for function in (multiarray.scalar, multiarray._reconstruct)
        for module in ("numpy.core", "numpy._core")
    ]
    return [*renamed, *kinds, np.dtype, np.ndarray, _codecs.encode, argparse.Namespace]


def _line(error: Exception) -> str:
    """Return a foreign message in one line, short."""
    text = " ".join(str(error).split())
    if "central directory" in text or "incomplete metadata" in text or "HeaderTooLarge" in text:
        return "its end is missing, as that of a download that was cut off; fetch it again"
    return (text.split(". ")[0][:SAID] or type(error).__name__) + "; it is damaged or of another format"
