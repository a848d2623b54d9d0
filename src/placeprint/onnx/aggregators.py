"""The aggregators of local features as torch modules over the places of a picture, for `onnx.picture_graph`.

Each is made of a fitted component of `aggregation`, where the parameters are explained. It takes `Places`, n places of
which some are features, and gives the ``(dim,)`` descriptor that the component gives of these features. A place that is
no feature has no weight in a sum and is below all others in a maximum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from placeprint.aggregation.bow import BoW
from placeprint.aggregation.cgd import CGD
from placeprint.aggregation.fisher import Fisher
from placeprint.aggregation.netvlad import NetVLAD
from placeprint.aggregation.netvlad_layer import NetVLADLayer
from placeprint.aggregation.pooling import RMAC, CellPooling
from placeprint.aggregation.vlad import VLAD
from placeprint.kernels.cgd import cgd
from placeprint.kernels.fisher import fisher
from placeprint.kernels.netvlad import netvlad
from placeprint.kernels.rmac import MOST_MORE, rmac, square_start, squares_along
from placeprint.kernels.vectors import unit

if TYPE_CHECKING:
    from placeprint.onnx.picture_graph import Places

SHORTEST = 1e-12
"""What VLAD's residuals are divided by at least."""


def tensor_of(value: object) -> torch.Tensor:
    """Return a float32 copy of a learned array."""
    return torch.from_numpy(np.array(value, np.float32))


class Graph(nn.Module):
    """A module with learned arrays.

    Args:
        arrays: by name; they become buffers.
    """

    def __init__(self, **arrays: object) -> None:
        super().__init__()
        for name, value in arrays.items():
            self.register_buffer(name, tensor_of(value))

    def arrays(self, *names: str) -> list[torch.Tensor]:
        """Return learned arrays."""
        return [self.get_buffer(name) for name in names]


class LocalProjection(Graph):
    """Project rows ``(n, d)`` as `aggregation.projection.project` does.

    Args:
        mean: ``(d,)``, or empty.
        projection: ``(d, dim)``, or empty for no projection.
    """

    def __init__(self, mean: object, projection: object) -> None:
        super().__init__(mean=mean, projection=projection)
        self.projects = self.get_buffer("projection").numel() > 0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``(n, dim)``."""
        mean, projection = self.arrays("mean", "projection")
        return unit((rows - mean) @ projection) if self.projects else rows


class VLADGraph(Graph):
    """VLAD."""

    def __init__(self, vlad: VLAD) -> None:
        codebooks = np.asarray(vlad.codebook_)
        super().__init__(codebooks=codebooks.reshape(vlad.vocabularies, -1, codebooks.shape[1]))
        self.vlad, self.projection = vlad, LocalProjection(vlad.mean_, vlad.projection_)

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(v x K x d,)``."""
        rows = self.projection(places.rows)
        vectors = [self._of(words, rows, places.kept) for words in self.get_buffer("codebooks")]
        return unit(torch.cat(vectors)) if len(vectors) > 1 else vectors[0]

    def _of(self, codebook: torch.Tensor, rows: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Return the VLAD of one vocabulary."""
        vlad, dim = self.vlad, codebook.shape[1]
        count = min(vlad.assignments, len(codebook))
        words = squared_distances(rows, codebook).topk(count, dim=1, largest=False).indices
        residuals = rows[:, None] - codebook[words]
        lengths = torch.linalg.vector_norm(residuals, dim=2)
        shares = (-(lengths * lengths) / vlad.softness).softmax(1) * kept[:, None]
        scale = shares / lengths.clamp(min=SHORTEST) if vlad.residual_normalization else shares
        residuals = (residuals * scale[:, :, None]).reshape(-1, dim)
        total = torch.zeros_like(codebook).scatter_add(0, words.reshape(-1, 1).expand(-1, dim), residuals)
        if vlad.sum_normalization:
            masses = torch.zeros_like(codebook[:, 0]).scatter_add(0, words.flatten(), shares.flatten())
            total = total / torch.where(masses > 0, masses, 1.0)[:, None]
        total = signed_power(total, vlad.power)
        return unit((unit(total) if vlad.intra_normalization else total).flatten())


class BoWGraph(Graph):
    """Bag of words."""

    def __init__(self, bow: BoW) -> None:
        super().__init__(codebook=bow.codebook_, idf=bow.idf_)
        self.power = bow.power

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(K,)``."""
        codebook, idf = self.arrays("codebook", "idf")
        words = squared_distances(places.rows, codebook).argmin(1)
        kept = places.kept.float()
        counts = torch.zeros_like(idf).scatter_add(0, words, kept)
        return unit((counts / kept.sum().clamp(min=1)) ** self.power * idf)


class NetVLADGraph(Graph):
    """NetVLAD."""

    def __init__(self, layer: NetVLAD | NetVLADLayer) -> None:
        weights, biases, centers = layer.layer()
        super().__init__(weights=weights, biases=biases, centers=centers)

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(K x D,)``."""
        weights, biases, centers = self.arrays("weights", "biases", "centers")
        return netvlad(unit(places.rows), weights, biases, centers, places.kept.float())


class FisherGraph(Graph):
    """Fisher vectors."""

    def __init__(self, component: Fisher) -> None:
        super().__init__(weights=component.weights_, means=component.means_, variances=component.variances_)
        self.projection, self.power = LocalProjection(component.mean_, component.projection_), component.power

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(2 x K x d,)``."""
        weights, means, variances = self.arrays("weights", "means", "variances")
        total = fisher(self.projection(places.rows), weights, means, variances, places.kept.float())
        return unit(signed_power(total, self.power))


class PoolingGraph(Graph):
    """SPoC without a center prior, MAC, GeM, weighted GeM or CroW: the component pools tensors as it pools arrays."""

    def __init__(self, pooling: CellPooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``."""
        kept = places.kept.float()
        weights = self.pooling.weights(places.scores * kept)
        cells = cells_of(places, self.pooling.use_scores, 0.0)
        return unit(self.pooling.pool(cells, kept if weights is None else weights * kept))


class CGDGraph(Graph):
    """Combination of global descriptors."""

    def __init__(self, component: CGD) -> None:
        super().__init__(means=component.means_, projections=component.projections_)
        self.poolings = nn.ModuleList(PoolingGraph(pooling) for pooling in component.poolings())

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(n x k,)``."""
        means, projections = self.arrays("means", "projections")
        pooled = [pooling(places) for pooling in self.poolings]
        vector: torch.Tensor = cgd(pooled, list(projections), list(means))
        return vector


class RMACGraph(Graph):
    """Maxima of squares of the map, see `kernels.rmac`; whitened or not.

    The number of squares depends on the map's sides, so all possible squares are computed, and those that this map
    lacks count as empty. A maximum over a square is a maximum over columns and then over rows.
    """

    def __init__(self, component: RMAC) -> None:
        whitening = dict(zip(("mean", "projection"), component.whitening(), strict=False))
        super().__init__(**whitening)
        self.component, self.names = component, tuple(whitening)

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``, or the whitened length."""
        assert places.map_size is not None  # the builder refuses features that are not a map
        rows = cells_of(places, self.component.use_scores, -torch.inf)
        map_ = rows.reshape(*places.map_size, -1)
        line, column = torch.arange(places.map_size[0]), torch.arange(places.map_size[1])
        height, width = line[-1] + 1, column[-1] + 1
        maxima = [rows.amax(0)[None]] if self.component.whole else []
        for level in range(1, self.component.levels + 1):
            side = 2 * torch.minimum(height, width) // (level + 1)
            across = inside(column, width, height, side, level)
            down = inside(line, height, width, side, level)
            strips = torch.where(across[:, None, :, None], map_[None], -torch.inf).amax(2)
            squares = torch.where(down[:, None, :, None], strips[None], -torch.inf).amax(2)
            maxima.append(squares.flatten(0, 1))
        regions = torch.cat(maxima)
        return unit(rmac(torch.where(regions > -torch.inf, regions, 0.0), self.arrays(*self.names)))


def inside(line: torch.Tensor, own: torch.Tensor, other: torch.Tensor, side: torch.Tensor, level: int) -> torch.Tensor:
    """Return ``(squares, cells)`` bool: the cells of each of R-MAC's squares along one side of the map.

    Args:
        line: the cells of this side, 0 and up.
        own: their number.
        other: the number of cells of the other side.
        side: the side of the squares.
        level: the level of the squares.
    """
    count = squares_along(own.double(), other.double(), level)
    index = torch.arange(level + MOST_MORE)
    start = square_start(index, own - side, count)[:, None]
    return (line >= start) & (line < start + side) & (index < count)[:, None]


def cells_of(places: Places, use_scores: bool, missing: float) -> torch.Tensor:
    """Return the cells ``(n, d)`` as `aggregation.pooling` has them; `missing` where there is no feature."""
    cells = places.rows * places.scores[:, None] if use_scores else places.rows
    return torch.where(places.kept[:, None], cells, missing)


def squared_distances(rows: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Return ``(n, K)`` of ``(n, d)`` and ``(K, d)``."""
    return (rows * rows).sum(1, keepdim=True) - 2 * (rows @ words.T) + (words * words).sum(1)


def signed_power(values: torch.Tensor, exponent: float) -> torch.Tensor:
    """Return ``sign(v) |v| ** exponent``."""
    if exponent == 1:
        return values
    magnitude = values.abs()
    return values.sign() * (magnitude.sqrt() if exponent == 0.5 else magnitude**exponent)
