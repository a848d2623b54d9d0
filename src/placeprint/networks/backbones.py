"""Networks that make a feature map of a picture, by name.

- ``efficientnet-lite2`` and the smaller ``efficientnet-lite0``: their weights come in separate packages (see
  `networks.weights`).
- ``transformers:facebook/dinov2-small``, or any other hub name, or ``transformers:`` and a folder, or just the path of
  a folder: the backbone that transformers loads for it. A hub name is downloaded at first use, unless it is in the
  cache. Its weights are not pinned, so name a folder if answers must stay the same.
- the path of a ``.safetensors`` file: a network with weights of your own, trained or imported (see
  `networks.stages`), which has one map.

Cell i of a map of stride s looks at pixel ``s i + center``. The center is measured for EfficientNet. For others
it follows from their layers of stride above 1: if they pad by half their kernel, pixel 0 stays in the center of cell 0
(ResNet: center 0); if they cut the picture into patches, it does not (ViT, ConvNeXt: center ``(s - 1) / 2``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.threads import loaded_once
from placeprint.errors import OptionError
from placeprint.networks.devices import device
from placeprint.networks.pretrained import (
    EFFICIENTNET_DIMS,
    PREFIX,
    TRAINED,
    keeps_pixel_0,
    map_shapes,
    read_efficientnet,
    read_transformer,
)

if TYPE_CHECKING:
    import torch

    from placeprint.networks.graphs import Graphs


@dataclass(frozen=True)
class Backbone:
    """A network that makes a feature map.

    Args:
        stride: the pixels of the picture from cell to cell.
        dim: the channels of the map.
        multiple: the sides of pictures are multiples of this.
        center: the pixel, in x and in y, that the first cell looks at.
        network: the network without gradients, on the device where networks run.
        run: a function from ``(B, 3, H, W)`` float32 RGB in [0, 255] on the network's device to the map ``(B, dim, H /
            stride, W / stride)``, by the network or a copy of it.
        graphs: what runs the network quicker; None where there is only Torch.
    """

    stride: int
    dim: int
    multiple: int
    center: float
    network: torch.nn.Module
    run: Callable[[Any, torch.Tensor], torch.Tensor]
    graphs: Graphs | None = None

    def module(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the map of ``(B, 3, H, W)`` float32 RGB in [0, 255] on any device."""
        return self.run(self.network, self._moved(pictures))

    def _moved(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return pictures where the network is, channels last."""
        import torch

        place = next(self.network.parameters()).device
        return pictures.to(place).contiguous(memory_format=torch.channels_last)

    def maps(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the map ``(B, h, w, dim)`` of ``(B, H, W, 3)`` uint8 RGB pictures."""
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
            found = self.module(batch) if self.graphs is None else self.graphs(self._moved(batch))[0]
            return np.asarray(found.permute(0, 2, 3, 1).cpu().numpy(), np.float32)


def load_backbone(name: str, stride: int = 0) -> Backbone:
    """Return a network, loaded once per process, on the GPU if there is one.

    Args:
        name: a name as in the module.
        stride: the pixels from cell to cell, for networks with maps of several strides; 0 for the default, 16 for
            EfficientNet and the last one for others.

    Raises:
        OptionError: the network or the stride is unknown, or transformers is not installed.
        WeightsError: its weights are not installed, or cannot be loaded.
    """
    return _load(name, stride)


def backbone_dim(name: str, stride: int = 0) -> int:
    """Return the channels of a network's map, without loading EfficientNet. Raise as `load_backbone` does."""
    known = EFFICIENTNET_DIMS.get(name, {}).get(stride or 16)
    return load_backbone(name, stride).dim if known is None else known


@loaded_once
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


def _efficientnet(name: str, stride: int) -> Backbone:
    import torch

    from placeprint.networks.efficientnet import CENTERS, MapAt, plainly_padded
    from placeprint.networks.graphs import Graphs

    dims = EFFICIENTNET_DIMS[name]
    if stride not in dims:
        raise OptionError(f"{name} has maps of stride {list(dims)}, got {stride}")
    network: Any = read_efficientnet(name).requires_grad_(False)
    network.to(device(), memory_format=torch.channels_last)
    graphs = Graphs(
        "efficientnet",
        MapAt(network, stride),
        lambda height, width: MapAt(plainly_padded(network), stride),
        any_size=True,
    )

    def run(net: Any, pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = net(pictures, stride)
        return found

    return Backbone(stride, dims[stride], 32, CENTERS[stride], network, run, graphs)


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

    shapes = map_shapes(network)
    strides = [each for _, each in shapes]
    if stride and stride not in strides:
        raise OptionError(f"{place!r} has maps of stride {sorted(set(strides))}, got {stride}")
    stride = stride or strides[-1]
    index = len(strides) - 1 - strides[::-1].index(stride)
    center = 0.0 if keeps_pixel_0(network) else (stride - 1) / 2
    dim = shapes[index][0]
    return Backbone(stride, dim, max(strides), center, network, lambda net, pictures: all_maps(net, pictures)[index])
