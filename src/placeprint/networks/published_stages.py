"""The trunks of published networks in stages, so that training can begin at any of them; the published head is left.

A ResNet has the stages of `networks.resnet`, a VGG16 one. DINOv2 has a stage for its patches, one for each block, and
one for the last norm. What goes from one to the next is a map ``(B, C, rows + 1, columns)``: its first row is the class
token, again and again, and the last stage leaves it out.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from placeprint.errors import OptionError, WeightsError
from placeprint.networks.colors import ColorInput
from placeprint.networks.published import Sight, checkpoints, find_network
from placeprint.networks.published.building import dinov2
from placeprint.networks.published.dinov2 import HEAD, PATCH, DINOv2, as_map
from placeprint.networks.published.specs import DINOv2Trunk, VGGTrunk
from placeprint.networks.published.trunks import LessMean
from placeprint.networks.resnet import Stem, shape_of
from placeprint.networks.staged_backbone import StagedBackbone, resnet_backbone, vgg16_backbone

VARIANT = "dinov2"
LARGEST = 4096
"""Larger widths and numbers of blocks come from a damaged file, not from a DINOv2."""


def published_stages(name: str) -> StagedBackbone:
    """Return the trunk of a published network with its weights in stages, in eval mode.

    Args:
        name: the name of the network, as ``megaloc``.

    Raises:
        OptionError: there is no such network, or its trunk cannot be trained.
        WeightsError: its weights are not here.
    """
    network = find_network(name)
    match network.trunk:
        case DINOv2Trunk():
            if network.trunk.adapters != "none":
                raise OptionError(f"{name!r} has adapters in its trunk, which cannot be trained here; take another")
            trunk = checkpoints.load(network).trunk
            assert isinstance(trunk, DINOv2)  # as the table says
            return dinov2_stages(trunk, dataclasses.replace(network.trunk, facet=None))
        case VGGTrunk():
            if network.trunk.last_relu:
                raise OptionError(
                    f"{name!r} ends with a ReLU, which VGG16 in stages does not have; take another network"
                )
            return _vgg(checkpoints.load(network).trunk, network.sight)
        case _:
            return _resnet(checkpoints.load(network).trunk)


def _resnet(trunk: nn.Module) -> StagedBackbone:
    layers: Any = list(trunk.children())
    stem, stages = layers[:2], layers[4:]
    state = {
        f"layer{number}.{key}": value
        for number, stage in enumerate(stages, 1)
        for key, value in stage.state_dict().items()
    }
    found = resnet_backbone(shape_of(state | {"conv1.weight": stem[0].weight}))
    first: Any = found.stages[0]
    assert isinstance(first, Stem)
    first.conv1.load_state_dict(stem[0].state_dict())
    first.bn1.load_state_dict(stem[1].state_dict())
    for own, stage in zip(found.stages[1:], stages, strict=True):
        own.load_state_dict(stage.state_dict())
    return found


def _vgg(trunk: nn.Module, sight: Sight) -> StagedBackbone:
    mean: Sequence[float] = sight.mean
    deviation: Sequence[float] = sight.deviation
    if isinstance(trunk, LessMean):
        mean, deviation = [float(each) / 255 for each in trunk.mean], [1 / 255] * 3
        trunk = trunk.layers
    found: Any = vgg16_backbone(mean, deviation)
    found.stages[0].layers.load_state_dict(trunk.state_dict())
    backbone: StagedBackbone = found
    return backbone


class FirstStage(ColorInput):
    """Patches with their positions, and the class token.

    Args:
        trunk: its blocks and last norm are skipped.
        sight: how pictures are normalized.
    """

    def __init__(self, trunk: DINOv2, sight: Sight) -> None:
        super().__init__(sight.mean, sight.deviation)
        self.trunk = trunk

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of ``(B, 3, H, W)`` RGB in [0, 255], sides multiples of 14."""
        tokens = self.trunk.embed(self.normalized(pictures))
        return _as_map(tokens, pictures.shape[3] // PATCH)


class BlockStage(nn.Module):
    """A block, or the last norm, between maps.

    Args:
        layer: works on tokens.
        last: leave the row of the class token out afterwards.
    """

    def __init__(self, layer: nn.Module, *, last: bool = False) -> None:
        super().__init__()
        self.layer, self.last = layer, last

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the map of a map ``(B, C, rows + 1, columns)``."""
        columns = maps.shape[3]
        tokens = maps.flatten(2).transpose(1, 2)[:, columns - 1 :]
        found = _as_map(self.layer(tokens), columns)
        return found[:, :, 1:] if self.last else found


def dinov2_stages(trunk: DINOv2, spec: DINOv2Trunk) -> StagedBackbone:
    """Return a DINOv2 in stages, which take its layers.

    Args:
        trunk: taken apart.
        spec: how it is built.
    """
    blocks, norm = list(trunk.blocks), trunk.norm
    trunk.blocks, trunk.mask_token, trunk.norm = nn.ModuleList(), None, nn.Identity()
    last = BlockStage(norm if spec.normalize else nn.Identity(), last=True)
    stages = [FirstStage(trunk, Sight()), *(BlockStage(block) for block in blocks), last]
    described = {"variant": VARIANT, "spec": json.dumps(dataclasses.asdict(spec))}
    return StagedBackbone(
        stages, spec.width, PATCH, center=(PATCH - 1) / 2, multiple=PATCH, description=described
    ).eval()


def dinov2_from(said: Mapping[str, str]) -> StagedBackbone:
    """Return a DINOv2 in stages with random weights from the header of its file.

    Raises:
        WeightsError: the header describes none.
    """
    try:
        spec = DINOv2Trunk(**json.loads(said.get("spec", "")))
        if not (spec.width % HEAD == 0 and 0 < spec.width <= LARGEST and 0 < spec.depth <= LARGEST):
            raise ValueError("numbers out of range")
        return dinov2_stages(dinov2(spec), spec)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"the header describes a DINOv2 {said.get('spec', '')[:80]!r}, which does not exist"
        ) from error


def _as_map(tokens: torch.Tensor, columns: int) -> torch.Tensor:
    """Return ``(B, C, rows + 1, columns)`` of the class token and patches ``(B, 1 + rows x columns, C)``."""
    token = tokens[:, :1].expand(-1, columns - 1, -1)
    return as_map(torch.cat([token, tokens], dim=1), (tokens.shape[1] - 1) // columns + 1, columns)
