"""Blend the initial weights of a run with the learned ones (WiSE-FT, Wortsman et al., CVPR 2022).

    w = start + share (learned - start)

With few photos, the learned weights mainly fit the training photos. Blended weights keep most of the gain and lose less
on photos and classes outside the training set. Checkpoints have the learned weights, so a run can continue; validation
and the preset use the blended ones.

    RUN/start.safetensors   the weights before the first step, if the share is below 1
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from placeprint.core.files import write_atomically
from placeprint.errors import WeightsError

FILE = "start.safetensors"


@dataclass(frozen=True, eq=False)
class Blend:
    """A blend of two sets of weights.

    Args:
        start: the weights before the first step, by name, on the CPU.
        share: the share of the learned weights, from 0 (only the start) to 1 (only the learned ones).
    """

    start: Mapping[str, torch.Tensor]
    share: float

    @torch.no_grad()
    def apply(self, model: nn.Module) -> None:
        """Blend the learned weights of a model with the start, in place."""
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.lerp(self.start[name].to(value), value, self.share))

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Use a model with blended weights inside the block."""
        learned = {name: value.clone() for name, value in model.state_dict().items()}
        self.apply(model)
        try:
            yield
        finally:
            model.load_state_dict(learned)


def write_start(run: Path, model: nn.Module) -> None:
    """Save the weights of a model before its first step.

    Raises:
        WriteError: the disk is full or the folder cannot be written.
    """
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomically(run / FILE, save(state))


def read_blend(run: Path, share: float) -> Blend | None:
    """Return the blend of a run, or None if the share is 1.

    Raises:
        WeightsError: the file of the weights before the first step is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    if share == 1:
        return None
    try:
        return Blend(load((run / FILE).read_bytes()), share)
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsError(f"cannot read {str(run / FILE)!r}, the weights before the first step: {error}") from error
