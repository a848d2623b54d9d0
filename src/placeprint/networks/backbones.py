"""Networks that make a map of features of a picture, by name.

- ``efficientnet-lite2`` and the smaller ``efficientnet-lite0``: their weights come in packages of their own (see
  `networks.weights`).
- ``transformers:facebook/dinov2-small``, or any other hub name, and ``transformers:`` and a folder, or just the path
  of a folder: the backbone that transformers has for it. A hub name is downloaded when it is first used, unless
  it is in the cache; its weights are not pinned, so name a folder where answers must stay the same.
- the path of a ``.safetensors`` file: an EfficientNet with weights of one's own (see `networks.stages`), which has one
  map.

Where cell i of a map of stride s looks: at pixel ``s i + center``. The center is measured for EfficientNet. For others
it follows from their layers of stride above 1: those that pad by half their kernel keep pixel 0 in the middle of cell
0 (ResNet: center 0), those that cut the picture into patches do not (ViT, ConvNeXt: center ``(s - 1) / 2``).
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.errors import OptionError, PackageError, WeightsError
from placeprint.networks.weights import device, load_weights

if TYPE_CHECKING:
    import torch

    from placeprint.networks.efficientnet import EfficientNetLite

PREFIX = "transformers:"
TRAINED = ".safetensors"
"""How the names of files of trained networks end."""
EFFICIENTNET = "efficientnet-"
EFFICIENTNET_DIMS = {"efficientnet-lite0": {16: 112, 32: 320}, "efficientnet-lite2": {16: 120, 32: 352}}
"""Channels of the map of a stride, of those that have weights."""
IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
"""Of the pictures most networks were trained with, in [0, 1]."""
PROBE = 224
"""Side of the picture a network is tried with: a multiple of 8, 14, 16, 28 and 32."""

_loading = threading.Lock()


@dataclass(frozen=True)
class Backbone:
    """A network that makes a map of features.

    Args:
        stride: pixels of the picture from cell to cell.
        dim: channels of the map.
        multiple: the sides of pictures are multiples of this.
        center: pixel, in x and in y, the first cell looks at.
        module: maps ``(B, 3, H, W)`` float32 RGB in [0, 255] to ``(B, dim, H / stride, W / stride)``, without
            gradient, on any device.
    """

    stride: int
    dim: int
    multiple: int
    center: float
    module: Callable[[torch.Tensor], torch.Tensor]

    def maps(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(B, h, w, dim)`` of ``(B, H, W, 3)`` uint8 RGB pictures."""
        import torch

        with torch.inference_mode():
            found = self.module(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
            return np.asarray(found.permute(0, 2, 3, 1).cpu().numpy(), np.float32)


def load_backbone(name: str, stride: int = 0) -> Backbone:
    """Return a network, loaded once a process, on the GPU where there is one.

    Args:
        name: see the module.
        stride: pixels from cell to cell, for networks that have maps of several; 0 for the usual one, 16 of
            EfficientNet and the last one of others.

    Raises:
        OptionError: there is no such network, or no such stride; or transformers is not installed.
        WeightsError: its weights are not installed, or cannot be loaded.
    """
    with _loading:
        return _load(name, stride)


def backbone_dim(name: str, stride: int = 0) -> int:
    """Return the channels of a network's map; EfficientNet is not loaded for it. Raises like `load_backbone`."""
    known = EFFICIENTNET_DIMS.get(name, {}).get(stride or 16)
    return load_backbone(name, stride).dim if known is None else known


@functools.cache
def _load(name: str, stride: int) -> Backbone:
    if name in EFFICIENTNET_DIMS:
        return _efficientnet(name, stride or 16)
    if name.startswith(PREFIX):
        return _transformer(name.removeprefix(PREFIX), stride)
    if name.endswith(TRAINED):
        return _trained(Path(name), stride)
    if Path(name).is_dir():
        return _transformer(name, stride)
    raise OptionError(
        f"no backbone called {name!r}; known: {', '.join(EFFICIENTNET_DIMS)}, {PREFIX}<name on the Hugging Face "
        "hub>, or the path of a folder that transformers can load"
    )


def read_efficientnet(name: str, *, fold: bool = True) -> EfficientNetLite:
    """Return a network of `EFFICIENTNET_DIMS` with its weights, in eval mode on the CPU.

    Args:
        name: of the network.
        fold: whether batch normalization is folded into the convolutions.

    Raises:
        WeightsError: they are not installed, or not the expected ones.
    """
    from placeprint.networks.efficientnet import load_efficientnet

    return load_efficientnet(load_weights(name), name.removeprefix(EFFICIENTNET), fold=fold)


def _efficientnet(name: str, stride: int) -> Backbone:
    import torch

    from placeprint.networks.efficientnet import CENTERS

    dims = EFFICIENTNET_DIMS[name]
    if stride not in dims:
        raise OptionError(f"{name} has maps of stride {list(dims)}, got {stride}")
    layout, place = torch.channels_last, device()
    network: Any = read_efficientnet(name)
    network.to(place, memory_format=layout)

    def module(pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = network(pictures.to(place).contiguous(memory_format=layout), stride)
        return found

    return Backbone(stride, dims[stride], 32, CENTERS[stride], module)


def _trained(path: Path, stride: int) -> Backbone:
    import torch

    from placeprint.networks.efficientnet import CENTERS
    from placeprint.networks.stages import read_stages

    place, layout = device(), torch.channels_last
    network: Any = read_stages(path)
    if stride not in {0, network.stride}:
        raise OptionError(f"{str(path)!r} has a map of stride {network.stride}, got {stride}")
    network.to(place, memory_format=layout)

    def module(pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = network(pictures.to(place).contiguous(memory_format=layout))
        return found

    return Backbone(network.stride, network.channels, 32, CENTERS[network.stride], module)


def _transformer(place: str, stride: int) -> Backbone:
    import torch

    network, settings = read_transformer(place)
    network = network.eval().requires_grad_(False).to(device())
    mean, deviation = (
        torch.tensor(settings[key], device=device())[:, None, None] * 255 for key in ("image_mean", "image_std")
    )

    def all_maps(pictures: torch.Tensor) -> list[torch.Tensor]:
        return list(network((pictures.to(device()) - mean) / deviation).feature_maps)

    with torch.inference_mode():
        tried = all_maps(torch.zeros(1, 3, PROBE, PROBE))
    if any(each.ndim != 4 for each in tried):
        raise OptionError(f"{place!r} gives tokens and no maps; set reshape_hidden_states in its config.json")
    strides = [PROBE // each.shape[-1] for each in tried]
    if stride and stride not in strides:
        raise OptionError(f"{place!r} has maps of stride {sorted(set(strides))}, got {stride}")
    stride = stride or strides[-1]
    index = len(strides) - 1 - strides[::-1].index(stride)
    center = 0.0 if _keeps_pixel_0(network) else (stride - 1) / 2
    return Backbone(stride, tried[index].shape[1], max(strides), center, lambda pictures: all_maps(pictures)[index])


def read_transformer(place: str) -> tuple[Any, Mapping[str, Any]]:
    """Return the network with all its maps, and the mean and deviation of its pictures in [0, 1]."""
    try:
        from transformers import MODEL_FOR_BACKBONE_MAPPING, AutoConfig
        from transformers.utils import cached_file
    except ImportError as error:
        raise PackageError(
            f"the backbone {place!r} needs transformers, which is not installed; run: pip install transformers"
        ) from error
    try:
        config = AutoConfig.from_pretrained(place)
        # AutoBackbone.from_pretrained (transformers 5.23) asks the hub first, and fails for folders and offline
        network_class = MODEL_FOR_BACKBONE_MAPPING[type(config)]
        network = network_class.from_pretrained(place, out_features=config.stage_names[1:])
        file = cached_file(place, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False)
        found = {} if file is None else json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(f"transformers cannot load a backbone from {place!r}: {reason}") from error
    return network, {key: found.get(key) or usual for key, usual in IMAGENET.items()}


def _keeps_pixel_0(network: torch.nn.Module) -> bool:
    """Whether every layer of stride above 1 pads by half its kernel."""

    def pair(value: Any) -> tuple[Any, ...]:
        return tuple(value) if isinstance(value, tuple) else (value, value)

    strided = [layer for layer in network.modules() if {"kernel_size", "stride", "padding"} <= set(vars(layer))]
    strided = [layer for layer in strided if max(pair(layer.stride)) > 1]
    return all(
        2 * padding == kernel - 1
        for layer in strided
        for kernel, padding in zip(pair(layer.kernel_size), pair(layer.padding), strict=False)
    )
