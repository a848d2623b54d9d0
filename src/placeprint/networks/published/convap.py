"""Conv-AP (Ali-bey et al., Neurocomputing 513, 2022, section 4): a 1 x 1 convolution, then averages of 2 x 2 parts.

Both are linear, so they are done in the other order here: four averages go through the convolution instead of all
cells. Where a side of the map is odd, the parts share its middle row.
"""

from __future__ import annotations

import torch
from torch import nn

PARTS = 2
"""Each way."""


class ConvAP(nn.Module):
    """The head.

    Args:
        inputs: channels of the map.
        channels: after the convolution; the descriptor has four times as many values.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.channel_pool = nn.Conv2d(inputs, channels, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 4 channels)`` of ``(B, inputs, H, W)``, channel by channel."""
        parts = nn.functional.adaptive_avg_pool2d(maps, PARTS)
        return nn.functional.normalize(self.channel_pool(parts).flatten(1), dim=1)
