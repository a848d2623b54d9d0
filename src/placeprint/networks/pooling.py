"""Global pooling of a network's map, as torch modules that can be trained; the equations are in `kernels.pooling`.

All take maps ``(B, C, H, W)`` and return ``(B, C)`` in the maps' dtype, by default with unit length. Maps in half
precision are pooled in float32. The exponent of GeM is ``p = exp(log_p)`` with log_p learned, so p stays positive. A
map without cells gives zeros.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from placeprint.errors import OptionError, ShapeError
from placeprint.kernels import pooling as kernels
from placeprint.kernels.rmac import rmac, rmac_regions
from placeprint.kernels.vectors import unit


class Pooling(nn.Module, ABC):
    """What the poolings share.

    Args:
        normalize: whether to scale the result to unit length.
    """

    def __init__(self, *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``.

        Raises:
            ShapeError: the maps do not have four axes.
        """
        return self._pooled(maps, self.pool)

    @abstractmethod
    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)``, not normalized, of maps ``(B, C, H, W)`` with cells, of float32 at least."""

    def _pooled(
        self, maps: torch.Tensor, pool: Callable[[torch.Tensor], torch.Tensor], dim: int | None = None
    ) -> torch.Tensor:
        """Return the result of a pooling in the maps' dtype; `dim` zeros per photo for maps without cells."""
        _check_maps(maps)
        if 0 in maps.shape[2:]:
            return maps.new_zeros(len(maps), dim or maps.shape[1])
        result = pool(maps.float() if maps.dtype in {torch.float16, torch.bfloat16} else maps)
        return (unit(result) if self.normalize else result).to(maps.dtype)


class SPoC(Pooling):
    """Sum pooling.

    Args:
        center_prior: cells in the middle count more, see `kernels.pooling.center_prior`.
        normalize: whether to scale the result to unit length.
    """

    def __init__(self, *, center_prior: bool = False, normalize: bool = True) -> None:
        super().__init__(normalize=normalize)
        self.center_prior = center_prior

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the sum of the cells."""
        return kernels.spoc(_cells(maps), _center_prior(maps) if self.center_prior else None)


class MAC(Pooling):
    """Maximum of each channel.

    Args:
        normalize: whether to scale the result to unit length.
    """

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the maxima."""
        return kernels.mac(_cells(maps))


class GeM(Pooling):
    """Generalized mean.

    Args:
        p: the initial exponent, above 0.
        channels: the channels of the maps, for one exponent a channel; None for one of all.
        learn: whether p is learned.
        normalize: whether to scale the result to unit length.

    Raises:
        OptionError: p is not above 0.
    """

    def __init__(
        self, p: float = 3.0, *, channels: int | None = None, learn: bool = True, normalize: bool = True
    ) -> None:
        super().__init__(normalize=normalize)
        if p <= 0:
            raise OptionError(f"p must be above 0, got {p}")
        self.log_p = nn.Parameter(torch.full((channels or 1,), math.log(p)), requires_grad=learn)

    @property
    def p(self) -> torch.Tensor:
        """The exponents, ``(1,)`` or ``(C,)``."""
        return self.log_p.exp()

    def pool(self, maps: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Return the generalized means, by choice with weights ``(B, 1, H, W)`` of the cells."""
        return power_mean(maps, self.p, weights)


class WeightedGeM(GeM):
    """Generalized mean of weighted cells.

    Args:
        p: the initial exponent, above 0.
        attention_channels: the channels of the maps, to learn the weights as softplus of a 1 x 1 convolution; None if
            weights are always given.
        learn: whether p is learned.
        normalize: whether to scale the result to unit length.

    Raises:
        OptionError: p is not above 0.
    """

    def __init__(
        self, p: float = 3.0, *, attention_channels: int | None = None, learn: bool = True, normalize: bool = True
    ) -> None:
        super().__init__(p, learn=learn, normalize=normalize)
        self.attention = None if attention_channels is None else nn.Conv2d(attention_channels, 1, 1)

    def forward(self, maps: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)`` and weights ``(B, 1, H, W)``; weights below 0 count as 0.

        Raises:
            ShapeError: the maps have another number of axes, or the weights do not fit them.
            OptionError: there are neither weights nor `attention_channels`.
        """
        _check_maps(maps)
        if weights is None:
            if self.attention is None:
                raise OptionError("WeightedGeM needs weights: pass them, or set attention_channels")
            weights = nn.functional.softplus(self.attention(maps)) if maps.numel() else maps[:, :1]
        expected = (len(maps), 1, *maps.shape[2:])
        if tuple(weights.shape) != expected:
            raise ShapeError(f"weights must have shape {expected}, got {tuple(weights.shape)}")
        return self._pooled(maps, partial(self.pool, weights=weights))


class CroW(Pooling):
    """Sum pooling with weights for cells and channels.

    Args:
        a: the exponent of the norm that divides the cell weights.
        b: the root of the cell weights.
        normalize: whether to scale the result to unit length.
    """

    def __init__(self, a: float = 2.0, b: float = 2.0, *, normalize: bool = True) -> None:
        super().__init__(normalize=normalize)
        self.a, self.b = a, b

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the weighted sums."""
        return kernels.crow(_cells(maps), self.a, self.b)


class RMAC(Pooling):
    """Sum of the unit maxima of many squares.

    Args:
        levels: the number of square sizes, see `rmac_regions`.
        whole: whether the whole map is one more region. Not in the paper, but in some public code.
        mean: ``(C,)``, the mean of the unit region vectors, for regional whitening.
        projection: ``(C, D)``: a unit region vector r becomes ``(r - mean) @ projection``, again with unit length.
        normalize: whether to scale the result to unit length.

    Raises:
        ShapeError: mean and projection do not fit together, or only one is given.
    """

    mean: torch.Tensor | None
    projection: torch.Tensor | None

    def __init__(
        self,
        levels: int = 3,
        *,
        whole: bool = False,
        mean: torch.Tensor | None = None,
        projection: torch.Tensor | None = None,
        normalize: bool = True,
    ) -> None:
        super().__init__(normalize=normalize)
        shapes = [None if each is None else tuple(each.shape) for each in (mean, projection)]
        if (mean is None) != (projection is None) or (
            mean is not None and projection is not None and (mean.ndim, projection.ndim) != (1, 2)
        ):
            raise ShapeError(f"mean and projection must have shapes (C,) and (C, D), got {shapes[0]} and {shapes[1]}")
        if mean is not None and projection is not None and len(mean) != len(projection):
            raise ShapeError(f"mean and projection must have as many rows, got {shapes[0]} and {shapes[1]}")
        self.levels, self.whole = levels, whole
        self.register_buffer("mean", mean)
        self.register_buffer("projection", projection)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``, ``(B, D)`` with regional whitening.

        Raises:
            ShapeError: the maps do not have four axes.
        """
        return self._pooled(maps, self.pool, None if self.projection is None else self.projection.shape[1])

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the sum over regions."""
        height, width = maps.shape[2:]
        squares = [
            maps[:, :, y : y + side, x : x + side] for x, y, side in rmac_regions(width, height, self.levels)
        ] + [maps] * self.whole
        maxima = torch.stack([kernels.mac(_cells(square)) for square in squares], dim=1)
        if self.mean is None or self.projection is None:
            return rmac(maxima)
        return rmac(maxima, (self.mean.to(maps.dtype), self.projection.to(maps.dtype)))


def power_mean(maps: torch.Tensor, p: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Return the generalized mean ``(B, C)`` of maps, by choice with weights ``(B, 1, H, W)`` of the cells.

    Args:
        maps: ``(B, C, H, W)``.
        p: exponents above 0, ``(1,)`` or ``(C,)``.
        weights: those below 0 count as 0.
    """
    return kernels.gem(_cells(maps), p.to(maps.dtype), None if weights is None else weights.to(maps.dtype).flatten(1))


def _check_maps(maps: torch.Tensor) -> None:
    if maps.ndim != 4:
        raise ShapeError(f"maps must have shape (B, C, H, W), got {tuple(maps.shape)}")


def _cells(maps: torch.Tensor) -> torch.Tensor:
    """Return the cells ``(B, H W, C)`` of maps ``(B, C, H, W)``."""
    return maps.flatten(2).transpose(1, 2)


def _center_prior(maps: torch.Tensor) -> torch.Tensor:
    """Return the weights ``(H W,)`` of SPoC's cells."""
    height, width = maps.shape[2:]
    columns, rows = (torch.arange(side, device=maps.device, dtype=maps.dtype) for side in (width, height))
    points = torch.stack([columns.repeat(height), rows.repeat_interleave(width)], dim=1)
    return kernels.center_prior(points, maps.new_tensor([width, height]))
