"""The trunk of VGG16 (Simonyan and Zisserman, ICLR 2015) up to its last convolution, without the ReLU after it.

NetVLAD is trained on this map, with stride 16 and 512 channels. Layers have torchvision's numbers, 0 to 28, which
checkpoints use as names. Max pooling covers 2 x 2 cells, so cell i is centered at pixel ``16 i + 7.5``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from placeprint.networks.colors import ColorInput
from placeprint.networks.winograd import Conv3x3

LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
"""Channels of each 3 x 3 convolution; 0 is max pooling."""
CHANNELS, STRIDE, CENTER = 512, 16, 7.5


class VGG16(ColorInput):
    """The trunk of VGG16.

    Args:
        mean: the mean of red, green and blue in [0, 1].
        deviation: the same.
    """

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__(mean, deviation)
        self.layers = nn.Sequential(*vgg16_layers())

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 512, H / 16, W / 16)`` of ``(B, 3, H, W)`` RGB in [0, 255]."""
        found: torch.Tensor = self.layers(self.normalized(pictures))
        return found


def vgg16_layers() -> list[nn.Module]:
    """Return the layers, 0 to 28, with random weights; there is no ReLU after the last convolution."""
    layers: list[nn.Module] = []
    before = 3
    for channels in LAYERS:
        if channels:
            layers += [Conv3x3(before, channels), nn.ReLU()]
            before = channels
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return layers[:-1]
