"""SelaVPR (Lu et al., ICLR 2024): DINOv2 with two adapters a block, GeM of unit patches, and local features.

One adapter follows the attention and adds to what it gave; the other sits beside the perceptron. The descriptor is GeM
of the patches after the final norm, each of unit length; values below 1e-6 count as 1e-6. Two transposed convolutions
make of the 16 x 16 patches the 61 x 61 local features with which the paper re-ranks.
"""

from __future__ import annotations

import torch
from torch import nn

from placeprint.networks.published.dinov2 import Tokens
from placeprint.networks.published.gem import GeM, UnitLength

WIDTH = 1024


class Adapter(nn.Module):
    """Two linear layers, half as wide between them.

    Args:
        width: the width of a token.
        skip: whether the input is added.
    """

    def __init__(self, width: int, *, skip: bool) -> None:
        super().__init__()
        self.skip = skip
        self.D_fc1 = nn.Linear(width, width // 2)
        self.D_fc2 = nn.Linear(width // 2, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, N, C)`` of ``(B, N, C)``."""
        found: torch.Tensor = self.D_fc2(nn.functional.relu(self.D_fc1(x)))
        return x + found if self.skip else found


class LocalAdapt(nn.Module):
    """The local features' layers."""

    def __init__(self) -> None:
        super().__init__()
        self.upconv1 = nn.ConvTranspose2d(WIDTH, 256, 3, 2, 1)
        self.upconv2 = nn.ConvTranspose2d(256, 128, 3, 2, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 128, 61, 61)`` unit features of ``(B, 1024, 16, 16)``."""
        return nn.functional.normalize(self.upconv2(nn.functional.relu(self.upconv1(maps))), dim=1)


class SelaVPR(nn.Module):
    """The head; layer 1 of `aggregation` is GeM, as in the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.aggregation = nn.Sequential(UnitLength(), GeM(), UnitLength())
        self.LocalAdapt = LocalAdapt()

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Return ``(B, 1024)`` unit descriptors."""
        found: torch.Tensor = self.aggregation(tokens.map)
        return found

    def local_features(self, tokens: Tokens) -> torch.Tensor:
        """Return ``(B, 61, 61, 128)`` unit features."""
        found: torch.Tensor = self.LocalAdapt(tokens.map).permute(0, 2, 3, 1)
        return found
