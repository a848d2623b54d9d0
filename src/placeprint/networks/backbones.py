"""Networks that make a map of features of a picture, by name.

- ``efficientnet-lite2`` and the smaller ``efficientnet-lite0``: their weights come in packages of their own (see
  `networks.weights`).
- ``transformers:facebook/dinov2-small``, or any other hub name, and ``transformers:`` and a folder, or just the path
  of a folder: the backbone that transformers has for it. A hub name is downloaded when it is first used, unless
  it is in the cache; its weights are not pinned, so name a folder where answers must stay the same.
- the path of a ``.safetensors`` file: a network with weights of one's own, trained or imported (see
  `networks.stages`), which has one map.

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
        network: without gradient, on the device where networks run.
        run: makes the map ``(B, dim, H / stride, W / stride)``, by the network or a copy of it, of ``(B, 3, H, W)``
            float32 RGB in [0, 255] on the network's device.
    """

    stride: int
    dim: int
    multiple: int
    center: float
    network: torch.nn.Module
    run: Callable[[Any, torch.Tensor], torch.Tensor]

    def module(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of ``(B, 3, H, W)`` float32 RGB in [0, 255] on any device."""
        import torch

        return self.run(self.network, pictures.to(device()).contiguous(memory_format=torch.channels_last))

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
    network: Any = read_efficientnet(name).requires_grad_(False)
    network.to(device(), memory_format=torch.channels_last)
    return Backbone(stride, dims[stride], 32, CENTERS[stride], network, lambda net, pictures: net(pictures, stride))


def _trained(path: Path, stride: int) -> Backbone:
    import torch

    from placeprint.networks.stages import read_stages

    network: Any = read_stages(path).requires_grad_(False)
    if stride not in {0, network.stride}:
        raise OptionError(f"{str(path)!r} has a map of stride {network.stride}, got {stride}")
    network.to(device(), memory_format=torch.channels_last)
    return Backbone(
        network.stride,
        network.channels,
        network.multiple,
        network.center,
        network,
        lambda net, pictures: net(pictures),
    )


def _transformer(place: str, stride: int) -> Backbone:
    import torch

    network, settings = read_transformer(place)
    network = network.eval().requires_grad_(False).to(device())
    mean, deviation = (torch.tensor(settings[key])[:, None, None] * 255 for key in ("image_mean", "image_std"))

    def all_maps(net: Any, pictures: torch.Tensor) -> list[torch.Tensor]:
        place = pictures.device
        return list(net((pictures - mean.to(place)) / deviation.to(place)).feature_maps)

    with torch.inference_mode():
        tried = all_maps(network, torch.zeros(1, 3, PROBE, PROBE, device=device()))
    if any(each.ndim != 4 for each in tried):
        raise OptionError(f"{place!r} gives tokens and no maps; set reshape_hidden_states in its config.json")
    strides = [PROBE // each.shape[-1] for each in tried]
    if stride and stride not in strides:
        raise OptionError(f"{place!r} has maps of stride {sorted(set(strides))}, got {stride}")
    stride = stride or strides[-1]
    index = len(strides) - 1 - strides[::-1].index(stride)
    center = 0.0 if keeps_pixel_0(network) else (stride - 1) / 2
    dim = tried[index].shape[1]
    return Backbone(stride, dim, max(strides), center, network, lambda net, pictures: all_maps(net, pictures)[index])


def read_transformer(place: str) -> tuple[Any, Mapping[str, Any]]:
    """Return the network with all its maps, and the mean and deviation of its pictures in [0, 1].

    Raises:
        PackageError: transformers is not installed.
        WeightsError: there is no such network, or it cannot be loaded whole.
    """
    _need_transformers(place)
    from transformers import MODEL_FOR_BACKBONE_MAPPING, AutoConfig
    from transformers.utils import cached_file

    try:
        config = AutoConfig.from_pretrained(place)
        # AutoBackbone.from_pretrained (transformers 5.23) asks the hub first, and fails for folders and offline
        network_class = MODEL_FOR_BACKBONE_MAPPING[type(config)]
        network, told = network_class.from_pretrained(
            place, out_features=config.stage_names[1:], output_loading_info=True
        )
        file = cached_file(place, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False)
        found = {} if file is None else json.loads(Path(file).read_text(encoding="utf-8"))
        settings = {key: [float(value) for value in found.get(key) or usual] for key, usual in IMAGENET.items()}
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        where = "" if Path(place).is_dir() else "; it is no folder here, and a name needs the network or a download"
        raise WeightsError(f"transformers cannot load a backbone from {place!r}{where}: {reason}") from error
    # norms of the maps belong to the backbone, and only some files have them; they begin as norms without effect
    if missing := sorted(name for name in told["missing_keys"] if not name.startswith("hidden_states_norms.")):
        raise WeightsError(
            f"{place!r} lacks {len(missing)} weights of its network, {missing[0]} among them, which transformers would "
            "make up; save the network whole"
        )
    return network, settings


def transformer_from(text: str) -> Any:
    """Return a network of transformers with random weights and all its maps.

    Args:
        text: JSON of its configuration.

    Raises:
        PackageError: transformers is not installed.
        WeightsError: it is no configuration of a backbone.
    """
    _need_transformers("of the file")
    from transformers import MODEL_FOR_BACKBONE_MAPPING, AutoConfig

    try:
        config = AutoConfig.for_model(**json.loads(text))
        return MODEL_FOR_BACKBONE_MAPPING[type(config)](config)
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise WeightsError(f"the header says of a network of transformers what is none: {reason}") from error


def _need_transformers(place: str) -> None:
    try:
        import transformers  # noqa: F401  # told before it is used
    except ImportError as error:
        raise PackageError(
            f"the backbone {place!r} needs transformers, which is not installed; run: pip install transformers"
        ) from error


def keeps_pixel_0(network: torch.nn.Module) -> bool:
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
