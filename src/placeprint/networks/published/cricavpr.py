"""CricaVPR (Lu et al., CVPR 2024): DINOv2 with multi-scale adapters, and regions that look at each other across photos.

The adapter sits beside the perceptron of each block: half as wide, with three branches of convolutions (1 x 1, 3 x 3,
5 x 5) over the map of patches, added to its own input.

The head makes 14 vectors: the class token, and GeM of unit patches over the 4 quarters and 9 ninths of the 16 x 16 map.
Two encoder layers let each look at the same region of the other photos *of the batch*. So a descriptor depends on what
else is in the batch. Placeprint describes every photo alone: the same photo has the same descriptor always.
"""

from __future__ import annotations

import torch
from torch import nn

from placeprint.networks.published.attention import EncoderLayer
from placeprint.networks.published.dinov2 import Tokens, as_map
from placeprint.networks.published.gem import GeM, UnitLength

WIDTH, SIDE = 768, 16
SPANS = (((0, 8), (8, 16)), ((0, 5), (5, 11), (11, 16)))
"""Rows, and columns, of the quarters and of the ninths."""
BATCH_NORM_EPS = 1e-3
HEADS, HIDDEN, LAYERS = 16, 2048, 2


class ConvNorm(nn.Module):
    """A convolution that keeps the size, batch normalization, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.bn = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, outputs, H, W)`` of ``(B, inputs, H, W)``."""
        return nn.functional.relu(self.bn(self.conv(x)))


class MultiScaleAdapter(nn.Module):
    """The adapter.

    Args:
        width: the width of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 2
        self.D_fc1 = nn.Linear(width, inner)
        self.branch1 = ConvNorm(inner, inner // 2, 1)
        self.branch2 = nn.Sequential(ConvNorm(inner, inner // 16, 1), ConvNorm(inner // 16, inner // 4, 3))
        self.branch3 = nn.Sequential(ConvNorm(inner, inner // 16, 1), ConvNorm(inner // 16, inner // 4, 5))
        self.D_fc2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 257, C)`` of the class token and the 16 x 16 patches ``(B, 257, C)``."""
        x = nn.functional.relu(self.D_fc1(x))
        maps = as_map(x[:, 1:], SIDE, SIDE)
        seen = torch.cat([self.branch1(maps), self.branch2(maps), self.branch3(maps)], dim=1)
        found: torch.Tensor = self.D_fc2(x + torch.cat([x[:, :1], seen.flatten(2).transpose(1, 2)], dim=1))
        return found


class Encoder(nn.Module):
    """The encoder layers, under the name of the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(EncoderLayer(WIDTH, HEADS, HIDDEN, nn.GELU()) for _ in range(LAYERS)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(14, B, C)`` of ``(14, B, C)``: attention runs over the photos B."""
        found: torch.Tensor = self.layers(x)
        return found


class CricaVPR(nn.Module):
    """The head; layer 1 of `aggregation` is GeM, as in the checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.aggregation = nn.Sequential(UnitLength(), GeM())
        self.encoder = Encoder()

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Return ``(B, 10752)`` unit descriptors, region by region."""
        vectors = [tokens.token]
        vectors += [
            self.aggregation(tokens.map[:, :, top:bottom, left:right])
            for spans in SPANS
            for top, bottom in spans
            for left, right in spans
        ]
        crossed = self.encoder(torch.stack(vectors)).transpose(0, 1)
        return nn.functional.normalize(crossed.flatten(1), dim=1)
