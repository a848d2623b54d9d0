"""MixVPR's feature mixer (Ali-bey et al., WACV 2023, section 3).

A map of 1024 channels of 20 x 20 cells: each channel is one row of 400 values. Four mixers in a row add to it what a
perceptron makes of all of its values, ``x + W2 relu(W1 norm(x))``. Then a linear layer over channels and one over
positions, flattened channel by channel, unit length.
"""

from __future__ import annotations

import torch
from torch import nn

from placeprint.errors import ShapeError

CHANNELS, SIDE, MIXERS = 1024, 20, 4
CELLS = SIDE**2


class Mixer(nn.Module):
    """One mixer; `mix` holds its layers under the numbers of the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.LayerNorm(CELLS), nn.Linear(CELLS, CELLS), nn.ReLU(), nn.Linear(CELLS, CELLS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C, 400)`` of ``(B, C, 400)``."""
        found: torch.Tensor = x + self.mix(x)
        return found


class MixVPR(nn.Module):
    """The head.

    Args:
        channels: after the linear layer over channels.
        rows: after the linear layer over positions; the descriptor has ``channels x rows`` values.
    """

    def __init__(self, channels: int, rows: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(*(Mixer() for _ in range(MIXERS)))
        self.channel_proj = nn.Linear(CHANNELS, channels)
        self.row_proj = nn.Linear(CELLS, rows)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, channels x rows)`` of ``(B, 1024, 20, 20)``.

        Raises:
            ShapeError: the map has another size.
        """
        if maps.shape[2:] != (SIDE, SIDE):
            raise ShapeError(
                f"MixVPR takes pictures of {16 * SIDE} x {16 * SIDE} pixels, got a map of {maps.shape[3]} x "
                f"{maps.shape[2]} cells"
            )
        x = self.mix(maps.flatten(2))
        x = self.channel_proj(x.transpose(1, 2)).transpose(1, 2)
        return nn.functional.normalize(self.row_proj(x).flatten(1), dim=1)
