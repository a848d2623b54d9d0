"""The convolutional trunks: ResNet (He et al., CVPR 2016) and VGG16 (Simonyan and Zisserman, ICLR 2015).

Blocks and layers are those of `networks.resnet` and `networks.vgg`. Here they stand in one sequence, whose layers have
the names that checkpoints of place recognition give them. Input is normalized, not RGB in [0, 255].
"""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import nn

from placeprint.networks.resnet import ResNetShape, Stem, resnet_stages
from placeprint.networks.vgg import vgg16_layers

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Of each stage, by depth."""
BOTTLENECKS_FROM = 50
WIDTHS = (64, 128, 256, 512)


def resnet(depth: int, stages: int = 4, *, numbered: bool = False) -> nn.Sequential:
    """Return a ResNet with random weights that makes ``(B, C, H / s, W / s)`` of normalized ``(B, 3, H, W)``.

    Args:
        depth: a key of `BLOCKS`.
        stages: 3 for s = 16, 4 for s = 32.
        numbered: call layers by their place in the sequence; otherwise as torchvision does.
    """
    bottleneck = depth >= BOTTLENECKS_FROM
    widths = WIDTHS[:stages]
    shape = ResNetShape(
        bottleneck=bottleneck,
        stem=WIDTHS[0],
        depths=BLOCKS[depth][:stages],
        widths=widths,
        channels=tuple(width * 4 for width in widths) if bottleneck else widths,
        strides=(1, 2, 2, 2)[:stages],
    )
    made = resnet_stages(shape, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    stem = cast(Stem, made[0])
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", stem.conv1),
        ("bn1", stem.bn1),
        ("relu", stem.relu),
        ("maxpool", stem.maxpool),
        *((f"layer{number}", stage) for number, stage in enumerate(made[1:], start=1)),
    ]
    return nn.Sequential(*(layer for _, layer in layers)) if numbered else nn.Sequential(OrderedDict(layers))


def vgg16(*, last_relu: bool) -> nn.Sequential:
    """Return VGG16 with random weights that makes ``(B, 512, H / 16, W / 16)`` of normalized ``(B, 3, H, W)``.

    Args:
        last_relu: whether a ReLU follows the last convolution.
    """
    layers = vgg16_layers()
    return nn.Sequential(*layers, nn.ReLU()) if last_relu else nn.Sequential(*layers)


class LessMean(nn.Module):
    """A trunk that takes RGB in [0, 1] and counts in [0, 255] less a mean inside.

    Args:
        trunk: what the colors go to.
        mean: the mean of red, green and blue in [0, 255]; a checkpoint may bring its own.
    """

    mean: torch.Tensor

    def __init__(self, trunk: nn.Module, mean: tuple[float, float, float]) -> None:
        super().__init__()
        self.layers = trunk
        self.register_buffer("mean", torch.tensor(mean))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the trunk's map of ``(B, 3, H, W)`` RGB in [0, 1]."""
        found: torch.Tensor = self.layers(255 * pictures - self.mean[:, None, None])
        return found
