"""DINOv2's vision transformer (Oquab et al., TMLR 2024), with the names of its published checkpoints.

The picture is cut into patches of 14 x 14 pixels; a class token comes first, then the patches row by row. A learned
table adds where each patch lies. It was made for 37 x 37 patches. For others it is resized by the bicubic kernel, at
the scale ``(rows + 0.1) / 37``, as in training: the 0.1 was there against rounding, and it moves the sampling grid.

A block is pre-norm, with learned scales s of what it adds (LayerScale)::

    x = x + s1 attention(norm1 x),   x = x + s2 mlp(norm2 x)

Two methods adapt the frozen network by small layers in each block (`cricavpr`, `selavpr`)::

    x = x + s1 adapter1(attention(norm1 x)),   x = x + s2 (mlp(norm2 x) + 0.2 adapter2(norm2 x))

GELU is the exact one, every LayerNorm has eps 1e-6, heads have 64 values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from placeprint.errors import ShapeError
from placeprint.networks.published.attention import attend

PATCH = 14
TABLE = 37
"""Patches each way of the pictures that the table of positions was learned with."""
OFFSET = 0.1
HEAD = 64
"""Values of one head of the attention."""
EPS = 1e-6
PARALLEL_SCALE = 0.2
"""Of what an adapter beside the perceptron adds."""
PARTS = ("query", "key", "value")

Adapter = Callable[[int], nn.Module]


class Tokens(NamedTuple):
    """What the transformer says of pictures.

    Args:
        token: ``(B, C)``, the class token.
        map: ``(B, C, rows, columns)``, the patches.
    """

    token: torch.Tensor
    map: torch.Tensor


class SelfAttention(nn.Module):
    """Attention of all tokens to all.

    Args:
        width: the width of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, N, C)`` of ``(B, N, C)``."""
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        found: torch.Tensor = self.proj(attend(query, key, value, self.heads))
        return found


class Perceptron(nn.Module):
    """Two layers with GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, N, C)`` of ``(B, N, C)``."""
        found: torch.Tensor = self.fc2(self.act(self.fc1(x)))
        return found


class GatedPerceptron(nn.Module):
    """SwiGLU: ``w3 (silu(a) b)``, a and b the halves of ``w12 x``; 8/3 of the width inside, to a multiple of 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = (8 * width // 3 + 7) // 8 * 8
        self.w12 = nn.Linear(width, 2 * hidden)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, N, C)`` of ``(B, N, C)``."""
        gate, value = self.w12(x).chunk(2, dim=-1)
        found: torch.Tensor = self.w3(nn.functional.silu(gate) * value)
        return found


class LayerScale(nn.Module):
    """A factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, N, C)`` of ``(B, N, C)``."""
        return x * self.gamma


class Block(nn.Module):
    """One block, see the module.

    Args:
        width: the width of a token.
        swiglu: whether the perceptron is gated.
        adapter1: makes the adapter behind the attention; None without one.
        adapter2: makes the adapter beside the perceptron; None without one.
    """

    def __init__(self, width: int, *, swiglu: bool, adapter1: Adapter | None, adapter2: Adapter | None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = SelfAttention(width)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = GatedPerceptron(width) if swiglu else Perceptron(width)
        self.ls2 = LayerScale(width)
        self.adapter1 = None if adapter1 is None else adapter1(width)
        self.adapter2 = None if adapter2 is None else adapter2(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(B, N, C)`` of ``(B, N, C)``."""
        seen = self.attn(self.norm1(x))
        x = x + self.ls1(seen if self.adapter1 is None else self.adapter1(seen))
        normed = self.norm2(x)
        thought = self.mlp(normed)
        if self.adapter2 is not None:
            thought = thought + PARALLEL_SCALE * self.adapter2(normed)
        found: torch.Tensor = x + self.ls2(thought)
        return found


class PatchEmbedding(nn.Module):
    """Patches as tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, rows x columns, C)`` of ``(B, 3, H, W)``."""
        found: torch.Tensor = self.proj(pictures).flatten(2).transpose(1, 2)
        return found


class DINOv2(nn.Module):
    """The transformer.

    Args:
        width: the width of a token.
        depth: number of blocks.
        swiglu: whether the perceptrons are gated.
        mask_token: whether there is the token that only training uses.
        normalize: whether the final LayerNorm, which is there in any case, is applied.
        facet: block, counted from 0, and which of `PARTS` of its attention is the map; None for the last output.
        adapter1: makes the adapter behind the attention of each block; None without.
        adapter2: makes the adapter beside the perceptron of each block; None without.
        resize: whether pictures whose sides are not multiples of 14 are resized to the nearest multiples.
        side: pixels that pictures must have each way; 0 for any.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        *,
        swiglu: bool = False,
        mask_token: bool = True,
        normalize: bool = True,
        facet: tuple[int, str] | None = None,
        adapter1: Adapter | None = None,
        adapter2: Adapter | None = None,
        resize: bool = False,
        side: int = 0,
    ) -> None:
        super().__init__()
        self.normalize, self.facet, self.resize, self.side = normalize, facet, resize, side
        self.table = (TABLE, TABLE)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + TABLE**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width)) if mask_token else None
        self.patch_embed = PatchEmbedding(width)
        self.blocks = nn.ModuleList(
            Block(width, swiglu=swiglu, adapter1=adapter1, adapter2=adapter2) for _ in range(depth)
        )
        self.norm: nn.Module = nn.LayerNorm(width, eps=EPS)

    def forward(self, pictures: torch.Tensor) -> Tokens:
        """Return the tokens of normalized ``(B, 3, H, W)``.

        Raises:
            ShapeError: the sides of the pictures do not fit, see `resize` and `side`.
        """
        pictures = self._fitting(pictures)
        rows, columns = pictures.shape[2] // PATCH, pictures.shape[3] // PATCH
        x = self._through(self.embed(pictures))
        return Tokens(x[:, 0], as_map(x[:, 1:], rows, columns))

    def embed(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 1 + rows x columns, C)``: class token and patches, with positions, of normalized pictures.

        Raises:
            ShapeError: their sides are not multiples of 14.
        """
        rows, columns = pictures.shape[2] // PATCH, pictures.shape[3] // PATCH
        if pictures.shape[2:] != (rows * PATCH, columns * PATCH):
            sides = (int(pictures.shape[2]), int(pictures.shape[3]))
            raise ShapeError(f"the sides of pictures must be multiples of {PATCH}, got {_said(sides)}")
        patches = self.patch_embed(pictures)
        token = self.cls_token.expand(len(pictures), -1, -1)
        return torch.cat([token, patches], dim=1) + self.positions(rows, columns)

    def positions(self, rows: int, columns: int) -> torch.Tensor:
        """Return ``(1, 1 + rows x columns, C)``: the table for pictures with these numbers of patches."""
        if (rows, columns) == self.table:
            return self.pos_embed
        if self.table != (TABLE, TABLE):
            raise ShapeError(f"the network was fixed to {_said(self.table)} patches, got {_said((rows, columns))}")
        table = as_map(self.pos_embed[:, 1:], TABLE, TABLE)
        scale = ((rows + OFFSET) / TABLE, (columns + OFFSET) / TABLE)
        resized = nn.functional.interpolate(table, scale_factor=scale, mode="bicubic", align_corners=False)
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)

    def fix_size(self, height: int, width: int) -> None:
        """Keep the table of positions for pictures of one size only, as an exported graph does."""
        sides = (height // PATCH, width // PATCH)
        self.pos_embed = nn.Parameter(self.positions(*sides).detach().clone(), requires_grad=False)
        self.table = sides

    def _through(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last output of the blocks, or the facet of one of them."""
        if self.facet is None:
            for block in self.blocks:
                x = block(x)
            return self.norm(x) if self.normalize else x
        number, part = self.facet
        for block in self.blocks[:number]:
            x = block(x)
        last = self.blocks[number]
        assert isinstance(last, Block)
        found: torch.Tensor = last.attn.qkv(last.norm1(x)).chunk(3, dim=-1)[PARTS.index(part)]
        return found

    def _fitting(self, pictures: torch.Tensor) -> torch.Tensor:
        sides = (int(pictures.shape[2]), int(pictures.shape[3]))
        if self.side and sides != (self.side, self.side):
            raise ShapeError(f"the network takes pictures of {self.side} x {self.side} pixels, got {_said(sides)}")
        fitting = (max(round(sides[0] / PATCH), 1) * PATCH, max(round(sides[1] / PATCH), 1) * PATCH)
        if sides == fitting:
            return pictures
        if not self.resize:
            raise ShapeError(
                f"the sides of pictures must be multiples of {PATCH}, got {_said(sides)}; "
                f"resize them to {_said(fitting)}"
            )
        return nn.functional.interpolate(pictures, fitting, mode="bilinear", antialias=True)


def as_map(rows_of_cells: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Return ``(B, C, rows, columns)`` of ``(B, rows x columns, C)``."""
    return rows_of_cells.transpose(1, 2).reshape(len(rows_of_cells), -1, rows, columns)


def _said(sides: tuple[int, int]) -> str:
    return f"{sides[1]} x {sides[0]}"
