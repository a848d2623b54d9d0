"""Weights into modules, exactly."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from placeprint.errors import WeightsError

if TYPE_CHECKING:
    import torch

PROFILER_KEYS = ("total_ops", "total_params")
"""Entries that a FLOP counter leaves in checkpoints; they are not weights."""
COUNTER = "num_batches_tracked"
"""Last part of the name of batch normalization's batch counter."""


def fit_into(
    module: torch.nn.Module,
    state: Mapping[str, Any],
    derived: Collection[str] = (),
    called: Callable[[str], str] = str,
    *,
    assign: bool = False,
    network: str = "",
) -> None:
    """Load a state dict into a module, exactly.

    The batch counter of batch normalization may be missing, because nothing depends on it.

    Args:
        module: the module to load into.
        state: the tensors by name.
        derived: buffers that the module computes itself and the state may lack.
        called: a function that returns a tensor's name in the user's file, for messages.
        assign: take the tensors themselves and not copies, which large networks have no memory for.
        network: what people call the module, for messages; its class by default.

    Raises:
        WeightsError: keys are missing or unexpected, or of another shape; the message names them.
    """
    what = network or type(module).__name__
    kept = {key: value for key, value in state.items() if key.rpartition(".")[2] not in PROFILER_KEYS}
    own = module.state_dict()
    free = {name for name in own if name.endswith(COUNTER)} | (set(derived) & own.keys())
    missing, unexpected = sorted(own.keys() - kept.keys() - free), sorted(kept.keys() - own.keys())
    if missing or unexpected:
        raise WeightsError(
            f"the weights do not fit {what}: missing {_listed([*map(called, missing)])}, "
            f"unexpected {_listed([*map(called, unexpected)])}"
        )
    shapes = {name: (tuple(value.shape), tuple(own[name].shape)) for name, value in kept.items()}
    wrong = [f"{called(name)} has {got}, expected {due}" for name, (got, due) in sorted(shapes.items()) if got != due]
    if wrong:
        raise WeightsError(f"the weights do not fit {what}: wrong shapes: {_listed(wrong)}")
    module.load_state_dict({name: own[name] for name in free} | kept, assign=assign)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "none"
