"""Pretrained networks by name, from installed packages and from transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placeprint.core.one_line import one_line
from placeprint.errors import OptionError, PackageError, WeightsError
from placeprint.networks.weights import load_weights

if TYPE_CHECKING:
    import torch

    from placeprint.networks.efficientnet import EfficientNetLite

PREFIX = "transformers:"
TRAINED = ".safetensors"
"""Suffix of files of trained networks."""
EFFICIENTNET = "efficientnet-"
EFFICIENTNET_DIMS = {"efficientnet-lite0": {16: 112, 32: 320}, "efficientnet-lite2": {16: 120, 32: 352}}
"""Channels of the map by stride, for networks with weights."""
IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
"""Mean and deviation of the pictures that most networks were trained with, in [0, 1]."""
PROBE = 224
"""Side of a test picture for a network: a multiple of 8, 14, 16, 28 and 32."""


def read_efficientnet(name: str, *, fold: bool = True) -> EfficientNetLite:
    """Return a network of `EFFICIENTNET_DIMS` with its weights, in eval mode on the CPU.

    Args:
        name: the name of the network.
        fold: whether batch normalization is folded into the convolutions.

    Raises:
        WeightsError: the weights are not installed, or not the expected ones.
    """
    from placeprint.networks.efficientnet import load_efficientnet

    return load_efficientnet(load_weights(name), name.removeprefix(EFFICIENTNET), fold=fold)


def read_transformer(place: str) -> tuple[Any, Mapping[str, Any]]:
    """Return the network with all its maps, and the mean and deviation of its colors in [0, 1].

    Raises:
        PackageError: transformers is not installed.
        WeightsError: the network does not exist, or cannot be loaded completely.
    """
    _need_transformers(place)
    from transformers import MODEL_FOR_BACKBONE_MAPPING, AutoConfig
    from transformers.utils import cached_file

    try:
        config = AutoConfig.from_pretrained(place)
        # AutoBackbone.from_pretrained (transformers 5.23) asks the hub first, and fails for folders and offline
        network_class = MODEL_FOR_BACKBONE_MAPPING[type(config)]
        network, loading = network_class.from_pretrained(
            place, out_features=config.stage_names[1:], output_loading_info=True
        )
        file = cached_file(place, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False)
        found = {} if file is None else json.loads(Path(file).read_text(encoding="utf-8"))
        settings = {key: [float(value) for value in found.get(key) or usual] for key, usual in IMAGENET.items()}
    except Exception as error:
        reason = one_line(error)
        where = "" if Path(place).is_dir() else "; it is no folder here, and a name needs the network or a download"
        raise WeightsError(f"transformers cannot load a backbone from {place!r}{where}: {reason}") from error
    # norms of the maps belong to the backbone, and only some files have them; their initialization has no effect
    if missing := sorted(name for name in loading["missing_keys"] if not name.startswith("hidden_states_norms.")):
        raise WeightsError(
            f"{place!r} lacks {len(missing)} weights of its network, {missing[0]} among them, which transformers would "
            "make up; save the network whole"
        )
    return network, settings


def transformer_from(text: str) -> Any:
    """Return a transformers network with random weights and all its maps.

    Args:
        text: the JSON of its configuration.

    Raises:
        PackageError: transformers is not installed.
        WeightsError: the text is not the configuration of a backbone.
    """
    _need_transformers("of the file")
    from transformers import MODEL_FOR_BACKBONE_MAPPING, AutoConfig

    try:
        config = AutoConfig.for_model(**json.loads(text))
        return MODEL_FOR_BACKBONE_MAPPING[type(config)](config)
    except Exception as error:
        reason = one_line(error)
        raise WeightsError(f"the header does not describe a network of transformers: {reason}") from error


def map_shapes(network: Any) -> list[tuple[int, int]]:
    """Return the channels and stride of each map of a transformers network.

    Raises:
        OptionError: it gives no maps.
    """
    import torch

    device = next(network.parameters()).device
    with torch.inference_mode():
        maps = network(torch.zeros(1, 3, PROBE, PROBE, device=device)).feature_maps
    if any(each.ndim != 4 for each in maps):
        raise OptionError("the network gives tokens and no maps; set reshape_hidden_states in its config.json")
    return [(each.shape[1], PROBE // each.shape[-1]) for each in maps]


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


def _need_transformers(place: str) -> None:
    try:
        import transformers  # noqa: F401  # checked before it is used
    except ImportError as error:
        raise PackageError(
            f"the backbone {place!r} needs transformers, which is not installed; run: pip install transformers"
        ) from error
