"""A published network as a part of the graph that is exported, see `features.published`."""

from __future__ import annotations

import copy

import torch
from torch import nn

from placeprint.networks.published.dinov2 import DINOv2
from placeprint.networks.published.running import FromColors
from placeprint.onnx.picture_graph import GRAY_WEIGHTS, Places

EVEN = 1e-9
"""Standard deviation in gray levels below which a picture is of one color."""


class WholePhoto(nn.Module):
    """The network's descriptor as the only place of a picture.

    Args:
        network: with its weights; it is copied, on the CPU.
        min_contrast: standard deviation in gray levels the picture must have.
        size: width and height of the pictures; ``(0, 0)`` for any, which vision transformers cannot have.
    """

    def __init__(self, network: FromColors, *, min_contrast: float, size: tuple[int, int] = (0, 0)) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).cpu().requires_grad_(False)
        if isinstance(self.network.network.trunk, DINOv2):
            self.network.network.trunk.fix_size(size[1], size[0])
        self.least = max(min_contrast, EVEN)
        self.register_buffer("gray_weights", torch.tensor(GRAY_WEIGHTS)[:, None, None])

    def forward(self, picture: torch.Tensor) -> Places:
        """Return the one place of ``(1, 3, H, W)`` RGB in [0, 255]."""
        vector: torch.Tensor = self.network(picture)
        gray = torch.floor(((picture[0] * self.get_buffer("gray_weights")).sum(0) + 2.0**14) / 2.0**15).double()
        contrast = (gray - gray.mean()).square().mean().sqrt()
        return Places(vector, torch.ones(1), (contrast >= self.least).reshape(1), None)
