"""DELF (Noh, Araujo, Sim, Weyand and Han, ICCV 2017): a map of descriptors, and an attention for each cell.

    f_n            the cells of a backbone's map, C values each
    alpha(f_n)     = softplus(w_2 . max(0, W_1 f_n + b_1) + b_2), two 1 x 1 convolutions: never negative
    descriptor     = unit(P (unit(f_n) - m)), P the first principal axes, not whitened

The attention is learned last, with the map frozen, from photos with classes (`training.model.delf_heads`).

A trained network is stored as a float16 safetensors file with only what was trained: the stages that differ from those
of the installed backbone (``stages.<number>.``), ``attention.``, and ``mean`` and ``axes`` of the projection. Its
header has ``backbone``, ``last_stage`` and ``last_downsampling``.

Departures: the backbone is EfficientNet-Lite, whose map does not follow a ReLU, instead of ResNet50's block conv4_x.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import normalize, softplus

from placeprint.core.threads import loaded_once
from placeprint.errors import OptionError, WeightsError
from placeprint.networks.devices import device
from placeprint.networks.efficientnet import CENTERS, fold_batch_norm
from placeprint.networks.fitting import fit_into
from placeprint.networks.pretrained import EFFICIENTNET_DIMS
from placeprint.networks.staged_backbone import StagedBackbone
from placeprint.networks.stages import load_stages
from placeprint.networks.weight_files import read_safetensors
from placeprint.networks.weights import WEIGHTS, load_weights

FORMAT = "placeprint-delf-1"
SUFFIX = ".safetensors"
BUILT = ("last_downsampling", "last_stage")
"""Header fields that describe the backbone."""
Tensors = dict[str, torch.Tensor]


class Attention(nn.Module):
    """The attention: score how informative each cell of a map is.

    Args:
        channels: c, the channels of the map.
        hidden: the number of values between the two convolutions.
    """

    def __init__(self, channels: int, hidden: int = 512) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, 1, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 1, H, W)`` non-negative weights for maps ``(B, C, H, W)``."""
        found: torch.Tensor = softplus(self.second(self.first(maps).relu()))
        return found


class DELFNetwork(nn.Module):
    """A backbone, the attention on its map, and the projection of its cells.

    Args:
        backbone: a backbone in stages.
        attention: the attention on its last map.
        dim: the length of a descriptor.
    """

    mean: torch.Tensor
    axes: torch.Tensor

    def __init__(self, backbone: StagedBackbone, attention: Attention, dim: int) -> None:
        super().__init__()
        self.backbone, self.attention = backbone, attention
        self.register_buffer("mean", torch.zeros(backbone.channels))
        self.register_buffer("axes", torch.eye(dim, backbone.channels))

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return descriptors and weights of the cells of pictures.

        Args:
            pictures: ``(B, 3, H, W)`` float32 RGB in [0, 255], H and W multiples of 32.

        Returns:
            ``(B, dim, H / stride, W / stride)``, of unit length, and ``(B, 1, H / stride, W / stride)``.
        """
        maps = self.backbone(pictures)
        return project(maps, self.mean, self.axes), self.attention(maps)


def project(maps: torch.Tensor, mean: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    """Return the unit descriptors ``(B, dim, H, W)`` of maps ``(B, C, H, W)``.

    Args:
        maps: the maps of a backbone.
        mean: ``(C,)``, the mean of the unit cells.
        axes: ``(dim, C)``, the principal axes.
    """
    cells = normalize(maps, dim=1) - mean[:, None, None]
    return normalize(torch.einsum("dc,bchw->bdhw", axes, cells), dim=1)


def principal_axes(rows: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean ``(C,)`` and the first `dim` principal axes ``(dim, C)`` of unit rows ``(n, C)``.

    The values along the axes keep their variances: nothing is whitened.
    """
    wide = rows.cpu().double()  # not every device has double precision
    mean = wide.mean(dim=0)
    centered = wide - mean
    _, vectors = torch.linalg.eigh(centered.T @ centered / max(len(rows), 1))
    return mean.to(rows), vectors.flip(1)[:, :dim].T.contiguous().to(rows)


@dataclass(frozen=True)
class Reader:
    """A network that describes pictures.

    Args:
        stride: the pixels from cell to cell.
        center: the pixel, in x and in y, that the first cell looks at; see `networks.backbones`.
        dim: the length of a descriptor.
        network: the network, on any device.
    """

    stride: int
    center: float
    dim: int
    network: DELFNetwork

    def maps(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return descriptors ``(B, h, w, dim)`` and weights ``(B, h, w)`` of ``(B, H, W, 3)`` uint8 RGB pictures."""
        with torch.inference_mode():
            tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().to(self.network.mean.device)
            descriptors, weights = self.network(tensor.contiguous(memory_format=torch.channels_last))
            found = descriptors.permute(0, 2, 3, 1).cpu().numpy(), weights[:, 0].cpu().numpy()
        return np.asarray(found[0], np.float32), np.asarray(found[1], np.float32)


def load_delf(name: str) -> Reader:
    """Return a trained network, loaded once per process, on the GPU if there is one.

    Args:
        name: a name in the table of weights, or the path of a file with the result of `delf_as_bytes`.

    Raises:
        OptionError: the network is unknown.
        WeightsError: the file is missing, damaged or of another kind, or the backbone's weights are not installed.
    """
    return _load(name)


def delf_dim(name: str) -> int:
    """Return the length of a network's descriptors, without loading one of the table. Raise as `load_delf` does."""
    known = {row.name: row.dim for row in WEIGHTS if row.name.startswith("delf-")}
    return known[name] if name in known else load_delf(name).dim


def delf_as_bytes(network: DELFNetwork, backbone: str) -> bytes:
    """Return the content of a trained network's file, see the module; the network is not changed.

    Args:
        network: a network with a backbone in stages of an EfficientNet.
        backbone: the name of the pretrained network; unchanged stages are not stored.

    Raises:
        OptionError: the backbone is another network.
        WeightsError: the backbone's weights are not installed.
    """
    from safetensors.torch import save

    described = network.backbone.description
    if described is None or backbone not in EFFICIENTNET_DIMS:
        raise OptionError(f"DELF can be saved with {' or '.join(EFFICIENTNET_DIMS)} as its backbone, got {backbone!r}")
    folded = fold_batch_norm(copy.deepcopy(network).cpu().eval())
    usual = _pretrained(backbone, described).state_dict()
    kept: Tensors = {}
    for number, stage in enumerate(folded.backbone.stages):
        state = {f"stages.{number}.{name}": value for name, value in stage.state_dict().items()}
        if any(name not in usual or not torch.equal(value, usual[name]) for name, value in state.items()):
            kept |= state
    kept |= {f"attention.{name}": value for name, value in folded.attention.state_dict().items()}
    kept |= {"mean": folded.mean, "axes": folded.axes}
    header = {"format": FORMAT, "backbone": backbone, **{name: described[name] for name in BUILT}}
    return bytes(save({name: value.half().contiguous() for name, value in kept.items()}, metadata=header))


def network_from(state: Tensors, header: dict[str, str], place: str) -> DELFNetwork:
    """Return the network of a file's content, in eval mode on the CPU.

    Raises:
        WeightsError: the content is of another kind, or does not fit.
    """
    if header.get("format") != FORMAT or header.get("backbone") not in EFFICIENTNET_DIMS or "axes" not in state:
        raise WeightsError(f"{place!r} is not a trained DELF of placeprint; its header says {header}")
    values = {name: value.float() for name, value in state.items()}
    backbone = _pretrained(header["backbone"], header)
    trained = {name: value for name, value in values.items() if name.startswith("stages.")}
    fit_into(backbone, backbone.state_dict() | trained)
    first = values.get("attention.first.weight", torch.zeros(1))
    network = DELFNetwork(backbone, Attention(backbone.channels, len(first)), len(values["axes"]))
    rest = {name: value for name, value in values.items() if name not in trained}
    fit_into(network, {f"backbone.{name}": value for name, value in backbone.state_dict().items()} | rest)
    return network.eval().requires_grad_(False)


@loaded_once
def _load(name: str) -> Reader:
    if name.endswith(SUFFIX):
        state, header = read_safetensors(Path(name))
    elif any(row.name == name for row in WEIGHTS if row.name.startswith("delf-")):
        from placeprint.networks.weights import find_weights, weights_path

        load_weights(name)  # checks the file
        path = weights_path(find_weights(name))
        assert path is not None  # just read
        state, header = read_safetensors(path)
    else:
        known = ", ".join(row.name for row in WEIGHTS if row.name.startswith("delf-"))
        raise OptionError(f"no DELF called {name!r}; known: {known}, or the path of a {SUFFIX} file")
    network: Any = network_from(state, header, name)
    network.to(device(), memory_format=torch.channels_last)
    stride = network.backbone.stride
    return Reader(stride, CENTERS[stride], len(network.axes), network)


def _pretrained(backbone: str, built: dict[str, str]) -> StagedBackbone:
    return load_stages(
        backbone, last_downsampling=built.get("last_downsampling") == "true", last_stage=int(built["last_stage"])
    )
