"""The aggregators of local features as torch modules over the places of a picture, for `onnx_graph`.

Each takes `onnx_graph.Places`, n places of which some are features, and gives the ``(dim,)`` descriptor that the
component of the same name in `aggregation` gives of these features; the equations and papers are there. A place that
is no feature has no weight in a sum and is below all others in a maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from placeprint.kernels.cgd import cgd
from placeprint.kernels.fisher import fisher
from placeprint.kernels.netvlad import netvlad
from placeprint.kernels.rmac import MOST_MORE, rmac, square_start, squares_along
from placeprint.kernels.vectors import unit

if TYPE_CHECKING:
    from placeprint.aggregation.pooling import CellPooling
    from placeprint.onnx.picture_graph import Places

SHORTEST = 1e-12
"""What VLAD's residuals are divided by at least."""


class LocalProjection(nn.Module):
    """Rows ``(n, d)`` as `aggregation.projection.project` has them.

    Args:
        mean: ``(d,)``, or empty.
        projection: ``(d, dim)``, or empty to leave the rows as they are.
    """

    def __init__(self, mean: torch.Tensor, projection: torch.Tensor) -> None:
        super().__init__()
        self.projects = projection.numel() > 0
        self.register_buffer("mean", mean)
        self.register_buffer("projection", projection)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return ``(n, dim)``."""
        if not self.projects:
            return rows
        return unit((rows - self.get_buffer("mean")) @ self.get_buffer("projection"))


class VLADGraph(nn.Module):
    """VLAD.

    Args:
        codebooks: ``(v, K, d)``, of each vocabulary.
        projection: of the local descriptors.
        assignments: m, words a descriptor goes to.
        softness: of the weights.
        residual_normalization: residuals to unit length.
        sum_normalization: sums divided by their weights.
        power: exponent of the power law.
        intra_normalization: each word's sum to unit length.
    """

    def __init__(
        self,
        codebooks: torch.Tensor,
        projection: LocalProjection,
        *,
        assignments: int,
        softness: float,
        residual_normalization: bool,
        sum_normalization: bool,
        power: float,
        intra_normalization: bool,
    ) -> None:
        super().__init__()
        self.register_buffer("codebooks", codebooks)
        self.projection = projection
        self.assignments, self.softness, self.power = min(assignments, codebooks.shape[1]), softness, power
        self.residual_normalization, self.sum_normalization = residual_normalization, sum_normalization
        self.intra_normalization = intra_normalization

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(v x K x d,)``."""
        rows = self.projection(places.rows)
        vectors = [self._of(words, rows, places.kept) for words in self.get_buffer("codebooks")]
        return unit(torch.cat(vectors)) if len(vectors) > 1 else vectors[0]

    def _of(self, codebook: torch.Tensor, rows: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        """Return the VLAD of one vocabulary."""
        dim = codebook.shape[1]
        words = squared_distances(rows, codebook).topk(self.assignments, dim=1, largest=False).indices
        residuals = rows[:, None] - codebook[words]
        lengths = torch.linalg.vector_norm(residuals, dim=2)
        shares = (-(lengths * lengths) / self.softness).softmax(1) * kept[:, None]
        scale = shares / lengths.clamp(min=SHORTEST) if self.residual_normalization else shares
        residuals = (residuals * scale[:, :, None]).reshape(-1, dim)
        total = torch.zeros_like(codebook).scatter_add(0, words.reshape(-1, 1).expand(-1, dim), residuals)
        if self.sum_normalization:
            masses = torch.zeros_like(codebook[:, 0]).scatter_add(0, words.flatten(), shares.flatten())
            total = total / torch.where(masses > 0, masses, 1.0)[:, None]
        total = signed_power(total, self.power)
        return unit((unit(total) if self.intra_normalization else total).flatten())


class BoWGraph(nn.Module):
    """Bag of words.

    Args:
        codebook: ``(K, d)``.
        idf: ``(K,)``.
        power: exponent of the term frequency.
    """

    def __init__(self, codebook: torch.Tensor, idf: torch.Tensor, *, power: float) -> None:
        super().__init__()
        self.register_buffer("codebook", codebook)
        self.register_buffer("idf", idf)
        self.power = power

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(K,)``."""
        words = squared_distances(places.rows, self.get_buffer("codebook")).argmin(1)
        kept = places.kept.float()
        counts = torch.zeros_like(self.get_buffer("idf")).scatter_add(0, words, kept)
        return unit((counts / kept.sum().clamp(min=1)) ** self.power * self.get_buffer("idf"))


class NetVLADGraph(nn.Module):
    """NetVLAD, see `kernels.netvlad`.

    Args:
        weights: w, ``(K + G, D)``.
        biases: b, ``(K + G,)``.
        centers: c, ``(K, D)``.
    """

    def __init__(self, weights: torch.Tensor, biases: torch.Tensor, centers: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.register_buffer("biases", biases)
        self.register_buffer("centers", centers)

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(K x D,)``."""
        weights, biases, centers = (self.get_buffer(name) for name in ("weights", "biases", "centers"))
        return netvlad(unit(places.rows), weights, biases, centers, places.kept.float())


class FisherGraph(nn.Module):
    """Fisher vectors.

    Args:
        weights: ``(K,)``.
        means: ``(K, d)``.
        variances: ``(K, d)``.
        projection: of the local descriptors.
        power: exponent of the power law.
    """

    def __init__(
        self,
        weights: torch.Tensor,
        means: torch.Tensor,
        variances: torch.Tensor,
        projection: LocalProjection,
        *,
        power: float,
    ) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.register_buffer("means", means)
        self.register_buffer("variances", variances)
        self.projection, self.power = projection, power

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(2 x K x d,)``."""
        weights, means, variances = (self.get_buffer(name) for name in ("weights", "means", "variances"))
        total = fisher(self.projection(places.rows), weights, means, variances, places.kept.float())
        return unit(signed_power(total, self.power))


class PoolingGraph(nn.Module):
    """SPoC without a center prior, MAC, GeM, weighted GeM or CroW.

    Args:
        pooling: the component, which pools tensors as it pools arrays.
    """

    def __init__(self, pooling: CellPooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``."""
        kept = places.kept.float()
        weights = self.pooling.weights(places.scores * kept)
        cells = cells_of(places, self.pooling.use_scores, 0.0)
        return unit(self.pooling.pool(cells, kept if weights is None else weights * kept))


class CGDGraph(nn.Module):
    """Combination of global descriptors.

    Args:
        poolings: each gives ``(C,)`` unit vectors.
        means: ``(n, C)``.
        projections: ``(n, C, k)``.
    """

    def __init__(self, poolings: Sequence[nn.Module], means: torch.Tensor, projections: torch.Tensor) -> None:
        super().__init__()
        self.poolings = nn.ModuleList(poolings)
        self.register_buffer("means", means)
        self.register_buffer("projections", projections)

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(n x k,)``."""
        means, projections = self.get_buffer("means"), self.get_buffer("projections")
        pooled = [pooling(places) for pooling in self.poolings]
        vector: torch.Tensor = cgd(pooled, list(projections), list(means))
        return vector


class RMACGraph(nn.Module):
    """Maxima of squares of the map, see `kernels.rmac`; whitened or not.

    How many squares there are follows from the map's sides, so all that there can be are looked at, and those that are
    not of this map count as empty. A maximum over a square is one over columns and then over rows.

    Args:
        levels: sizes of squares.
        whole: whether the whole map is one more region.
        whitening: mean and projection of the regions, or nothing.
        use_scores: descriptors times scores.
    """

    def __init__(self, levels: int, *, whole: bool, whitening: Sequence[torch.Tensor], use_scores: bool) -> None:
        super().__init__()
        self.levels, self.whole, self.use_scores = levels, whole, use_scores
        self.whitening = nn.ParameterList(nn.Parameter(each, requires_grad=False) for each in whitening)

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``, or as many as whitening leaves."""
        assert places.map_size is not None  # the builder refuses features that are no map
        rows = cells_of(places, self.use_scores, -torch.inf)
        map_ = rows.reshape(*places.map_size, -1)
        line, column = torch.arange(places.map_size[0]), torch.arange(places.map_size[1])
        height, width = line[-1] + 1, column[-1] + 1
        maxima = [rows.amax(0)[None]] if self.whole else []
        for level in range(1, self.levels + 1):
            side = 2 * torch.minimum(height, width) // (level + 1)
            across = inside(column, width, height, side, level)
            down = inside(line, height, width, side, level)
            strips = torch.where(across[:, None, :, None], map_[None], -torch.inf).amax(2)
            squares = torch.where(down[:, None, :, None], strips[None], -torch.inf).amax(2)
            maxima.append(squares.flatten(0, 1))
        regions = torch.cat(maxima)
        whitening: list[torch.Tensor] = list(self.whitening)
        return unit(rmac(torch.where(regions > -torch.inf, regions, 0.0), whitening))


def inside(line: torch.Tensor, own: torch.Tensor, other: torch.Tensor, side: torch.Tensor, level: int) -> torch.Tensor:
    """Return ``(squares, cells)`` bool: the cells of each of R-MAC's squares along one side of the map.

    Args:
        line: the cells of this side, 0 and up.
        own: their count.
        other: of the other side.
        side: of the squares.
        level: of the squares.
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
