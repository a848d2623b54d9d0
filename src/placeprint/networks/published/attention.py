"""Attention (Vaswani et al., NeurIPS 2017), with the names that Torch gives the layers of its own.

The modules are written out, so that they are exported to ONNX as plain products, and so that what is computed depends
on nothing but the input: Torch's own choose between several kernels.
"""

from __future__ import annotations

import torch
from torch import nn


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """Return ``(B, M, C)``: for each of ``(B, M, C)`` queries the mean of ``(B, N, C)`` values, by heads of C / heads.

    The weights are the softmax over N of ``query . key / sqrt(C / heads)``.
    """
    split = (each.reshape(*each.shape[:2], heads, -1).transpose(1, 2) for each in (query, key, value))
    query, key, value = split
    found = nn.functional.scaled_dot_product_attention(query, key, value)
    return found.transpose(1, 2).flatten(2)


class MultiheadAttention(nn.Module):
    """Attention with learned projections of queries, keys and values.

    Args:
        width: C.
        heads: that C is split into.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Return ``(B, M, C)`` of queries ``(B, M, C)`` and keys ``(B, N, C)``, which are the values, too."""
        weights = self.in_proj_weight.chunk(3)
        biases = self.in_proj_bias.chunk(3)
        given = (query, key, key)
        q, k, v = (nn.functional.linear(*each) for each in zip(given, weights, biases, strict=True))
        found: torch.Tensor = self.out_proj(attend(q, k, v, self.heads))
        return found


class EncoderLayer(nn.Module):
    """A layer of a transformer with the norms behind: ``x = norm1(x + attention(x)); x = norm2(x + mlp(x))``.

    Args:
        width: C.
        heads: the heads of the attention.
        hidden: width of the perceptron.
        activation: in the perceptron.
    """

    def __init__(self, width: int, heads: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(width, heads)
        self.linear1 = nn.Linear(width, hidden)
        self.activation = activation
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, N, C)`` of ``(B, N, C)``."""
        x = self.norm1(x + self.self_attn(x, x))
        found: torch.Tensor = self.norm2(x + self.linear2(self.activation(self.linear1(x))))
        return found
