"""ResNet and ResNeXt in stages (He et al., CVPR 2016; Xie et al., CVPR 2017), of any size, without their classifier.

The structure follows from the weights, by their names in torchvision and code derived from it: ``conv1``, ``bn1``,
``layer1.0.conv1`` and so on. The weights do not show the strides of the stages. Usually all but the first halve the
sides of the map. A stage of stride 1 keeps them, so the map is twice as fine, as in CGD.

Stage 0 is the stem, with the max pooling after it, 1 to 4 are ``layer1`` to ``layer4``. Every layer of stride 2 pads by
half of its kernel, so cell i of a map of stride s is centered at pixel ``s i``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from placeprint.errors import WeightsError
from placeprint.networks.colors import ColorInput

USUAL_STRIDES = (1, 2, 2, 2)
STEM_STRIDE = 4
LARGEST = 2**16
"""Largest number of channels and blocks; more means a damaged file."""


@dataclass(frozen=True)
class ResNetShape:
    """The structure of a ResNet.

    Args:
        bottleneck: whether a block has three layers (ResNet-50 and larger) or two.
        stem: the channels of the stem.
        depths: the number of blocks of each stage.
        widths: the channels inside the blocks of each stage.
        channels: the channels of the map of each stage.
        groups: the groups of the 3 x 3 convolutions of bottlenecks.
        strides: the strides of the first block of each stage.
        shortcuts: whether the first block of each stage has a convolution in its shortcut; empty for those that change
            the size.
        stride_first: whether a bottleneck strides in its first layer, as in the paper, instead of its 3 x 3 layer.
    """

    bottleneck: bool
    stem: int
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    channels: tuple[int, ...]
    groups: int = 1
    strides: tuple[int, ...] = USUAL_STRIDES
    shortcuts: tuple[bool, ...] = ()
    stride_first: bool = False

    @property
    def stride(self) -> int:
        """The pixels of the picture from cell to cell of the last map."""
        found = STEM_STRIDE
        for stride in self.strides:
            found *= stride
        return found

    def as_text(self) -> str:
        """Return the text that `shape_from_text` reads."""
        return json.dumps(asdict(self))


def shape_from_text(text: str) -> ResNetShape:
    """Return the shape that `ResNetShape.as_text` wrote.

    Raises:
        WeightsError: it is not a such text.
    """
    try:
        values = json.loads(text)
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        made = ResNetShape(**given)
        numbers = (made.stem, made.groups, *made.depths, *made.widths, *made.channels, *made.strides)
        stages = {len(made.depths), len(made.widths), len(made.channels), len(made.strides)}
        stages |= {len(made.shortcuts)} - {0}
        if len(stages) > 1 or not all(isinstance(value, int) and 0 < value <= LARGEST for value in numbers):
            raise ValueError("numbers out of range")
    except (TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"the header describes a ResNet {text[:80]!r}, which does not exist") from error
    return made


class Block(nn.Module):
    """A residual block, with the names of torchvision."""

    def __init__(self, before: int, width: int, after: int, stride: int, shape: ResNetShape, *, shortcut: bool) -> None:
        super().__init__()
        self.bottleneck = shape.bottleneck
        if shape.bottleneck:
            first, second = (stride, 1) if shape.stride_first else (1, stride)
            self.conv1 = nn.Conv2d(before, width, 1, first, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, second, 1, groups=shape.groups, bias=False)
            self.conv3 = nn.Conv2d(width, after, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(after)
        else:
            self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(width, after, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.bn2 = nn.BatchNorm2d(width if shape.bottleneck else after)
        self.downsample: nn.Sequential | None = None
        if shortcut:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's map of ``(B, C, H, W)``."""
        y: torch.Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.bottleneck:
            y = self.bn3(self.conv3(self.relu(y)))
        rest = x if self.downsample is None else self.downsample(x)
        found: torch.Tensor = self.relu(y + rest)
        return found


class Stem(ColorInput):
    """Stage 0: normalize the colors, filter, and pool maxima.

    Args:
        channels: the channels of its map.
        mean: the mean of red, green and blue in [0, 1].
        deviation: the same.
    """

    def __init__(self, channels: int, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__(mean, deviation)
        self.conv1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of stride 4 of ``(B, 3, H, W)`` RGB in [0, 255]."""
        found: torch.Tensor = self.maxpool(self.relu(self.bn1(self.conv1(self.normalized(pictures)))))
        return found


def resnet_stages(shape: ResNetShape, mean: Sequence[float], deviation: Sequence[float]) -> list[nn.Module]:
    """Return the stages of a ResNet with random weights."""
    stages: list[nn.Module] = [Stem(shape.stem, mean, deviation)]
    before = shape.stem
    for stage, (depth, width, after) in enumerate(zip(shape.depths, shape.widths, shape.channels, strict=True)):
        stride = shape.strides[stage]
        shortcut = shape.shortcuts[stage] if shape.shortcuts else stride != 1 or before != after
        blocks = [Block(before, width, after, stride, shape, shortcut=shortcut)]
        blocks += [Block(after, width, after, 1, shape, shortcut=False) for _ in range(depth - 1)]
        before = after
        stages.append(nn.Sequential(*blocks))
    return stages


def shape_of(
    state: Mapping[str, torch.Tensor], strides: tuple[int, ...] | None = None, *, stride_first: bool = False
) -> ResNetShape:
    """Return the structure of the network from weights with torchvision's names.

    Args:
        state: the weights; those of a classifier are ignored.
        strides: the strides of the stages; None for the defaults.
        stride_first: see `ResNetShape`.

    Raises:
        WeightsError: the weights are not those of a ResNet; the message names what is missing.
    """
    blocks: dict[int, set[int]] = {}
    for name in state:
        if match := re.match(r"layer(\d+)\.(\d+)\.", name):
            blocks.setdefault(int(match[1]), set()).add(int(match[2]))
    stages = sorted(blocks)
    if not stages or stages != list(range(1, len(stages) + 1)):
        raise WeightsError("the weights are not those of a ResNet: missing layer1 and those after it")
    bottleneck = "layer1.0.conv3.weight" in state
    last = "conv3" if bottleneck else "conv2"

    def sizes(name: str) -> torch.Size:
        if name not in state or state[name].ndim != 4:
            raise WeightsError(f"the weights are not those of a ResNet: missing {name} with 4 axes")
        return state[name].shape

    inner = [sizes(f"layer{stage}.0.conv2.weight") for stage in stages]
    widths = tuple(sizes(f"layer{stage}.0.conv1.weight")[0] for stage in stages)
    return ResNetShape(
        bottleneck=bottleneck,
        stem=sizes("conv1.weight")[0],
        depths=tuple(max(blocks[stage]) + 1 for stage in stages),
        widths=widths,
        channels=tuple(sizes(f"layer{stage}.0.{last}.weight")[0] for stage in stages),
        groups=max(1, widths[0] // max(1, inner[0][1])) if bottleneck else 1,
        strides=strides or (1, *[2] * (len(stages) - 1)),
        shortcuts=tuple(f"layer{stage}.0.downsample.0.weight" in state for stage in stages),
        stride_first=stride_first,
    )


def staged_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give weights with torchvision's names the names of the stages; a classifier is dropped."""
    renamed = {}
    for name, value in state.items():
        if match := re.match(r"layer(\d+)\.(.*)", name):
            renamed[f"stages.{match[1]}.{match[2]}"] = value
        elif name.startswith(("conv1.", "bn1.")):
            renamed[f"stages.0.{name}"] = value
        elif not name.startswith("fc."):
            renamed[name] = value
    return renamed


def torchvision_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """Rename weights of a transformers ResNet to torchvision's names."""
    renamed = {}
    for name, value in state.items():
        name_ = name.replace("embedder.embedder.convolution", "conv1").replace("embedder.embedder.normalization", "bn1")
        if match := re.match(r"encoder\.stages\.(\d+)\.layers\.(\d+)\.(.*)", name):
            name_ = f"layer{int(match[1]) + 1}.{match[2]}.{match[3]}"
            name_ = name_.replace("shortcut.convolution", "downsample.0").replace(
                "shortcut.normalization", "downsample.1"
            )
            if layer := re.search(r"layer\.(\d+)\.(convolution|normalization)", name_):
                own = "conv" if layer[2] == "convolution" else "bn"
                name_ = name_.replace(layer[0], f"{own}{int(layer[1]) + 1}")
        renamed[name_] = value
    return renamed
