"""Convolutions with fewer products (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016).

Winograd's F(6 x 6, 3 x 3) computes a square of 36 values with 64 products per channel; a plain convolution needs 324.
NNPACK, which comes with Torch, does that for one picture on the CPU. The values differ from the plain ones by about
1e-5 of the largest. It pays off for maps that are large relative to the kernels, which are transformed each time.
"""

from __future__ import annotations

import functools

import torch
from torch import nn

LEAST_CELLS = 1000
"""Cells of a map from which on it pays; below, kernels weigh more than the map."""
LEAST_CHANNELS = 64
"""Channels before and after from which on it pays."""


class Conv3x3(nn.Conv2d):
    """A 3 x 3 convolution of stride 1 that keeps the size of the map, computed the quicker way.

    Training, 16 bits, GPUs, export and batches take the plain way.

    Args:
        before: channels of the map before.
        after: channels of the map after.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, after, H, W)`` of ``(B, before, H, W)``."""
        if self._pays(x):
            found: torch.Tensor = torch._nnpack_spatial_convolution(x, self.weight, self.bias, 1, 1)
            return found
        return super().forward(x)

    def _pays(self, x: torch.Tensor) -> bool:
        return (
            x.shape[0] == 1
            and x.shape[2] * x.shape[3] >= LEAST_CELLS
            and min(self.in_channels, self.out_channels) >= LEAST_CHANNELS
            and x.device.type == "cpu"
            and x.dtype == self.weight.dtype == torch.float32
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
            and not torch.compiler.is_compiling()
            and _is_there()
        )


@functools.cache
def _is_there() -> bool:
    """Return whether NNPACK runs on this processor; asking makes it ready."""
    found: bool = torch.backends.nnpack.is_available()  # type: ignore[no-untyped-call]
    return found
