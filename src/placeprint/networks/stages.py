"""Backbones in stages, so that training can begin at any of them.

What the stages before the first trained one make of a photo never changes, so it can be computed once and kept.

- EfficientNet-Lite: stage 0 is the stem, 1 to 7 are the stages of `networks.efficientnet`. With `last_stage = 4`
  or 5 the network ends there, with a map of stride 16; with 7, its last map has stride 32, or 16 without the last
  down-sampling.
- XFeat's map and the networks of transformers: one stage, all of the network.

A trained EfficientNet is kept in a file of safetensors, batch normalization folded; its header says how it is built:
``variant``, ``last_downsampling`` and ``last_stage``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from placeprint.errors import OptionError, WeightsError
from placeprint.networks.backbones import (
    EFFICIENTNET,
    EFFICIENTNET_DIMS,
    PREFIX,
    PROBE,
    TRAINED,
    read_efficientnet,
    read_transformer,
)
from placeprint.networks.efficientnet import (
    LAST_STRIDED_STAGE,
    MULTIPLIERS,
    EfficientNetLite,
    fold_batch_norm,
    keep_last_resolution,
)
from placeprint.networks.weights import fit_into, load_weights

STRIDES = (2, 2, 4, 8, 16, 16, 32, 32)
"""Of the map after the stem and after each stage of EfficientNet."""
FORMAT = "placeprint-backbone-1"


class StagedBackbone(nn.Module):
    """A network cut into stages.

    Args:
        stages: one after the other; the first takes ``(B, 3, H, W)`` float32 RGB in [0, 255].
        channels: of the last map.
        stride: pixels of the picture from cell to cell of the last map.
    """

    description: dict[str, str] | None = None
    """How an EfficientNet is built; None for other networks."""

    def __init__(self, stages: Sequence[nn.Module], channels: int, stride: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels, self.stride = channels, stride

    def forward(self, maps: torch.Tensor, begin: int = 0, end: int | None = None) -> torch.Tensor:
        """Return what the stages from `begin` up to `end` make of what the one before `begin` gave."""
        for stage in self.stages[begin:end]:
            maps = stage(maps)
        return maps


class Stem(nn.Module):
    """Stage 0 of EfficientNet: brings the colors to the network's range, and filters."""

    def __init__(self, filters: nn.Module) -> None:
        super().__init__()
        self.filters = filters

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of ``(B, 3, H, W)`` RGB in [0, 255]."""
        found: torch.Tensor = self.filters((pictures - 127) / 128)
        return found


class XFeatMap(nn.Module):
    """XFeat's map of descriptors of stride 8, without its keypoints."""

    def __init__(self) -> None:
        super().__init__()
        from kornia.feature.xfeat import XFeatModel

        self.network: Any = XFeatModel()
        fit_into(self.network, load_weights("xfeat"))
        del self.network.keypoint_head, self.network.heatmap_head, self.network.fine_matcher

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 64, H / 8, W / 8)`` of ``(B, 3, H, W)`` RGB in [0, 255]; sides are multiples of 32."""
        network = self.network
        grey = network.norm(pictures.mean(dim=1, keepdim=True) / 255)
        third = network.block3(network.block2(network.block1(grey) + network.skip1(grey)))
        fourth = network.block4(third)
        fifth = network.block5(fourth)
        whole = third
        for level in (fourth, fifth):
            whole = whole + nn.functional.interpolate(level, third.shape[2:], mode="bilinear", align_corners=False)
        found: torch.Tensor = network.block_fusion(whole)
        return found


class TransformerMap(nn.Module):
    """The last map of a network that transformers loads."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, place: str) -> None:
        super().__init__()
        self.network, settings = read_transformer(place)
        self.register_buffer("mean", torch.tensor(settings["image_mean"])[:, None, None] * 255)
        self.register_buffer("deviation", torch.tensor(settings["image_std"])[:, None, None] * 255)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of ``(B, 3, H, W)`` RGB in [0, 255]."""
        found: torch.Tensor = self.network((pictures - self.mean) / self.deviation).feature_maps[-1]
        return found


def load_stages(
    name: str, *, last_downsampling: bool = True, last_stage: int = 7, batch_norm: bool = False
) -> StagedBackbone:
    """Return a pretrained network in stages, in eval mode.

    Args:
        name: ``"efficientnet-lite0"``, ``"efficientnet-lite2"``, ``"xfeat"``, ``"transformers:<name or folder>"``, or
            the path of a file that holds what `stages_as_bytes` returned, to which the other arguments do not apply.
        last_downsampling: of EfficientNet: whether the sixth stage goes to stride 32.
        last_stage: of EfficientNet: 4, 5 or 7, see the module.
        batch_norm: whether batch normalization stays a layer of its own, to be trained; otherwise it is folded into
            the convolutions (EfficientNet), or frozen (the others).

    Raises:
        OptionError: there is no such network or stage.
        WeightsError: its weights are not installed.
        PackageError: transformers is not installed.
    """
    if name in EFFICIENTNET_DIMS:
        network, variant = read_efficientnet(name, fold=not batch_norm), name.removeprefix(EFFICIENTNET)
        return efficientnet_stages(network, variant, last_downsampling=last_downsampling, last_stage=last_stage)
    if name.endswith(TRAINED):
        return read_stages(Path(name))
    if name == "xfeat":
        return StagedBackbone([XFeatMap()], 64, 8).eval()
    if name.startswith(PREFIX):
        stage = TransformerMap(name.removeprefix(PREFIX)).eval()
        with torch.inference_mode():
            tried = stage(torch.zeros(1, 3, PROBE, PROBE))
        return StagedBackbone([stage], tried.shape[1], PROBE // tried.shape[-1])
    raise OptionError(
        f"no backbone called {name!r} that can be trained; known: {', '.join(EFFICIENTNET_DIMS)}, xfeat, "
        f"{PREFIX}<name on the Hugging Face hub, or the path of a folder>, or the path of a {TRAINED} file"
    )


def efficientnet_stages(
    network: EfficientNetLite, variant: str, *, last_downsampling: bool = True, last_stage: int = 7
) -> StagedBackbone:
    """Return the stages of an EfficientNet, which share its weights.

    Raises:
        OptionError: `last_stage` is none of 4, 5 and 7.
    """
    if last_stage not in {4, 5, 7}:
        raise OptionError(f"last_stage must be 4, 5 or 7, got {last_stage}")
    if not last_downsampling:
        keep_last_resolution(network)
    begins = [0, *network.ends]
    blocks = [network.blocks[begin:end] for begin, end in zip(begins, network.ends, strict=False)]
    stages: list[nn.Module] = [Stem(network.stem), *(nn.Sequential(*part) for part in blocks[:last_stage])]
    last: Any = stages[-1]
    stride = STRIDES[last_stage]
    if last_stage > LAST_STRIDED_STAGE and not last_downsampling:
        stride //= 2
    found = StagedBackbone(stages, last[-1].project[0].out_channels, stride).train(network.training)
    found.description = {
        "variant": variant,
        "last_downsampling": str(last_downsampling).lower(),
        "last_stage": str(last_stage),
    }
    return found


def stages_as_bytes(backbone: StagedBackbone) -> bytes:
    """Return the file of a trained EfficientNet, see the module; the network itself is left as it is.

    Raises:
        OptionError: it is another network.
    """
    from safetensors.torch import save

    if backbone.description is None:
        raise OptionError("only an EfficientNet can be written with its trained weights")
    folded = fold_batch_norm(copy.deepcopy(backbone).eval())
    state = {name: value.detach().cpu().contiguous() for name, value in folded.state_dict().items()}
    return bytes(save(state, metadata={"format": FORMAT, **backbone.description}))


def read_stages(path: Path) -> StagedBackbone:
    """Return the network of a file that holds what `stages_as_bytes` returned, in eval mode.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            said, names = file.metadata() or {}, list(file.keys())
            state = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read the network {str(path)!r}: {' '.join(str(error).split())[:120]}") from error
    variant, last_stage = said.get("variant", ""), said.get("last_stage", "")
    if said.get("format") != FORMAT or variant not in MULTIPLIERS or last_stage not in {"4", "5", "7"}:
        raise WeightsError(f"{str(path)!r} is no trained backbone of placeprint; its header says {said}")
    network = fold_batch_norm(EfficientNetLite(variant).eval())
    found = efficientnet_stages(
        network, variant, last_downsampling=said.get("last_downsampling") == "true", last_stage=int(last_stage)
    )
    fit_into(found, state)
    return found
