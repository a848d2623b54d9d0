"""Heads that pool a map by the generalized mean (GeM; Radenovic et al., TPAMI 2018).

- `UnitGeM` (CosPlace, Berton et al., CVPR 2022; EigenPlaces, ICCV 2023): each position to unit length, GeM, a linear
  layer, unit length.
- `WhitenedGeM` (the networks of Radenovic et al.): GeM of the map as it is, length ``x / (|x| + 1e-6)``; where the
  network was trained with whitening, a linear layer and the same again.
"""

from __future__ import annotations

import torch
from torch import nn

from placeprint.networks.pooling import power_mean

ADDED = 1e-6
"""To the length that `WhitenedGeM` divides by."""


class UnitLength(nn.Module):
    """Vectors along axis 1 divided by their length, zeros stay zeros."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C, ...)`` of the same."""
        return nn.functional.normalize(x, dim=1)


class GeM(nn.Module):
    """Generalized mean with a stored exponent p; values count as 1e-6 at least."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), 3.0))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``."""
        return power_mean(maps, self.p)


class UnitGeM(nn.Sequential):
    """CosPlace's head: its layers have the numbers of the checkpoint, 1 is GeM, 3 the linear one.

    Args:
        channels: the channels of the map.
        dim: the dim of the descriptor.
    """

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__(UnitLength(), GeM(), nn.Identity(), nn.Linear(channels, dim), UnitLength())


class WhitenedGeM(nn.Module):
    """GeM, perhaps with learned whitening.

    Args:
        channels: the channels of the map.
        whiten: whether there is a linear layer.
    """

    def __init__(self, channels: int, *, whiten: bool) -> None:
        super().__init__()
        self.pool = GeM()
        self.whiten = nn.Linear(channels, channels) if whiten else None

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``."""
        vectors = _nearly_unit(self.pool(maps))
        return vectors if self.whiten is None else _nearly_unit(self.whiten(vectors))


def _nearly_unit(vectors: torch.Tensor) -> torch.Tensor:
    lengths: torch.Tensor = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / (lengths + ADDED)
