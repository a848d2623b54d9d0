"""Published networks for place recognition: one table, and their trunks and heads from the papers.

`table` has the facts, `build` makes a network of a checkpoint. See ``docs/networks.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from placeprint.networks.published.rows import License, Network, PublishedFile, Sight
from placeprint.networks.published.table import TABLE, find_network, is_published, published_networks

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from placeprint.networks.published.building import PlaceNetwork

__all__ = [
    "TABLE",
    "License",
    "Network",
    "PublishedFile",
    "Sight",
    "build",
    "find_network",
    "is_published",
    "published_networks",
]


def build(name: str, state: Mapping[str, NDArray[Any] | torch.Tensor]) -> PlaceNetwork:
    """Return a published network with its weights, in eval mode on the CPU; see `building.build`."""
    from placeprint.networks.published.building import build as build_network

    return build_network(name, state)
