"""BoQ: a bag of learned queries (Ali-bey et al., CVPR 2024).

The map is narrowed by a 3 x 3 convolution and read as a sequence x. Two blocks follow each other: an encoder layer
recomputes x; 64 learned queries attend to each other and then to x::

    x = encoder(x),   q = norm(q + attention(q, q)),   out = norm(attention(q, x))

The 128 outputs are mixed by a linear layer to 32 rows, flattened channel by channel, and scaled to unit length. Each
head of an attention has 64 values.
"""

from __future__ import annotations

import torch
from torch import nn

from placeprint.networks.published.attention import EncoderLayer, MultiheadAttention
from placeprint.networks.published.dinov2 import Tokens

QUERIES, BLOCKS, ROWS = 64, 2, 32
HEAD = 64


class QueryBlock(nn.Module):
    """One block.

    Args:
        width: the width of the sequence.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        heads = width // HEAD
        self.encoder = EncoderLayer(width, heads, 4 * width, nn.ReLU())
        self.queries = nn.Parameter(torch.randn(1, QUERIES, width))
        self.self_attn = MultiheadAttention(width, heads)
        self.norm_q = nn.LayerNorm(width)
        self.cross_attn = MultiheadAttention(width, heads)
        self.norm_out = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sequence ``(B, N, C)`` for the next block, and ``(B, 64, C)`` that the queries found in it."""
        x = self.encoder(x)
        queries = self.norm_q(self.queries + self.self_attn(self.queries, self.queries))
        return x, self.norm_out(self.cross_attn(queries.expand(len(x), -1, -1), x))


class BoQ(nn.Module):
    """The head.

    Args:
        channels: the channels of the map.
        width: C, of the sequence; the descriptor has 32 times as many values.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj_c = nn.Conv2d(channels, width, 3, padding=1)
        self.norm_input = nn.LayerNorm(width)
        self.boqs = nn.ModuleList(QueryBlock(width) for _ in range(BLOCKS))
        self.fc = nn.Linear(BLOCKS * QUERIES, ROWS)

    def forward(self, maps: torch.Tensor | Tokens) -> torch.Tensor:
        """Return ``(B, 32 C)`` unit descriptors of ``(B, channels, H, W)``, or of the map of tokens."""
        maps = maps.map if isinstance(maps, Tokens) else maps
        x = self.norm_input(self.proj_c(maps).flatten(2).transpose(1, 2))
        outputs = []
        for block in self.boqs:
            x, output = block(x)
            outputs.append(output)
        rows = self.fc(torch.cat(outputs, dim=1).transpose(1, 2))
        return nn.functional.normalize(rows.flatten(1), dim=1)
