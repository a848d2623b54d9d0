"""Global pooling: one descriptor of a network's map, as torch modules that can be trained.

All take maps ``(B, C, H, W)`` and give ``(B, C)`` in the maps' dtype, by default of unit length. With x_i the C values
of cell i, one channel at a time:

- `SPoC` (Babenko and Lempitsky, ICCV 2015): ``sum a_i x_i``, with a_i = 1, or the center prior
  ``a_i = exp(-d_i^2 / (2 s^2))``, d_i the distance of the cell from the middle of the map and ``s = min(W, H) / 6``,
  a third of the way from the middle to the nearest side.
- `MAC` (Razavian et al., 2016; Tolias et al., ICLR 2016): ``max x_i``.
- `GeM` (Radenovic et al., PAMI 2019): ``(mean x_i^p)^(1/p)``; p = 1 is the mean, p to infinity the maximum.
- `WeightedGeM`: ``(sum w_i x_i^p / sum w_i)^(1/p)`` for weights w_i of the cells, given or learned.
- `CroW` (Kalantidis et al., ECCVW 2016): ``I_k sum S_i x_ik``. With ``T_i = sum_k x_ik`` the weights of the cells are
  ``S_i = (T_i / (sum_j T_j^a)^(1/a))^(1/b)``, a = b = 2. With Q_k the share of cells where channel k is above 0 those
  of the channels are ``I_k = log((K e + sum_h Q_h) / (e + Q_k))``.
- `RMAC` (Tolias et al., ICLR 2016): the sum of the unit MACs of the squares of `rmac_regions`.

Departures, all without effect where the papers' formulas can be computed:

- Maps in half precision are pooled in float32.
- GeM divides by the largest value of the channel before the power and multiplies by it afterwards, so no p under- or
  overflows. Values below 1e-6 count as 1e-6 *before* the power: a channel that is 0 everywhere gets a finite gradient.
  ``p = exp(log_p)`` with log_p learned, so p stays positive.
- The middle of SPoC's prior is that of the map, ``(W - 1) / 2`` for columns counted from 0.
- Networks whose maps are not behind a ReLU have negative values: CroW's T_i adds up the positive ones only.
- A map without cells gives zeros, as do weights that are all 0; the gradient of the length of a zero vector is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from placeprint.errors import OptionError, ShapeError

SMALLEST = 1e-6
"""Values of a map below this count as this before the power of GeM; also CroW's e."""
OVERLAP = 0.4
"""Of two squares of R-MAC's first level that follow each other, as a share of their side."""
MOST_REGIONS = 7
"""Squares along the longer side of R-MAC's first level at most."""


class SPoC(nn.Module):
    """Sum pooling.

    Args:
        center_prior: cells in the middle count more, see the module.
        normalize: bring the result to unit length.
    """

    def __init__(self, *, center_prior: bool = False, normalize: bool = True) -> None:
        super().__init__()
        self.center_prior, self.normalize = center_prior, normalize

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``.

        Raises:
            ShapeError: the maps have another number of axes.
        """
        return _pooled(maps, self._pool, self.normalize)

    def _pool(self, maps: torch.Tensor) -> torch.Tensor:
        if self.center_prior:
            maps = maps * _center_prior(maps)
        return maps.sum((2, 3))


class MAC(nn.Module):
    """Maximum of each channel.

    Args:
        normalize: bring the result to unit length.
    """

    def __init__(self, *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``.

        Raises:
            ShapeError: the maps have another number of axes.
        """
        return _pooled(maps, lambda cells: cells.amax((2, 3)), self.normalize)


class GeM(nn.Module):
    """Generalized mean.

    Args:
        p: exponent to begin with, above 0.
        channels: of the maps, for one exponent a channel; None for one of all.
        learn: whether p is learned.
        normalize: bring the result to unit length.

    Raises:
        OptionError: p is not above 0.
    """

    def __init__(
        self, p: float = 3.0, *, channels: int | None = None, learn: bool = True, normalize: bool = True
    ) -> None:
        super().__init__()
        self.log_p = _log_exponent(p, channels, learn)
        self.normalize = normalize

    @property
    def p(self) -> torch.Tensor:
        """The exponents, ``(1,)`` or ``(C,)``."""
        return self.log_p.exp()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``.

        Raises:
            ShapeError: the maps have another number of axes.
        """
        return _pooled(maps, lambda cells: _power_mean(cells, self.p), self.normalize)


class WeightedGeM(nn.Module):
    """Generalized mean of cells that count differently.

    Args:
        p: exponent to begin with, above 0.
        attention_channels: channels of the maps, to learn the weights as softplus of a 1 x 1 convolution; None where
            they are always given.
        learn: whether p is learned.
        normalize: bring the result to unit length.

    Raises:
        OptionError: p is not above 0.
    """

    def __init__(
        self, p: float = 3.0, *, attention_channels: int | None = None, learn: bool = True, normalize: bool = True
    ) -> None:
        super().__init__()
        self.log_p = _log_exponent(p, None, learn)
        self.attention = None if attention_channels is None else nn.Conv2d(attention_channels, 1, 1)
        self.normalize = normalize

    @property
    def p(self) -> torch.Tensor:
        """The exponent, ``(1,)``."""
        return self.log_p.exp()

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
        given = weights
        return _pooled(maps, lambda cells: _power_mean(cells, self.p, given), self.normalize)


class CroW(nn.Module):
    """Sum pooling with weights for cells and channels, see the module.

    Args:
        a: exponent of the norm the weights of the cells are divided by.
        b: the root that is taken of them.
        normalize: bring the result to unit length.
    """

    def __init__(self, a: float = 2.0, b: float = 2.0, *, normalize: bool = True) -> None:
        super().__init__()
        self.a, self.b, self.normalize = a, b, normalize

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``.

        Raises:
            ShapeError: the maps have another number of axes.
        """
        return _pooled(maps, self._pool, self.normalize)

    def _pool(self, maps: torch.Tensor) -> torch.Tensor:
        return (maps * self._cell_weights(maps)).sum((2, 3)) * _channel_weights(maps)

    def _cell_weights(self, maps: torch.Tensor) -> torch.Tensor:
        strength = maps.clamp(min=0).sum(1, keepdim=True)
        active = strength > 0
        # a root has no gradient at 0: it is taken of 1 there, and what comes of it is dropped
        strength = torch.where(active, strength, 1)
        total = torch.where(active, strength**self.a, 0).sum((2, 3), keepdim=True)
        length = torch.where(total > 0, total, 1) ** (1 / self.a)
        return torch.where(active, (strength / length) ** (1 / self.b), 0)


class RMAC(nn.Module):
    """Maxima of many squares, each of unit length, added up.

    Args:
        levels: sizes of squares, see `rmac_regions`.
        whole: whether the whole map is one more region. The paper has it not, some public code has it.
        mean: ``(C,)`` of the unit vectors of regions, for regional whitening.
        projection: ``(C, D)``: a unit vector r of a region becomes ``(r - mean) @ projection``, of unit length again.
        normalize: bring the result to unit length.

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
        super().__init__()
        shapes = [None if each is None else tuple(each.shape) for each in (mean, projection)]
        if (mean is None) != (projection is None) or (
            mean is not None and projection is not None and (mean.ndim, projection.ndim) != (1, 2)
        ):
            raise ShapeError(f"mean and projection must have shapes (C,) and (C, D), got {shapes[0]} and {shapes[1]}")
        if mean is not None and projection is not None and len(mean) != len(projection):
            raise ShapeError(f"mean and projection must have as many rows, got {shapes[0]} and {shapes[1]}")
        self.levels, self.whole, self.normalize = levels, whole, normalize
        self.register_buffer("mean", mean)
        self.register_buffer("projection", projection)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, C)`` of ``(B, C, H, W)``, ``(B, D)`` with regional whitening.

        Raises:
            ShapeError: the maps have another number of axes.
        """
        dim = None if self.projection is None else self.projection.shape[1]
        return _pooled(maps, self._pool, self.normalize, dim)

    def _pool(self, maps: torch.Tensor) -> torch.Tensor:
        height, width = maps.shape[2:]
        squares = [
            maps[:, :, y : y + side, x : x + side] for x, y, side in rmac_regions(width, height, self.levels)
        ] + [maps] * self.whole
        maxima = torch.stack([square.amax((2, 3)) for square in squares], dim=1)
        return self._whitened(unit(maxima)).sum(1)

    def _whitened(self, regions: torch.Tensor) -> torch.Tensor:
        if self.mean is None or self.projection is None:
            return regions
        turned = unit((regions - self.mean.to(regions.dtype)) @ self.projection.to(regions.dtype))
        return turned * (regions != 0).any(-1, keepdim=True)


def rmac_regions(width: int, height: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """Return the squares of R-MAC on a map, as (first column, first row, side) in cells.

    The squares of level l = 1, 2, ... have side ``floor(2 min(W, H) / (l + 1))``; a level whose side is 0 has none. On
    the shorter side of the map there are l, on the longer ``l + m - 1``, evenly spaced, rounded down to whole cells.
    m is 1 on a square map; otherwise it is the one of 2 to 7 for which two squares of level 1 that follow each other
    have an overlap nearest to 40 % (the smaller m of two as near).

    Raises:
        OptionError: there are less than one level.

    Example:
        >>> rmac_regions(3, 2, 2)
        [(0, 0, 2), (1, 0, 2), (0, 0, 1), (1, 0, 1), (2, 0, 1), (0, 1, 1), (1, 1, 1), (2, 1, 1)]
    """
    if levels < 1:
        raise OptionError(f"levels must be at least 1, got {levels}")
    shorter = min(width, height)
    along = _num_regions(max(width, height), shorter)
    regions = []
    for level in range(1, levels + 1):
        side = 2 * shorter // (level + 1)
        if side:
            columns = _starts(width - side, level + (along - 1 if width > height else 0))
            rows = _starts(height - side, level + (along - 1 if height > width else 0))
            regions += [(x, y, side) for y in rows for x in columns]
    return regions


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Return vectors ``(..., D)`` with unit length; zero vectors stay zero, with a finite gradient."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / torch.where(length > 0, length, 1)


def _pooled(
    maps: torch.Tensor, pool: Callable[[torch.Tensor], torch.Tensor], normalize: bool, dim: int | None = None
) -> torch.Tensor:
    """Return what a pooling makes of the maps, in their dtype; zeros, `dim` a photo, of maps without cells."""
    _check_maps(maps)
    if 0 in maps.shape[2:]:
        return maps.new_zeros(len(maps), dim or maps.shape[1])
    result = pool(maps.float() if maps.dtype in {torch.float16, torch.bfloat16} else maps)
    return (unit(result) if normalize else result).to(maps.dtype)


def _check_maps(maps: torch.Tensor) -> None:
    if maps.ndim != 4:
        raise ShapeError(f"maps must have shape (B, C, H, W), got {tuple(maps.shape)}")


def _power_mean(maps: torch.Tensor, p: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Return the generalized mean ``(B, C)``, with weights ``(B, 1, H, W)`` or each cell the same."""
    p = p.to(maps.dtype)[:, None, None]
    maps = maps.clamp(min=SMALLEST)
    # the result does not depend on what is divided by, so neither does its gradient
    largest = maps.detach().amax((2, 3), keepdim=True)
    powered = torch.exp(p * (maps.log() - largest.log()))
    if weights is None:
        return (largest * powered.mean((2, 3), keepdim=True) ** (1 / p)).flatten(1)
    weights = weights.to(maps.dtype).clamp(min=0)
    total = weights.sum((2, 3), keepdim=True)
    mean = (weights / torch.where(total > 0, total, 1) * powered).sum((2, 3), keepdim=True)
    root = mean.clamp(min=torch.finfo(maps.dtype).tiny) ** (1 / p)
    return (largest * root * (total > 0)).flatten(1)


def _log_exponent(p: float, channels: int | None, learn: bool) -> nn.Parameter:
    if p <= 0:
        raise OptionError(f"p must be above 0, got {p}")
    return nn.Parameter(torch.full((channels or 1,), math.log(p)), requires_grad=learn)


def _center_prior(maps: torch.Tensor) -> torch.Tensor:
    """Return the weights ``(H, W)`` of SPoC's cells."""
    height, width = maps.shape[2:]
    deviation = min(height, width) / 6
    rows, columns = (
        torch.exp(
            -((torch.arange(side, device=maps.device, dtype=maps.dtype) - (side - 1) / 2) ** 2) / deviation**2 / 2
        )
        for side in (height, width)
    )
    return rows[:, None] * columns


def _channel_weights(maps: torch.Tensor) -> torch.Tensor:
    """Return CroW's I ``(B, C)``: rare channels count more."""
    share = (maps > 0).to(maps.dtype).mean((2, 3))
    total = share.sum(1, keepdim=True) + SMALLEST * maps.shape[1]
    return torch.log(total / (share + SMALLEST))


def _num_regions(longer: int, shorter: int) -> int:
    """Return R-MAC's m for a map of these sides in cells."""
    if shorter in {longer, 0}:
        return 1
    return min(
        range(2, MOST_REGIONS + 1), key=lambda count: abs(1 - (longer - shorter) / (count - 1) / shorter - OVERLAP)
    )


def _starts(room: int, count: int) -> list[int]:
    """Return `count` whole numbers from 0 to `room`, evenly spaced, rounded down."""
    return [index * room // max(count - 1, 1) for index in range(count)]
