"""From a row of the table and a checkpoint to a Torch module.

A module has a `trunk` and a `head`. Rows say how the names of the checkpoint become theirs; what is told of a
checkpoint that does not fit uses the names of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from placeprint.networks.fitting import COUNTER, fit_into
from placeprint.networks.published import specs, trunks
from placeprint.networks.published.anyloc import HardVLAD
from placeprint.networks.published.boq import BoQ
from placeprint.networks.published.convap import ConvAP
from placeprint.networks.published.cricavpr import CricaVPR, MultiScaleAdapter
from placeprint.networks.published.dinov2 import DINOv2
from placeprint.networks.published.gem import UnitGeM, WhitenedGeM
from placeprint.networks.published.mixvpr import MixVPR
from placeprint.networks.published.netvlad import ClusterMajor, HlocNetVLAD
from placeprint.networks.published.rows import Network
from placeprint.networks.published.salad import SALAD, MegaLoc
from placeprint.networks.published.selavpr import Adapter, SelaVPR
from placeprint.networks.published.table import find_network

DERIVED = ("trunk.mean",)
"""Buffers that a checkpoint may bring, and need not."""
RESNET_LAST = {3: 1024, 4: 2048}
"""Channels of the last map of a ResNet with bottlenecks, by its stages."""


class PlaceNetwork(nn.Module):
    """A network that describes pictures of places.

    Args:
        trunk: makes a map, or tokens, of pictures.
        head: makes a descriptor of these.
    """

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, dim)`` unit descriptors of normalized float32 ``(B, 3, H, W)``."""
        found: torch.Tensor = self.head(self.trunk(pictures))
        return found


def build(name: str, state: Mapping[str, NDArray[Any] | torch.Tensor]) -> PlaceNetwork:
    """Return a published network with its weights, in eval mode on the CPU.

    Args:
        name: the name of a row of the table, short or full: ``"megaloc"``, ``"megaloc_safetensors_8448"``.
        state: arrays or tensors by the names of the published checkpoint. They become the module's own, uncopied.

    Raises:
        OptionError: there is no such network.
        WeightsError: names are missing or unexpected, or a shape is another; the message names them.
    """
    network = find_network(name)
    module = empty_network(network)
    tensors = {renamed(network, key): _tensor(value) for key, value in state.items()}
    fit_into(
        module, tensors, DERIVED, lambda own: published_name(network, own), assign=True, network=repr(network.name)
    )
    return module.eval()


def empty_network(network: Network) -> PlaceNetwork:
    """Return a network whose weights are memory that nothing was written to; its counters are 0."""
    module = outlined_network(network).to_empty(device="cpu")
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            if name.endswith(COUNTER):
                buffer.zero_()
        if isinstance(module.trunk, trunks.LessMean):
            module.trunk.mean.copy_(torch.tensor(cast(specs.VGGTrunk, network.trunk).color_mean))
    return module


def outlined_network(network: Network) -> PlaceNetwork:
    """Return a network without values: names, shapes and layers alone."""
    with torch.device("meta"):
        return PlaceNetwork(_trunk(network.trunk), _head(network.head))


def renamed(network: Network, name: str) -> str:
    """Return what a tensor of the checkpoint is called in the module."""
    for published, own in network.names:
        if name.startswith(published):
            name = own + name.removeprefix(published)
            break
    for published, own in network.parts:
        name = name.replace(published, own)
    return name


def published_name(network: Network, name: str) -> str:
    """Return what a tensor of the module is called in the checkpoint; the opposite of `renamed`."""
    for published, own in network.parts:
        name = name.replace(own, published)
    for published, own in network.names:
        if name.startswith(own):
            return published + name.removeprefix(own)
    return name


def _trunk(spec: specs.Trunk) -> nn.Module:
    match spec:
        case specs.ResNetTrunk():
            return trunks.resnet(spec.depth, spec.stages, numbered=spec.numbered)
        case specs.VGGTrunk():
            layers = trunks.vgg16(last_relu=spec.last_relu)
            return layers if spec.color_mean is None else trunks.LessMean(layers, spec.color_mean)
        case specs.DINOv2Trunk():
            return dinov2(spec)


def dinov2(spec: specs.DINOv2Trunk) -> DINOv2:
    """Return a vision transformer with random weights."""
    adapters = {
        "none": (None, None),
        "multi-scale": (None, MultiScaleAdapter),
        "serial-parallel": (lambda width: Adapter(width, skip=True), lambda width: Adapter(width, skip=False)),
    }
    adapter1, adapter2 = adapters[spec.adapters]
    return DINOv2(
        spec.width,
        spec.depth,
        swiglu=spec.swiglu,
        mask_token=spec.mask_token,
        normalize=spec.normalize,
        facet=spec.facet,
        adapter1=adapter1,
        adapter2=adapter2,
        resize=spec.resize,
        side=spec.side,
    )


def _head(spec: specs.Head) -> nn.Module:  # noqa: PLR0911  # a table of types
    match spec:
        case specs.UnitGeMHead():
            return UnitGeM(spec.channels, spec.dim)
        case specs.GeMHead():
            return WhitenedGeM(spec.channels, whiten=spec.whiten)
        case specs.MixHead():
            return MixVPR(spec.channels, spec.rows)
        case specs.ConvAPHead():
            return ConvAP(RESNET_LAST[4], spec.channels)
        case specs.SALADHead():
            return _salad(spec)
        case specs.BoQHead():
            return BoQ(spec.channels, spec.width)
        case specs.NetVLADHead():
            return HlocNetVLAD(spec.whiten) if spec.port == "hloc" else ClusterMajor()
        case specs.HardVLADHead():
            return HardVLAD(spec.channels, spec.clusters)
        case specs.CricaVPRHead():
            return CricaVPR()
        case specs.SelaVPRHead():
            return SelaVPR()


def _salad(spec: specs.SALADHead) -> SALAD | MegaLoc:
    salad = SALAD(spec.channels, spec.clusters, spec.cluster_dim, spec.token_dim, spec.hidden)
    inputs = spec.clusters * spec.cluster_dim + spec.token_dim
    return MegaLoc(salad, inputs, spec.linear) if spec.linear else salad


def _tensor(value: NDArray[Any] | torch.Tensor) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach()
    return torch.from_numpy(value if value.flags.writeable else np.array(value))
