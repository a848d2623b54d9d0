"""The layers of XFeat (Potje et al., CVPR 2024, figure 3 and section 3.1), named as in its published weights.

kornia has the same model, but importing it loads all of kornia, which takes longer than describing several photos. A
test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

CELL = 8
"""Pixels of the picture per cell of the maps."""
MATCHER_WIDTH = 512

Layers = Sequence[tuple[int, int, int]]
"""Channels, side of the kernel and stride of each convolution."""


class XFeatModel(nn.Module):
    """The backbone, the two heads, and the network that refines matched cells."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(1)
        self.skip1 = nn.Sequential(nn.AvgPool2d(4, stride=4), nn.Conv2d(1, 24, 1))
        self.block1 = _block(1, [(4, 3, 1), (8, 3, 2), (8, 3, 1), (24, 3, 2)])
        self.block2 = _block(24, [(24, 3, 1), (24, 3, 1)])
        self.block3 = _block(24, [(64, 3, 2), (64, 3, 1), (64, 1, 1)])
        self.block4 = _block(64, [(64, 3, 2), (64, 3, 1), (64, 3, 1)])
        self.block5 = _block(64, [(128, 3, 2), (128, 3, 1), (128, 3, 1), (64, 1, 1)])
        self.block_fusion = _block(64, [(64, 3, 1), (64, 3, 1)], nn.Conv2d(64, 64, 1))
        self.heatmap_head = _block(64, [(64, 1, 1), (64, 1, 1)], nn.Conv2d(64, 1, 1), nn.Sigmoid())
        self.keypoint_head = _block(64, [(64, 1, 1), (64, 1, 1), (64, 1, 1)], nn.Conv2d(64, CELL * CELL + 1, 1))
        hidden = [
            layer
            for width in (2 * 64, *[MATCHER_WIDTH] * 3)
            for layer in (nn.Linear(width, MATCHER_WIDTH), nn.BatchNorm1d(MATCHER_WIDTH, affine=False), nn.ReLU())
        ]
        self.fine_matcher = nn.Sequential(*hidden, nn.Linear(MATCHER_WIDTH, CELL * CELL))

    def forward(self, gray: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the maps of descriptors, keypoint logits and reliability.

        Args:
            gray: ``(B, 1, H, W)``; H and W are multiples of 32.

        Returns:
            ``(B, 64, H / 8, W / 8)``; ``(B, 65, H / 8, W / 8)``, one for each pixel of a cell and one for none; and
            ``(B, 1, H / 8, W / 8)`` in (0, 1).
        """
        gray = self.norm(gray)
        descriptors = self.descriptor_map(gray)
        logits = self.keypoint_head(nn.functional.pixel_unshuffle(gray, CELL))
        return descriptors, logits, self.heatmap_head(descriptors)

    def descriptor_map(self, gray: torch.Tensor) -> torch.Tensor:
        """Return the first map of pictures that `norm` has normalized."""
        third = self.block3(self.block2(self.block1(gray) + self.skip1(gray)))
        fourth = self.block4(third)
        whole = third
        for level in (fourth, self.block5(fourth)):
            whole = whole + nn.functional.interpolate(level, third.shape[2:], mode="bilinear", align_corners=False)
        found: torch.Tensor = self.block_fusion(whole)
        return found


class _Convolution(nn.Module):
    """A convolution without bias, batch normalization without affine part, and ReLU."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(
            nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False),
            nn.BatchNorm2d(outputs, affine=False),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(x)
        return found


def _block(inputs: int, layers: Layers, *last: nn.Module) -> nn.Sequential:
    made = []
    for outputs, side, stride in layers:
        made.append(_Convolution(inputs, outputs, side, stride))
        inputs = outputs
    return nn.Sequential(*made, *last)
