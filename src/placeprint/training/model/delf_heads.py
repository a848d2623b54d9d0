"""The second step of DELF (Noh et al., ICCV 2017, section 4.2): the attention, from the classes of photos.

    y = W (1 / N) sum_n alpha(f_n) unit(f_n),    minimize the cross-entropy between y and the class of the photo

The descriptors f_n come from the first step and are frozen; alpha and W are learned. A cell that looks the same in
photos of all classes only disturbs the sum, so its alpha falls. W is not needed afterwards.

Departures: the mean instead of the sum, so that the size of the picture does not matter; unit cells times ``sqrt(C)``,
    because unit cells are matched. The projection of the descriptors is learned before the attention, from
all cells of training photos.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import nn
from torch.nn.functional import normalize

from placeprint.core.options import Range, checked
from placeprint.errors import OptionError
from placeprint.kernels.vectors import unit
from placeprint.networks.delf import Attention, principal_axes
from placeprint.types import Ids

CELLS = 200_000
"""Most cells to learn the projection from."""
Values = Annotated[int, Range(1, 65_536)]


@checked
class DELFAttentionHead(nn.Module):
    """The attention, and a classifier on the weighted mean.

    Args:
        channels: C, of the maps.
        num_classes: the number of classes; None for no classifier.
        hidden: the number of values between the convolutions of the attention.
        local_dim: the length of a projected local descriptor.

    Raises:
        OptionError: `local_dim` is not from 1 to C, or `hidden` below 1.
    """

    mean: torch.Tensor
    axes: torch.Tensor

    def __init__(
        self,
        channels: int,
        num_classes: int | None,
        *,
        hidden: Values = 512,
        local_dim: Values = 40,
    ) -> None:
        super().__init__()
        if local_dim > channels:
            raise OptionError(f"local_dim must be from 1 to {channels}, the channels of the map, got {local_dim}")
        self.dim = channels
        self.attention = Attention(channels, hidden)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("axes", torch.eye(local_dim, channels))
        self.classifier = None if num_classes is None else nn.Linear(channels, num_classes)

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Describe maps ``(B, C, H, W)`` by the weighted mean of their cells."""
        weighted = (self.attention(maps) * normalize(maps, dim=1)).mean(dim=(2, 3)) * math.sqrt(self.dim)
        return unit(weighted), None if self.classifier is None else weighted

    @torch.no_grad()
    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Learn the projection from the cells of maps ``(n, C, H, W)``, and set the attention's input size."""
        cells = maps.transpose(0, 1).flatten(1).T
        step = math.ceil(len(cells) / CELLS)
        mean, axes = principal_axes(normalize(cells[::step], dim=1), len(self.axes))
        self.mean.copy_(mean)
        self.axes.copy_(axes)
        size = cells.square().mean().sqrt().clamp(min=1e-6)
        self.attention.first.weight.div_(size)
