"""Use a network's map as local features: one per cell, without detecting keypoints.

The last maps of a network trained to name what a picture shows describe every part of it, and aggregate to a global
descriptor like any local features (NetVLAD, Arandjelovic et al., CVPR 2016, section 3: "a D x W x H map can be
considered as a set of D-dimensional descriptors at H x W locations").

- A cell's keypoint is the pixel it looks at: see `networks.backbones`.
- Its score is the length of its vector before normalization: networks respond strongly to things, weakly to sky and
  road.
- A network gives vectors for uniform surfaces too. A cell is dropped if the gray levels of a square with the side of a
  stride around the keypoint have a standard deviation below `min_contrast`, so a blank picture has no features.

Neighbors are one stride apart, so matches are inexact: rank photos by these features and verify with others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from placeprint.core.numerics import normalize
from placeprint.core.options import Range, checked
from placeprint.features.batching import Pyramid
from placeprint.features.network_extractor import NetworkExtractor
from placeprint.features.pyramid import Size, allowed
from placeprint.features.resizing import InputRule
from placeprint.features.selection import MIN_CONTRAST, contrast_around
from placeprint.types import Image, LocalFeatures, Mask


@checked
@dataclass(kw_only=True, eq=False)
class Grid(NetworkExtractor):
    """The cells of a network's map; scales are the sides of the cells.

    Args:
        backbone: the name of the network: ``"efficientnet-lite2"``, ``"efficientnet-lite0"``,
            ``"transformers:<hub name>"`` or a folder.
        stride: the pixels of the picture from cell to cell: 16 or 32 for EfficientNet; 0 for the network's default.
        max_keypoints: the cells of the longest vectors are kept. `size` and `scales` are as of `NetworkExtractor`,
            but `size` is not used with `stretch`.
        stretch: ``(width, height)`` in pixels to which every photo is stretched, as in training;
            ``(0, 0)`` keeps the shape of the photo.
        min_contrast: the smallest standard deviation of a cell, in gray levels.
    """

    TOGETHER = 16

    backbone: str = "efficientnet-lite2"
    stride: Annotated[int, Range(0, 256)] = 0
    stretch: tuple[Size, Size] = (0, 0)
    min_contrast: Annotated[float, Range(0, 255)] = MIN_CONTRAST

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        from placeprint.networks.backbones import backbone_dim

        return backbone_dim(self.backbone, self.stride)

    @property
    def weights(self) -> str | None:
        """The name of the weights in placeprint's table, or the path of a trained network's; None for others."""
        from placeprint.networks.pretrained import EFFICIENTNET_DIMS, TRAINED

        pinned = self.backbone in EFFICIENTNET_DIMS or self.backbone.endswith(TRAINED)
        return self.backbone if pinned else None

    def input_rule(self) -> InputRule:
        """Return the rule that turns a photo into the network's input.

        Raises:
            OptionError: the backbone or stride is unknown.
            WeightsError: the weights are not installed.
        """
        from placeprint.networks.backbones import load_backbone

        multiple = load_backbone(self.backbone, self.stride).multiple
        return InputRule(self.size, multiple, (self.stretch[0], self.stretch[1]))

    def _pyramid(self) -> Pyramid:
        rule = self.input_rule()
        return {
            "size": rule.longest,
            "scales": self.scales,
            "max_keypoints": self.max_keypoints,
            "multiple": rule.multiple,
            "stretch": rule.stretch,
        }

    def _detect_together(self, images: list[Image], masks: list[Mask | None]) -> list[LocalFeatures]:
        from placeprint.networks.backbones import load_backbone

        backbone = load_backbone(self.backbone, self.stride)
        maps = backbone.maps(np.stack(images))
        _, rows, columns, dim = maps.shape
        row, column = np.divmod(np.arange(rows * columns), columns)
        points = (np.stack([column, row], axis=1) * backbone.stride + backbone.center).astype(np.float32)
        sides = np.full(len(points), backbone.stride, np.float32)
        features = []
        for image, mask, map_ in zip(images, masks, maps, strict=True):
            vectors = map_.reshape(-1, dim)
            lengths = np.linalg.norm(vectors, axis=1)
            size = (image.shape[1], image.shape[0])
            contrasty = contrast_around(image, points, backbone.stride) >= self.min_contrast
            kept = contrasty & (lengths > 0) & allowed(points, mask)
            cells = LocalFeatures(points, normalize(vectors), lengths, size, sides)
            features.append(cells[kept].strongest(self.max_keypoints))
        return features
