"""A published network ready to describe pictures, loaded once a process."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from placeprint.core.threads import loaded_once
from placeprint.networks.colors import ColorInput
from placeprint.networks.devices import device
from placeprint.networks.graphs import Graphs
from placeprint.networks.published import checkpoints
from placeprint.networks.published.building import PlaceNetwork
from placeprint.networks.published.convap import ConvAP
from placeprint.networks.published.dinov2 import DINOv2
from placeprint.networks.published.mixvpr import MixVPR
from placeprint.networks.published.rows import Sight
from placeprint.networks.published.table import find_network
from placeprint.networks.winograd import Conv3x3


class FromColors(ColorInput):
    """A network with the colors brought to its range.

    Args:
        network: takes normalized pictures.
        sight: how they are normalized.
    """

    def __init__(self, network: PlaceNetwork, sight: Sight) -> None:
        super().__init__(sight.mean, sight.deviation)
        self.network, self.sight = network, sight
        any_size = not isinstance(network.trunk, DINOv2) and not isinstance(network.head, (MixVPR, ConvAP))
        winograd = any(isinstance(each, Conv3x3) for each in network.trunk.modules())
        self.layout = torch.contiguous_format if winograd else torch.channels_last
        self.graphs = Graphs("published", self, self._of_one_size, any_size=any_size)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, dim)`` unit descriptors of ``(B, 3, H, W)`` float32 RGB in [0, 255]."""
        found: torch.Tensor = self.network(self.normalized(pictures))
        return found

    def describe(self, pictures: Sequence[NDArray[np.uint8]], *, bfloat16: bool = False) -> NDArray[np.float32]:
        """Return ``(B, dim)`` unit descriptors of ``(H, W, 3)`` uint8 RGB pictures of one size.

        Args:
            pictures: B of them.
            bfloat16: compute products in 16 bits.
        """
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
            layout = torch.channels_last if bfloat16 else self.layout
            batch = batch.to(self.mean.device).float().contiguous(memory_format=layout)
            found = self.graphs(batch, bfloat16=bfloat16)[0].float()
            return np.asarray((nn.functional.normalize(found) if bfloat16 else found).cpu().numpy(), np.float32)

    def __deepcopy__(self, memo: dict[int, Any]) -> FromColors:
        """Return a copy with weights of its own, which makes its own graphs."""
        return FromColors(copy.deepcopy(self.network, memo), self.sight).train(self.training)

    def _of_one_size(self, height: int, width: int) -> FromColors:
        """Return the network for pictures of one size alone, with the same weights."""
        shared = {id(value): value for value in self.network.parameters()}
        fixed = copy.deepcopy(self.network, shared)
        if isinstance(fixed.trunk, DINOv2):
            fixed.trunk.fix_size(height, width)
        return FromColors(fixed, self.sight)


def load_published(name: str) -> FromColors:
    """Return a network with the weights that are here, without gradient, on the GPU where there is one.

    Raises:
        OptionError: there is no such network.
        WeightsError: its weights are not here, not those that first came, or do not fit.
    """
    return _load(name, checkpoints.sha256(find_network(name)))


@loaded_once
def _load(name: str, sha256: str) -> FromColors:  # other weights are another network
    network = find_network(name)
    made = FromColors(checkpoints.load(network), network.sight).eval().requires_grad_(False)
    move: Any = made.to  # Torch's stub knows no memory format here
    move(device(), memory_format=made.layout)
    return made
