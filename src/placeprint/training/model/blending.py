"""Weights between those a run began with and those it has learned (WiSE-FT, Wortsman et al., CVPR 2022).

    w = start + share (learned - start)

On few photos the learned weights fit the training photos more than anything else. Part of the way they keep most of
what was gained, and lose less on photos and classes that were not trained on. Checkpoints hold the learned weights, so
a run can go on; validation and the preset see the blended ones.

    RUN/start.safetensors   the weights before the first step, where the share is below 1
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
    """A way between two sets of weights.

    Args:
        start: weights before the first step, by name, on the CPU.
        share: of the way, from 0, the start, to 1, the weights as they are.
    """

    start: Mapping[str, torch.Tensor]
    share: float

    @torch.no_grad()
    def apply(self, model: nn.Module) -> None:
        """Move the weights of a model, which are those that were learned, toward the start."""
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.lerp(self.start[name].to(value), value, self.share))

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Have a model with blended weights for a while."""
        learned = {name: value.clone() for name, value in model.state_dict().items()}
        self.apply(model)
        try:
            yield
        finally:
            model.load_state_dict(learned)


def write_start(run: Path, model: nn.Module) -> None:
    """Keep the weights of a model before its first step.

    Raises:
        WriteError: the disk is full or the folder cannot be written.
    """
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomically(run / FILE, save(state))


def read_blend(run: Path, share: float) -> Blend | None:
    """Return the blend of a run, None where the share is 1.

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
