"""ALIKED's maps of a picture, before keypoints are detected, as one module: see `networks.aliked`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class ALIKEDMaps(nn.Module):
    """The four parts of the map, and the scores.

    Args:
        model: kornia's network.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the parts, ``(B, d / 4, ...)`` each, and the scores ``(B, 1, H, W)`` in (0, 1), of ``(B, 3, H, W)``.

        Args:
            pictures: RGB in [0, 1]; sides are multiples of 32.
        """
        parts = self._parts(pictures)
        return (*parts, self._scores(parts))

    def _parts(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        model = self.model
        first = model.block1(pictures)
        second = model.block2(model.pool2(first))
        third = model.block3(model.pool4(second))
        fourth = model.block4(model.pool4(third))
        layers = (model.conv1, model.conv2, model.conv3, model.conv4)
        return [model.gate(layer(level)) for layer, level in zip(layers, (first, second, third, fourth), strict=True)]

    def _scores(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        linear, rest = self.model.score_head[0], self.model.score_head[1:]
        shares = linear.weight.split(parts[0].shape[1], dim=1)
        total = nn.functional.conv2d(parts[0], shares[0])
        for part, share in zip(parts[1:], shares[1:], strict=True):
            small = nn.functional.conv2d(part, share)
            total += nn.functional.interpolate(small, total.shape[-2:], mode="bilinear", align_corners=True)
        found: torch.Tensor = rest(total).sigmoid()
        return found
