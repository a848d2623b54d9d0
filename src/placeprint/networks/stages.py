"""Backbones in stages, so that training can start at any of them.

The output of the stages before the first trained one never changes, so it can be computed once and cached.

- EfficientNet-Lite: stage 0 is the stem, 1 to 7 are the stages of `networks.efficientnet`. With `last_stage = 4`
  or 5 the network ends there, with a map of stride 16; with 7, its last map has stride 32, or 16 without the last
  down-sampling.
- ResNet: `networks.resnet`; those loaded by transformers are split into its stages.
- The trunks of published networks: `networks.published_stages`.
- VGG16 (`networks.vgg`), XFeat's map and other transformers networks: one stage for the whole network.

A network is stored as a safetensors file, whose header describes its structure: ``variant`` and what that needs.

- ``lite0`` to ``lite4``: ``last_downsampling`` and ``last_stage``; batch normalization is folded.
- ``dinov2``: ``spec``, JSON of `published.specs.DINOv2Trunk`.
- ``resnet``: ``shape``, JSON of `resnet.ResNetShape`.
- ``transformers``: ``config``, JSON of the configuration of the network.
- ``vgg16`` and ``xfeat``: nothing more.

Mean and deviation of the colors are among the tensors.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from placeprint.errors import OptionError, WeightsError
from placeprint.networks.colors import ColorInput
from placeprint.networks.efficientnet import (
    CENTERS,
    LAST_STRIDED_STAGE,
    MULTIPLIERS,
    EfficientNetLite,
    fold_batch_norm,
    keep_last_resolution,
)
from placeprint.networks.fitting import fit_into
from placeprint.networks.pretrained import (
    EFFICIENTNET,
    EFFICIENTNET_DIMS,
    IMAGENET,
    PREFIX,
    TRAINED,
    keeps_pixel_0,
    map_shapes,
    read_efficientnet,
    read_transformer,
    transformer_from,
)
from placeprint.networks.resnet import (
    shape_from_text,
    shape_of,
    staged_names,
    torchvision_names,
)
from placeprint.networks.staged_backbone import StagedBackbone, resnet_backbone, vgg16_backbone
from placeprint.networks.weight_files import read_safetensors
from placeprint.networks.weights import load_weights
from placeprint.networks.xfeat_model import XFeatModel

STRIDES = (2, 2, 4, 8, 16, 16, 32, 32)
"""Strides of the map after the stem and after each stage of EfficientNet."""
FORMAT = "placeprint-backbone-1"
PUBLISHED = "published:"
"""Begins the names of published networks, whose trunks are trained."""


class Stem(nn.Module):
    """Stage 0 of EfficientNet: normalize the colors and filter."""

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
        self.network = XFeatModel()
        fit_into(self.network, load_weights("xfeat"))
        del self.network.keypoint_head, self.network.heatmap_head, self.network.fine_matcher

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 64, H / 8, W / 8)`` from ``(B, 3, H, W)`` RGB in [0, 255]; sides are multiples of 32."""
        return self.network.descriptor_map(self.network.norm(pictures.mean(dim=1, keepdim=True) / 255))


class TransformerMap(ColorInput):
    """The last map of a transformers network."""

    def __init__(self, network: nn.Module, settings: Mapping[str, Any]) -> None:
        super().__init__(settings["image_mean"], settings["image_std"])
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of ``(B, 3, H, W)`` RGB in [0, 255]."""
        found: torch.Tensor = self.network(self.normalized(pictures)).feature_maps[-1]
        return found


def load_stages(
    name: str, *, last_downsampling: bool = True, last_stage: int = 7, batch_norm: bool = False
) -> StagedBackbone:
    """Return a pretrained network in stages, in eval mode.

    Args:
        name: ``"efficientnet-lite0"``, ``"efficientnet-lite2"``, ``"xfeat"``, ``"transformers:<name or folder>"``,
            ``"published:<name>"`` of `networks.published`, or the path of a file with the result of `stages_as_bytes`,
            to which the other arguments do not apply.
        last_downsampling: for EfficientNet, whether the sixth stage goes to stride 32; for ResNet, whether the last
            stage does.
        last_stage: for EfficientNet, the last stage: 4, 5 or 7, see the module.
        batch_norm: whether batch normalization stays a trainable layer; otherwise it is folded into the convolutions
            (EfficientNet), or frozen (the others).

    Raises:
        OptionError: the network or stage is unknown, or the network cannot keep its last resolution.
        WeightsError: its weights are not installed.
        PackageError: transformers is not installed.
    """
    if name in EFFICIENTNET_DIMS:
        network, variant = read_efficientnet(name, fold=not batch_norm), name.removeprefix(EFFICIENTNET)
        return efficientnet_stages(network, variant, last_downsampling=last_downsampling, last_stage=last_stage)
    if name.endswith(TRAINED):
        return read_stages(Path(name))
    if last_stage != len(STRIDES) - 1:
        raise OptionError(f"model.last_stage works with EfficientNet only; remove it for {name!r}")
    if name.startswith(PREFIX):
        return transformer_stages(*read_transformer(name.removeprefix(PREFIX)), last_downsampling=last_downsampling)
    if not last_downsampling:
        raise OptionError(f"{name!r} cannot skip its last down-sampling; set model.last_downsampling = true")
    if name == "xfeat":
        return _xfeat_stages()
    if name.startswith(PUBLISHED):
        from placeprint.networks.published_stages import published_stages

        return published_stages(name.removeprefix(PUBLISHED))
    raise OptionError(
        f"no backbone called {name!r} that can be trained; known: {', '.join(EFFICIENTNET_DIMS)}, xfeat, "
        f"{PREFIX}<name on the Hugging Face hub, or the path of a folder>, {PUBLISHED}<name of a "
        f"published network>, or the path of a {TRAINED} file"
    )


def transformer_stages(network: Any, settings: Mapping[str, Any], *, last_downsampling: bool = True) -> StagedBackbone:
    """Return a transformers network in stages, in eval mode: a ResNet in its stages, others in one.

    Args:
        network: the first result of `read_transformer`.
        settings: its second result.
        last_downsampling: for a ResNet, whether the first block of the last stage halves the sides of the map.

    Raises:
        OptionError: the network is not a ResNet and cannot skip its last down-sampling, or it gives no maps.
    """
    config = network.config
    if config.model_type == "resnet" and config.hidden_act == "relu":
        state = torchvision_names(network.state_dict())
        strides = [2] * len(config.depths)
        strides[0] = 2 if config.downsample_in_first_stage else 1
        if not last_downsampling:
            strides[-1] = 1
        shape = shape_of(state, tuple(strides), stride_first=bool(config.downsample_in_bottleneck))
        found = resnet_backbone(shape, settings["image_mean"], settings["image_std"])
        fit_into(found, staged_names(state), ("stages.0.mean", "stages.0.deviation"))
        return found
    if not last_downsampling:
        raise OptionError(
            f"a network of the kind {config.model_type!r} cannot skip its last down-sampling; set "
            "model.last_downsampling = true, or use a ResNet"
        )
    stage = TransformerMap(network, settings).eval()
    shapes = map_shapes(network)
    stride = shapes[-1][1]
    center = 0.0 if keeps_pixel_0(network) else (stride - 1) / 2
    described = {"variant": "transformers", "config": json.dumps(config.to_dict())}
    return StagedBackbone(
        [stage], shapes[-1][0], stride, center=center, multiple=max(each for _, each in shapes), description=described
    ).eval()


def _xfeat_stages() -> StagedBackbone:
    return StagedBackbone([XFeatMap()], 64, 8, center=3.5, description={"variant": "xfeat"}).eval()


def efficientnet_stages(
    network: EfficientNetLite, variant: str, *, last_downsampling: bool = True, last_stage: int = 7
) -> StagedBackbone:
    """Return the stages of an EfficientNet, which share its weights.

    Raises:
        OptionError: `last_stage` is not 4, 5 or 7.
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
    described = {
        "variant": variant,
        "last_downsampling": str(last_downsampling).lower(),
        "last_stage": str(last_stage),
    }
    channels = last[-1].project[0].out_channels
    found = StagedBackbone(stages, channels, stride, center=CENTERS[stride], description=described)
    return found.train(network.training)


def stages_as_bytes(backbone: StagedBackbone) -> bytes:
    """Return the content of a network's file, see the module; the network is not changed.

    Raises:
        OptionError: the network is custom, so no header can describe it.
    """
    from safetensors.torch import save

    if backbone.description is None:
        raise OptionError("only networks that placeprint builds itself can be written with their trained weights")
    folded = fold_batch_norm(copy.deepcopy(backbone).eval())
    state = {name: value.detach().cpu().contiguous().clone() for name, value in folded.state_dict().items()}
    return bytes(save(state, metadata={"format": FORMAT, **backbone.description}))


def read_stages(path: Path) -> StagedBackbone:
    """Return the network of a file with the result of `stages_as_bytes`, in eval mode.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
        PackageError: the network needs transformers, which is not installed.
    """
    state, said = read_safetensors(path)
    variant = said.get("variant", "")
    build = BUILDERS.get(variant, _efficientnet_from if variant in MULTIPLIERS else None)
    if said.get("format") != FORMAT or build is None:
        raise WeightsError(f"{str(path)!r} is not a trained backbone of placeprint; its header says {str(said)[:200]}")
    found = build(said)
    fit_into(found, state)
    return found.eval()


def _efficientnet_from(said: Mapping[str, str]) -> StagedBackbone:
    if said.get("last_stage") not in {"4", "5", "7"}:
        raise WeightsError(
            f"a trained EfficientNet ends with stage 4, 5 or 7, its header says {said.get('last_stage')}"
        )
    variant = said["variant"]
    return efficientnet_stages(
        fold_batch_norm(EfficientNetLite(variant).eval()),
        variant,
        last_downsampling=said.get("last_downsampling") == "true",
        last_stage=int(said["last_stage"]),
    )


def _resnet_from(said: Mapping[str, str]) -> StagedBackbone:
    return resnet_backbone(shape_from_text(said.get("shape", "")))


def _transformer_from(said: Mapping[str, str]) -> StagedBackbone:
    return transformer_stages(transformer_from(said.get("config", "")), IMAGENET)


def _dinov2_from(said: Mapping[str, str]) -> StagedBackbone:
    from placeprint.networks.published_stages import dinov2_from

    return dinov2_from(said)


BUILDERS: Mapping[str, Callable[[Mapping[str, str]], StagedBackbone]] = {
    "dinov2": _dinov2_from,
    "resnet": _resnet_from,
    "vgg16": lambda _: vgg16_backbone(),
    "transformers": _transformer_from,
    "xfeat": lambda _: _xfeat_stages(),
}
"""Functions that build the network of a file from its header, by the header's ``variant``."""
