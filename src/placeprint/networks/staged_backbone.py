"""A network cut into stages, and those that need no other code: ResNet and VGG16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from placeprint.networks.pretrained import IMAGENET
from placeprint.networks.resnet import ResNetShape, resnet_stages
from placeprint.networks.vgg import CENTER, CHANNELS, STRIDE, VGG16


class StagedBackbone(nn.Module):
    """A network cut into stages.

    Args:
        stages: the stages in order; the first takes ``(B, 3, H, W)`` float32 RGB in [0, 255].
        channels: the channels of the last map.
        stride: the pixels of the picture from cell to cell of the last map.
        center: the pixel, in x and in y, that the first cell looks at.
        multiple: the sides of pictures are multiples of this.
        description: the structure of the network, for the header of its file; None for a custom network.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        channels: int,
        stride: int,
        *,
        center: float = 0.0,
        multiple: int = 32,
        description: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels, self.stride = channels, stride
        self.center, self.multiple = center, multiple
        self.description = None if description is None else dict(description)

    def forward(self, maps: torch.Tensor, begin: int = 0, end: int | None = None) -> torch.Tensor:
        """Run the stages from `begin` up to `end` on the output of the one before `begin`."""
        for stage in self.stages[begin:end]:
            maps = stage(maps)
        return maps


def resnet_backbone(
    shape: ResNetShape,
    mean: Sequence[float] = IMAGENET["image_mean"],
    deviation: Sequence[float] = IMAGENET["image_std"],
) -> StagedBackbone:
    """Return a ResNet in stages with random weights, in eval mode."""
    stages, stride = resnet_stages(shape, mean, deviation), shape.stride
    described = {"variant": "resnet", "shape": shape.as_text()}
    return StagedBackbone(stages, shape.channels[-1], stride, multiple=stride, description=described).eval()


def vgg16_backbone(
    mean: Sequence[float] = IMAGENET["image_mean"], deviation: Sequence[float] = IMAGENET["image_std"]
) -> StagedBackbone:
    """Return the trunk of a VGG16 with random weights, in eval mode."""
    described = {"variant": "vgg16"}
    network = VGG16(mean, deviation)
    return StagedBackbone([network], CHANNELS, STRIDE, center=CENTER, multiple=STRIDE, description=described).eval()
