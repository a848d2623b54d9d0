"""The NetVLAD layer (Arandjelovic et al., CVPR 2016): trainable VLAD.

A map is a set of N descriptors x_i of D values; `kernels.netvlad` has the equations, and the versions that w, b and c
begin with. They are learned independently. Ghost clusters (Zhong et al., ACCV 2018) take part in the softmax and are
excluded from V, so that uninformative descriptors have somewhere to go.

How it is computed: the sum is one matrix product per batch, ``V = A X^T - (sum of A's columns) c``, without the
``(B, K, D, N)`` residuals, and the normalized input is never built: with u = 1 / |x|, the logits are
``u (w . x) + b`` and the sums ``(A u) X^T``. A u overwrites the logits; it and the input are all that is stored for the
gradient, which is hand-written for the same reason. As many maps as fit in a cache are processed at a time. Soft
weights too small to matter are kept from becoming denormal numbers, which are slow on CPUs.

Departures from the paper: none in value. Descriptors shorter than 1e-12 are not scaled, so a zero vector has a finite
gradient. Normalization of V divides by at least 1e-12. Maps of float16 are normalized first, into a copy: their
products could exceed its range. The gradient cannot be differentiated again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.autograd.function import once_differentiable

from placeprint.errors import OptionError, ShapeError
from placeprint.kernels.netvlad import SHORTEST, VERSIONS, assignment, sharpness
from placeprint.networks.netvlad_checks import numpy_rows, require_finite

START_ALPHA = 10.0
"""The alpha before `NetVLAD.init_params`."""
BLOCK = 2**20
"""Most logits processed at once on the CPU: 4 MB in float32."""
PRODUCT_BLOCK = 2**18
"""Most values of the map processed at once on the CPU where a product with another map is summed."""
OTHER_DEVICES = 16
"""Factor of both on other devices."""
LEAST = 0.8
"""Factor of the logarithm of the smallest normal number that gives the smallest logit."""


class NetVLAD(nn.Module):
    """The layer.

    Args:
        num_clusters: k, the number of clusters.
        dim: d, the channels of the map.
        version: ``"v2"`` or ``"v1"``, see the module; v1 has no bias.
        normalize_input: whether to scale descriptors to unit length first.
        num_ghosts: g, the number of ghost clusters, the last rows of ``conv``.

    Attributes:
        conv: 1 x 1 convolution with the ``(K + G, D, 1, 1)`` weight w and, in v2, the ``(K + G,)`` bias b.
        centroids: ``(K, D)``, c.
        alpha: the alpha that initialized w and b.

    Before `init_params`, the centers are random unit vectors.

    Raises:
        OptionError: a parameter is out of its range.

    Example:
        >>> NetVLAD(num_clusters=4, dim=8)(torch.rand(2, 8, 5, 7)).shape
        torch.Size([2, 32])
    """

    alpha: float

    def __init__(
        self,
        num_clusters: int = 64,
        dim: int = 128,
        version: str = "v2",
        normalize_input: bool = True,
        num_ghosts: int = 0,
    ) -> None:
        super().__init__()
        if version not in VERSIONS:
            raise OptionError(f"version must be one of {', '.join(VERSIONS)}, got {version!r}")
        if num_clusters < 1 or dim < 1 or num_ghosts < 0:
            raise OptionError(
                "num_clusters and dim must be at least 1 and num_ghosts at least 0, got "
                f"{num_clusters}, {dim}, {num_ghosts}"
            )
        self.num_clusters, self.dim, self.num_ghosts = num_clusters, dim, num_ghosts
        self.version, self.normalize_input = version, normalize_input
        self.conv = nn.Conv2d(dim, num_clusters + num_ghosts, 1, bias=version == "v2")
        self.centroids = nn.Parameter(torch.empty(num_clusters, dim))
        self._begin(nn.functional.normalize(torch.randn(num_clusters + num_ghosts, dim), dim=1), START_ALPHA)

    def init_params(
        self, centers: torch.Tensor | NDArray[np.floating], descriptors: torch.Tensor | NDArray[np.floating]
    ) -> None:
        """Initialize from k-means centers, and set alpha from the descriptors they were learned from.

        Args:
            centers: ``(K + G, D)`` Torch or NumPy array, with the ghost clusters last.
            descriptors: ``(n, D)`` Torch or NumPy array, normalized here as the input is.

        Raises:
            ShapeError: the shapes do not fit, there are no descriptors, or a value is not finite or too large.
            OptionError: all descriptors are equal, or none is closer to one center than to the others.
        """
        expected = (self.num_clusters + self.num_ghosts, self.dim)
        began, rows = numpy_rows(centers, "centers"), numpy_rows(descriptors, "descriptors")
        if began.shape != expected:
            raise ShapeError(f"centers must have shape {expected}, got {began.shape}")
        if self.normalize_input:
            rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), SHORTEST)
        alpha = sharpness(began, rows, self.version)
        self._begin(torch.from_numpy(began).to(self.centroids.device), alpha)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return the ``(B, K x D)`` unit descriptors of maps, cluster by cluster; zeros if no position counts.

        Args:
            x: ``(B, D, H, W)`` or ``(B, D, N)`` of any floating dtype, which is also that of the result.
            mask: ``(B, H, W)`` or ``(B, N)`` bool, True where a position counts; the others must be finite too.

        Raises:
            ShapeError: the shapes do not fit, or, on the CPU, a value is not finite or so large that the squares of
                a descriptor overflow.
        """
        # same values with and without autocast
        with torch.autocast(x.device.type, enabled=False):
            x, valid, folds = self._prepared(x, mask)
            weight, bias, centroids = self._parameters_like(x)
            sums: torch.Tensor = _SoftResiduals.apply(x, weight, bias, centroids, valid, folds)  # type: ignore[no-untyped-call]  # Torch's
            require_finite(sums, x)
            clusters = nn.functional.normalize(sums.to(_wide(x)), dim=2, eps=SHORTEST)
            return nn.functional.normalize(clusters.flatten(1), dim=1, eps=SHORTEST).to(x.dtype)

    @torch.no_grad()
    def soft_weights(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return the soft weights ``(B, K + G, N)`` of each descriptor; see `forward`. There is no gradient."""
        with torch.autocast(x.device.type, enabled=False):
            x, valid, folds = self._prepared(x, mask)
            weight, bias, _ = self._parameters_like(x)
            found = x.new_empty(len(x), len(weight), x.shape[2])
            return found.mul_(_weigh(x, weight, bias, valid, folds, out=found))

    @torch.no_grad()
    def _begin(self, centers: torch.Tensor, alpha: float) -> None:
        self.alpha = alpha
        self.centroids.copy_(centers[: self.num_clusters])
        weights, biases = assignment(centers, alpha, self.version)
        self.conv.weight.copy_(weights[:, :, None, None])
        if self.conv.bias is not None:
            self.conv.bias.copy_(biases)

    def _prepared(self, x: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None, bool]:
        """Return ``(B, D, N)``, ``(B, 1, N)`` of zeros and ones, and whether lengths must still be folded in."""
        if x.ndim not in {3, 4} or x.shape[1] != self.dim or not x.is_floating_point():
            raise ShapeError(
                f"x must have shape (B, {self.dim}, H, W) or (B, {self.dim}, N) and a floating dtype, "
                f"got {tuple(x.shape)} of {x.dtype}"
            )
        places = (x.shape[0], *x.shape[2:])
        if mask is not None and tuple(mask.shape) != places:
            raise ShapeError(f"mask must have shape {tuple(places)}, got {tuple(mask.shape)}")
        valid = None if mask is None else mask.flatten(1)[:, None].to(x.dtype)
        x = x.flatten(2)
        if self.normalize_input and x.dtype == torch.float16:
            wide = x.float()
            return (wide / _lengths(wide)).half(), valid, False
        return x, valid, self.normalize_input

    def _parameters_like(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        bias = None if self.conv.bias is None else self.conv.bias.to(x.dtype)
        return self.conv.weight.flatten(1).to(x.dtype), bias, self.centroids.to(x.dtype)


class _SoftResiduals(torch.autograd.Function):
    """``V_k = sum over i of a_k(x_i) (x_i - c_k)``, with its gradient; see the module.

    For the gradient it stores A u, from which the lengths restore a.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        centroids: torch.Tensor,
        valid: torch.Tensor | None,
        folds: bool,
    ) -> torch.Tensor:
        """Return ``(B, K, D)`` from ``(B, D, N)``; `valid` is ``(B, 1, N)``, `folds` whether x is normalized."""
        maps, dim, places = x.shape
        K, keeps = len(centroids), any(ctx.needs_input_grad)
        parts = list(_parts(x, len(weight)))
        room = maps if keeps else max((part.stop - part.start for part in parts), default=0)
        cells = x.new_empty(room, len(weight), places)
        lengths = x.new_empty(maps if keeps else 0, 1, places)
        sums = x.new_empty(maps, K, dim)
        for part in parts:
            taken = cells[part] if keeps else cells[: part.stop - part.start]
            found = _weigh(x[part], weight, bias, None if valid is None else valid[part], folds, out=taken)
            if keeps:
                lengths[part] = found
            torch.bmm(taken[:, :K], x[part].mT, out=sums[part])
            sums[part].addcmul_(torch.bmm(taken[:, :K], found.mT), centroids, value=-1)
        ctx.save_for_backward(x, weight, centroids, cells, lengths)
        ctx.folds = folds
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of x, weight, bias and centroids."""
        x, weight, centroids, cells, lengths = ctx.saved_tensors
        K = len(centroids)
        to_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        to_weight, to_bias, to_centroids = (
            torch.zeros(shape, dtype=_wide(x), device=x.device)
            for shape in (weight.shape, len(weight), centroids.shape)
        )
        with torch.autocast(x.device.type, enabled=False):
            for part in _parts(x, len(weight)):
                rows, taken, length, gradient = x[part], cells[part], lengths[part], gradients[0][part]
                to_centroids -= (gradient * torch.bmm(taken[:, :K], length.mT)).sum(0)
                to_logits = _to_logits(gradient, rows, taken, length, centroids)
                to_bias += to_logits.sum((0, 2))
                to_logits.div_(length)
                to_weight += torch.bmm(to_logits, rows.mT).sum(0)
                if to_x is not None:
                    torch.bmm(gradient.mT, taken[:, :K], out=to_x[part])
                    to_x[part].baddbmm_(weight.T.expand(len(rows), -1, -1), to_logits)
                    if ctx.folds:
                        along = _dots(rows, to_x[part]) / length.square()
                        to_x[part].addcmul_(rows, along.to(x.dtype), value=-1)
        to_weight, to_bias, to_centroids = (each.to(x.dtype) for each in (to_weight, to_bias, to_centroids))
        return to_x, to_weight, to_bias if ctx.needs_input_grad[2] else None, to_centroids, None, None


def _to_logits(
    gradient: torch.Tensor, rows: torch.Tensor, taken: torch.Tensor, length: torch.Tensor, centroids: torch.Tensor
) -> torch.Tensor:
    """Return the gradient of the logits, ``(b, K + G, N)``, from that of V, ``(b, K, D)``.

    With t_k = a_k dL/da_k, it is t_k - a_k (sum over j of t_j); t is zero for ghosts.
    """
    found = torch.bmm(gradient, rows)
    found.addcmul_((gradient * centroids).sum(2, keepdim=True), length, value=-1)
    ghosts = taken.shape[1] - len(centroids)
    found = nn.functional.pad(found, (0, 0, 0, ghosts)) if ghosts else found
    found.mul_(taken)
    return found.addcmul_(taken, found.sum(1, keepdim=True) * length, value=-1)


def _weigh(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    valid: torch.Tensor | None,
    folds: bool,
    *,
    out: torch.Tensor,
) -> torch.Tensor:
    """Overwrite with the soft weights divided by the lengths, ``(b, K + G, N)``; return the lengths, ``(b, 1, N)``."""
    torch.bmm(weight.expand(len(x), -1, -1), x, out=out)
    if folds:
        lengths = _lengths(x)
        require_finite(lengths, x)
        out.div_(lengths)
    else:
        lengths = x.new_ones(len(x), 1, x.shape[2])
    if bias is not None:
        out.add_(bias[:, None])
    # denormal numbers slow down exp and every product with them, up to ten times
    out.sub_(out.amax(1, keepdim=True)).clamp_(min=_least_logit(out.dtype)).exp_()
    scale = (out.sum(1, keepdim=True) * lengths).reciprocal_()
    out.mul_(scale if valid is None else scale * valid)
    return lengths


def _lengths(x: torch.Tensor) -> torch.Tensor:
    """Return ``(B, 1, N)`` L2 lengths of ``(B, D, N)``, 1 for those too short to be scaled."""
    squares = _dots(x, x)
    return torch.where(squares > SHORTEST**2, squares, 1).sqrt().to(x.dtype)


def _least_logit(kind: torch.dtype) -> float:
    """Return the difference to the largest logit below which a soft weight is negligible in this dtype.

    Float32's is -70, a weight of 4e-31: far below rounding errors, and still normal when divided by a length.
    """
    return LEAST * math.log(torch.finfo(torch.promote_types(kind, torch.float32)).tiny)


def _dots(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return ``(B, 1, N)``, at least float32: the dot products of the descriptors of two ``(B, D, N)``."""
    # vector_norm takes up to thirty times as long on the CPU when the dimension is not the last
    found = torch.empty(len(x), 1, x.shape[2], dtype=_wide(x), device=x.device)
    for part in _parts(x, x.shape[1], PRODUCT_BLOCK):
        found[part] = (x[part] * y[part]).sum(1, keepdim=True, dtype=_wide(x))
    return found


def _wide(x: torch.Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _parts(x: torch.Tensor, rows: int, block: int = BLOCK) -> Iterator[slice]:
    """Yield the maps of ``(B, D, N)`` to process at once, so that ``(b, rows, N)`` has at most `block` values."""
    maps, _, places = x.shape
    block = block if x.device.type == "cpu" else OTHER_DEVICES * block
    step = max(1, maps if torch.compiler.is_compiling() else block // max(1, rows * places))
    return (slice(start, min(start + step, maps)) for start in range(0, maps, step))
