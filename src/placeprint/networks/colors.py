"""Normalize the colors of pictures as in a network's training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class ColorInput(nn.Module):
    """A network that takes RGB in [0, 255] and normalizes it; its buffers are saved with the weights.

    Args:
        mean: the mean of red, green and blue in [0, 1].
        deviation: the standard deviation of red, green and blue in [0, 1].
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None] * 255)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None] * 255)

    def normalized(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 3, H, W)`` pictures with colors of about mean 0 and deviation 1."""
        return (pictures - self.mean) / self.deviation
