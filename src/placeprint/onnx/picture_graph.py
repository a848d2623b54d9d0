"""One Torch module from a picture to its global descriptor, which can be exported to ONNX.

placeprint's extractors and aggregators work in NumPy, with a variable number of features. A graph cannot: here every
possible feature is kept (`Places`), with a mask that says which are features, and all later steps ignore the others.
The values are the same.

- `GridPlaces` is `features.grid` without its keypoints: the cells of a network's map. A cell's gray levels are summed
  in float64, so the same cells fall below ``min_contrast``.
- `XFeatPlaces` is `features.xfeat`: local maxima by max pooling, the strongest by TopK, descriptors by bicubic
  sampling. The reliability of a pixel, bilinear between the cells of its map and 0 outside, is a product of three
  matrices: ``A R B^T`` with ``A_pj = max(0, 1 - |u_p - j|)``, u_p the position of pixel p on the map.
- `DescriptorGraph` joins extractors, aggregators (`onnx.aggregators`) and whitening as `Describer` does.

Input is ``(1, 3, H, W)`` float32 RGB in [0, 255], H and W any multiples of the network's ``multiple``. The photo is
resized outside the graph, as the extractor does: `features.resizing.InputRule`.

Departures: local features are not quantized, as an atlas does before it aggregates them. Apart from exact ties, a
    decision (above a threshold, among the strongest, nearest word) can differ if two numbers differ only in their last
    digits, which depend on the implementation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from placeprint.kernels.vectors import unit
from placeprint.networks.efficientnet import plainly_padded
from placeprint.networks.xfeat import CELL, WINDOW

if TYPE_CHECKING:
    from placeprint.networks.backbones import Backbone

GRAY_WEIGHTS = (9798.0, 19235.0, 3735.0)
"""Weights of red, green and blue in OpenCV's gray, in units of 2^-15."""


class Places(NamedTuple):
    """The possible features of a picture.

    Args:
        rows: ``(n, d)`` descriptors, of unit length for features.
        scores: ``(n,)``.
        kept: ``(n,)`` bool, whether a place is a feature.
        map_size: the rows and columns of the map with these cells, row by row; None if they are not a map.
    """

    rows: torch.Tensor
    scores: torch.Tensor
    kept: torch.Tensor
    map_size: tuple[int, int] | None


class MapOf(nn.Module):
    """The map of a backbone.

    Args:
        backbone: the backbone; its network is copied without gradients, with padding independent of size.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.network = plainly_padded(backbone.network).requires_grad_(False)
        self.run = backbone.run

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Return ``(1, C, H / stride, W / stride)`` of ``(1, 3, H, W)``."""
        return self.run(self.network, picture)


class GridPlaces(nn.Module):
    """The cells of a network's map, see `features.grid`.

    Args:
        network: a module from ``(1, 3, H, W)`` RGB in [0, 255] to ``(1, d, H / stride, W / stride)``.
        stride: the pixels from cell to cell.
        center: the pixel that the first cell looks at.
        min_contrast: the smallest standard deviation of a cell, in gray levels.
        max_keypoints: the number of cells with the longest vectors to keep.
    """

    def __init__(
        self,
        network: Callable[[torch.Tensor], torch.Tensor],
        *,
        stride: int,
        center: float,
        min_contrast: float,
        max_keypoints: int,
    ) -> None:
        super().__init__()
        self.network, self.stride, self.first = network, stride, round(center) - stride // 2
        self.min_contrast, self.max_keypoints = min_contrast, max_keypoints
        self.register_buffer("gray_weights", torch.tensor(GRAY_WEIGHTS)[:, None, None])

    def forward(self, picture: torch.Tensor) -> Places:
        """Return the cells of ``(1, 3, H, W)``, row by row."""
        map_ = self.network(picture)
        height, width = map_.shape[2:]
        rows = map_[0].flatten(1).T
        lengths = torch.linalg.vector_norm(rows, dim=1)
        able = (self._contrast(picture, height, width) >= self.min_contrast) & (lengths > 0)
        none = lengths.new_full((self.max_keypoints,), -1.0)
        ranked = torch.cat([torch.where(able, lengths, -1.0), none])  # so there are always enough to choose from
        best = ranked.topk(self.max_keypoints).indices
        chosen = torch.zeros_like(ranked).scatter(0, best, 1.0)[: lengths.shape[0]]
        return Places(unit(rows), lengths, able & (chosen > 0), (height, width))

    def _contrast(self, picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Return ``(n,)``: the standard deviation of the gray levels around each cell's pixel."""
        weights: torch.Tensor = self.get_buffer("gray_weights")
        gray = torch.floor(((picture[0] * weights).sum(0) + 2.0**14) / 2.0**15)
        around = (max(-self.first, 0), max(self.first, 0))
        gray = nn.functional.pad(gray[None, None], around * 2, mode="reflect")[0, 0]
        begin = max(self.first, 0)
        gray = gray[begin:, begin:][: height * self.stride, : width * self.stride]
        squares = gray.double().reshape(height, self.stride, width, self.stride)
        mean = squares.mean((1, 3)).float()
        variance = (squares * squares).mean((1, 3)).float() - mean * mean
        return variance.clamp(min=0).sqrt().flatten()


class XFeatPlaces(nn.Module):
    """XFeat keypoints, see `features.xfeat`.

    Args:
        model: `xfeat_model.XFeatModel`, in eval mode.
        max_keypoints: the number of strongest keypoints to keep.
        threshold: the probability that a keypoint must exceed.
    """

    def __init__(self, model: nn.Module, *, max_keypoints: int, threshold: float) -> None:
        super().__init__()
        self.model: nn.Module = copy.deepcopy(model).cpu()
        self.max_keypoints, self.threshold = max_keypoints, threshold

    def forward(self, picture: torch.Tensor) -> Places:
        """Return `max_keypoints` places of ``(1, 3, H, W)``, strongest first."""
        height, width = picture.shape[2:]
        maps, logits, reliability = self.model(picture.mean(1, keepdim=True) / 255)
        units = unit(maps.movedim(1, 3)).movedim(3, 1)
        probability = nn.functional.pixel_shuffle(logits.softmax(1)[:, : CELL * CELL], CELL)[0, 0]
        lines, columns = (
            _interpolation(side, cells)
            for side, cells in ((height, reliability.shape[2]), (width, reliability.shape[3]))
        )
        scores = probability * (lines @ reliability[0, 0] @ columns.T)
        scores = torch.where(_local_maxima(probability, self.threshold), scores, 0.0).flatten()
        none = scores.new_zeros(self.max_keypoints)
        strongest, best = torch.cat([scores, none]).topk(self.max_keypoints)
        place = torch.stack([_on_grid(best % width, width), _on_grid(best // width, height)], dim=1)
        sampled = nn.functional.grid_sample(units, place[None, None], mode="bicubic", align_corners=False)
        return Places(unit(sampled[0, :, 0].T), strongest, strongest > 0, None)


class DescriptorGraph(nn.Module):
    """Extractors, aggregators and whitening: a picture's global descriptor, see `describe`.

    Args:
        extractors: the extractors, each with the number of its input picture.
        branches: for each descriptor the number of its extractor, the aggregator, and the weight.
        whitening: the mean ``(d,)`` and projection ``(d, dim)``, or None.
    """

    def __init__(
        self,
        extractors: Sequence[tuple[int, nn.Module]],
        branches: Sequence[tuple[int, nn.Module, float]],
        whitening: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.pictures = [number for number, _ in extractors]
        self.extractors = nn.ModuleList(extractor for _, extractor in extractors)
        self.sources = [source for source, _, _ in branches]
        self.aggregators = nn.ModuleList(aggregator for _, aggregator, _ in branches)
        self.weights = [weight for _, _, weight in branches]
        self.whitens = whitening is not None
        if whitening is not None:
            self.register_buffer("mean", whitening[0])
            self.register_buffer("projection", whitening[1])

    def forward(self, *pictures: torch.Tensor) -> torch.Tensor:
        """Return the ``(1, dim)`` unit descriptor of pictures ``(1, 3, H, W)``; or zeros if it has no features."""
        places = [extractor(pictures[number]) for number, extractor in zip(self.pictures, self.extractors, strict=True)]
        vectors = [
            aggregator(places[source]) for source, aggregator in zip(self.sources, self.aggregators, strict=True)
        ]
        vector: torch.Tensor = vectors[0]
        if len(vectors) > 1:
            vector = unit(torch.cat([each * w**0.5 for each, w in zip(vectors, self.weights, strict=True)]))
        if self.whitens:
            whitened = unit((vector - self.get_buffer("mean")) @ self.get_buffer("projection"))
            vector = whitened * (vector != 0).any()
        return vector[None]


def _on_grid(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Return where `grid_sample` is requested whole pixels of a side, as `networks.xfeat` asks it."""
    return (2 * pixels.double() / (side - 1) - 1).float()


def _interpolation(side: int, cells: int) -> torch.Tensor:
    """Return ``(side, cells)``: the linear weight of each cell for each pixel, 0 outside."""
    place = ((_on_grid(torch.arange(side), side) + 1) * cells - 1) / 2
    return (1 - (place[:, None] - torch.arange(cells)).abs()).clamp(min=0)


def _local_maxima(values: torch.Tensor, threshold: float) -> torch.Tensor:
    """Return ``(H, W)`` bool: above the threshold and the maximum of their whole window."""
    margin = WINDOW // 2
    inner = values[margin:-margin, margin:-margin]
    highest = nn.functional.max_pool2d(values[None, None], WINDOW, stride=1)[0, 0]
    found = (inner >= highest) & (inner > threshold)
    return nn.functional.pad(found.float(), (margin,) * 4) > 0
