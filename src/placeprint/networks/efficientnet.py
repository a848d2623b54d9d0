"""EfficientNet-Lite (Tan and Le, ICML 2019, without squeeze-and-excitation and with ReLU6): its maps, or its classes.

`STAGES` defines the network: for each stage the number of blocks, their kernel, the stride of the first, the expansion,
and the channels. Lite1 to lite4 multiply the numbers of blocks (depth) and the channels (width), except for the stem,
the head, and the numbers of blocks of the first and the last stage.

The weights were trained with TensorFlow's "SAME" padding: a layer of kernel k and stride s pads ``max(k - s, 0)``
pixels if the side is a multiple of s, the smaller half of them on the left. So a layer of stride 2 has its output i
centered at input ``2 i + 1``, whether its kernel is 3 or 5, and what cell i of the map of stride s can see is centered
at pixel ``s i + s - 1`` of the picture. Where it actually looks differs: see `CENTERS`.

Input is ``(RGB - 127) / 128``; batch normalization has an epsilon of 1e-3, and is folded into the convolutions.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from placeprint.networks.fitting import fit_into

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD = 32, 1280
MULTIPLIERS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2), "lite3": (1.2, 1.4), "lite4": (1.4, 1.8)}
"""Factors of width and depth."""
EPSILON = 1e-3
Network = TypeVar("Network", bound=nn.Module)
LAST_STAGE = {16: 4, 32: 6}
"""Index of the stage with the map of a stride."""
LAST_STRIDED_STAGE = 5
"""Index of the stage that goes from stride 16 to stride 32."""

CENTERS = {16: 9.5, 32: 20.0}
"""Pixel of the picture that the first cell looks at, by stride.

Measured with the weights of lite2 on the sample photos, in two ways that agree, mean of x and y: the center of the
energy of a cell's gradient is at 9.6 +- 0.3 and 21 +- 1.5, matching photos with smaller copies of themselves gives 9.3
and 17.4. Those of lite0 are assumed to be the same: the median center of the gradient's energy is at 9.9 and 16 on the
sample photos, at 9.7 and 20 on 40 street photos. At stride 32 that depends much on the photos: those 40 give lite2 28,
22 in x and 35 in y. The center of the block is at 7.5 and 15.5, that of the receptive field at 15 and 31.
"""

CHECKPOINT_NAMES = {
    "_conv_stem": "stem.0",
    "_bn0": "stem.1",
    "_conv_head": "head.0",
    "_bn1": "head.1",
    "_fc": "classifier",
}
CHECKPOINT_BLOCK_NAMES = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}


class SamePadded(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the ``ceil(side / stride)`` outputs of each side."""
        around = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            missing = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            around += [missing // 2, missing - missing // 2]
        return super().forward(nn.functional.pad(x, around))


def _layer(before: int, after: int, kernel: int, stride: int = 1, *, groups: int = 1, relu: bool = True) -> nn.Module:
    parts: list[nn.Module] = [
        SamePadded(before, after, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(after, eps=EPSILON),
    ]
    return nn.Sequential(*parts, *([nn.ReLU6(inplace=True)] if relu else []))


class Block(nn.Module):
    """An inverted residual block: widen, filter each channel, narrow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = _layer(before, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _layer(wide, wide, kernel, stride, groups=wide)
        self.project = _layer(wide, after, 1, relu=False)
        self.residual = before == after and stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's map of ``(B, C, H, W)``."""
        y: torch.Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """The EfficientNet-Lite network.

    Args:
        variant: ``"lite0"`` to ``"lite4"``.
        classes: the number of classes.
    """

    def __init__(self, variant: str = "lite2", classes: int = 1000) -> None:
        super().__init__()
        width, depth = MULTIPLIERS[variant]
        self.stem = _layer(3, STEM, 3, 2)
        blocks, self.ends, before = [], [], STEM
        for index, (count, kernel, stride, expansion, channels) in enumerate(STAGES):
            after = rounded_channels(channels * width)
            repeats = count if index in {0, len(STAGES) - 1} else math.ceil(count * depth)
            for number in range(repeats):
                blocks.append(Block(before, after, kernel, stride if number == 0 else 1, expansion))
                before = after
            self.ends.append(len(blocks))
        self.blocks = nn.ModuleList(blocks)
        self.head = _layer(before, HEAD, 1)
        self.classifier = nn.Linear(HEAD, classes)

    def forward(self, pictures: torch.Tensor, stride: int = 32) -> torch.Tensor:
        """Return the map ``(B, C, H / stride, W / stride)`` of ``(B, 3, H, W)`` RGB in [0, 255]."""
        map_: torch.Tensor = self.stem((pictures - 127) / 128)
        for block in self.blocks[: self.ends[LAST_STAGE[stride]]]:
            map_ = block(map_)
        return map_

    def classify(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the ``(B, classes)`` logits of ``(B, 3, H, W)`` RGB in [0, 255]."""
        logits: torch.Tensor = self.classifier(self.head(self(pictures)).mean(dim=(2, 3)))
        return logits


class MapAt(nn.Module):
    """The map of one stride alone.

    Args:
        network: makes the maps.
        stride: the pixels of the picture from cell to cell.
    """

    def __init__(self, network: nn.Module, stride: int) -> None:
        super().__init__()
        self.network, self.stride = network, stride

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of ``(B, 3, H, W)`` RGB in [0, 255]."""
        found: torch.Tensor = self.network(pictures, self.stride)
        return found


def rounded_channels(channels: float) -> int:
    """Return the multiple of 8 nearest to a number of channels, at most a tenth below it.

    Example:
        >>> rounded_channels(44.0), rounded_channels(123.2)
        (48, 120)
    """
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def load_efficientnet(state: Mapping[str, torch.Tensor], variant: str, *, fold: bool = True) -> EfficientNetLite:
    """Return the network in eval mode with the weights of a checkpoint.

    Args:
        state: the state dict of the checkpoint.
        variant: see `EfficientNetLite`.
        fold: whether to fold batch normalization into the convolutions: the same function in fewer steps, whose
            statistics no longer change in training.

    Raises:
        WeightsError: the weights do not fit exactly.
    """
    network = EfficientNetLite(variant)
    fit_into(network, {_own_name(name): value for name, value in state.items()})
    network.eval()
    return fold_batch_norm(network) if fold else network


def fold_batch_norm(network: Network) -> Network:
    """Move each batch normalization of a network in eval mode into the convolution before it; return the network.

    Args:
        network: the network, or some stages of one.
    """
    for layer in [part for part in network.modules() if isinstance(part, nn.Sequential) and len(part) > 1]:
        convolution, norm = layer[0], layer[1]
        if isinstance(convolution, SamePadded) and isinstance(norm, nn.BatchNorm2d):
            layer[0], layer[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return network


def plainly_padded(network: nn.Module) -> nn.Module:
    """Return a copy of a network on the CPU, with padding independent of size.

    EfficientNet's padding depends on the size of the picture. If its sides are multiples of 32, a layer of kernel k and
    stride s is padded by k - s, the smaller half first. Other networks are copied unchanged.
    """
    network = copy.deepcopy(network).cpu()
    for parent in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        layer = parent[0]
        if isinstance(layer, SamePadded):
            missing = max(layer.kernel_size[0] - layer.stride[0], 0)
            plain = nn.Conv2d(
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size[0],
                layer.stride[0],
                padding=missing // 2 if missing % 2 == 0 else 0,
                groups=layer.groups,
                bias=layer.bias is not None,
            )
            plain.load_state_dict(layer.state_dict())
            sides = (missing // 2, missing - missing // 2)
            parent[0] = plain if missing % 2 == 0 else nn.Sequential(nn.ZeroPad2d(sides * 2), plain)
    return network.eval()


def keep_last_resolution(network: EfficientNetLite) -> EfficientNetLite:
    """Keep stride 16 in the stage that would go to stride 32, and so in all after it; return the network.

    The weights do not change, and are not dilated.
    """
    first = network.blocks[network.ends[LAST_STRIDED_STAGE - 1]]
    for layer in first.modules():
        if isinstance(layer, SamePadded):
            layer.stride = (1, 1)
    return network


def _own_name(name: str) -> str:
    """Return our name for a tensor of the checkpoint: ``_blocks.3._bn2.bias`` is ``blocks.3.project.1.bias``."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block is not None:
        number, layer, tensor = block.groups()
        return f"blocks.{number}.{CHECKPOINT_BLOCK_NAMES.get(layer, layer)}.{tensor}"
    layer, _, tensor = name.partition(".")
    return f"{CHECKPOINT_NAMES.get(layer, layer)}.{tensor}"
