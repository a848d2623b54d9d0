"""Units of a preset's network that respond to the same thing in both photos: crops, and signals traced to pixels.

The layer is the one whose map the preset aggregates. It shows the units that respond most in both photos, ranked by the
smaller of the two highest activations, so a unit must respond to something in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from placeprint.describing.describer import Describer
from placeprint.features.grid import Grid
from placeprint.features.resizing import resize_longest
from placeprint.types import Image

if TYPE_CHECKING:
    from torch import nn

SHOWN = 4
"""Units shown."""
SIZE = 320
"""Longest side of the network's input in pixels, a multiple of `MULTIPLE`."""
MULTIPLE = 32
RULE = "guided"


@dataclass(frozen=True, eq=False)
class SharedUnit:
    """One unit that answers in both photos.

    Args:
        number: its number in the layer.
        query: crop of the query where it answers the most, and the signal traced back, ``(112, 112, 3)`` uint8 each.
        photo: the same of the other photo.
    """

    number: int
    query: tuple[Image, Image]
    photo: tuple[Image, Image]


def network_of(describer: Describer) -> Grid | None:
    """Return the extractor of a preset whose network can be traced back, or None."""
    return next((each for each in describer.extractors if isinstance(each, Grid)), None)


def shared_units(grid: Grid, query: Image, photo: Image, count: int = SHOWN) -> tuple[str, list[SharedUnit]]:
    """Return the name of the layer, and its units that answer the most in both photos.

    Args:
        grid: the extractor.
        query: ``(H, W, 3)`` uint8 RGB.
        photo: the same.
        count: the number of units.
    """
    from placeprint.networks.backbones import backbone_dim
    from placeprint.networks.deconvnet import activations, load_network, map_shapes, peaks
    from placeprint.networks.pretrained import PROBE

    network = load_network(grid.backbone)
    units, stride = backbone_dim(grid.backbone, grid.stride), grid.stride or 16
    fitting = [name for name, (n, _, w) in map_shapes(network).items() if n == units and round(PROBE / w) == stride]
    layer = fitting[-1]
    pictures = [resize_longest(image, SIZE, MULTIPLE) for image in (query, photo)]
    highest = [peaks(activations(network, picture[None], layer))[0][0] for picture in pictures]
    order = np.argsort(-np.minimum(*highest), kind="stable")[:count]
    made = [[_crop(network, picture, layer, int(number)) for picture in pictures] for number in order]
    return layer, [SharedUnit(int(number), *crops) for number, crops in zip(order, made, strict=True)]


def _crop(network: nn.Module, picture: Image, layer: str, number: int) -> tuple[Image, Image]:
    from placeprint.networks.deconvnet import reconstruct
    from placeprint.visualization.inspection import area_of, common_side, pieces

    signal, _ = reconstruct(network, picture, layer, number, rule=RULE)
    area = area_of(signal)
    return pieces(picture, signal, area, common_side([area]))
