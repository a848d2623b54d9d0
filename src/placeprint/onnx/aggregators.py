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

from placeprint.networks.pooling import MOST_REGIONS, OVERLAP, SMALLEST, unit

if TYPE_CHECKING:
    from placeprint.onnx.picture_graph import Places

SHORTEST = 1e-12
"""What VLAD's residuals and NetVLAD's sums are divided by at least."""
TINY = 1.1754943508222875e-38
"""The least normal float32, the least mean whose root GeM takes."""


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
    """NetVLAD.

    Args:
        slope: ``(D, K + G)``: the logits of a unit descriptor x are ``x @ slope + offset``.
        offset: ``(K + G,)``, those of G ghost clusters last.
        centers: ``(K, D)``.
    """

    def __init__(self, slope: torch.Tensor, offset: torch.Tensor, centers: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("slope", slope)
        self.register_buffer("offset", offset)
        self.register_buffer("centers", centers)

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(K x D,)``."""
        rows = unit(places.rows)
        centers = self.get_buffer("centers")
        soft = (rows @ self.get_buffer("slope") + self.get_buffer("offset")).softmax(1)[:, : len(centers)]
        soft = soft * places.kept[:, None]
        sums = soft.T @ rows - soft.sum(0)[:, None] * centers
        lengths = torch.linalg.vector_norm(sums, dim=1, keepdim=True)
        return unit((sums / lengths.clamp(min=SHORTEST)).flatten())


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
        rows, precision = self.projection(places.rows), 1 / variances
        near = (rows * rows) @ precision.T - 2 * rows @ (means * precision).T + (means * means * precision).sum(1)
        logs = weights.log() - 0.5 * variances.log().sum(1) - 0.5 * near
        shares = logs.softmax(1) * places.kept[:, None]
        counts, sums, squares = shares.sum(0)[:, None], shares.T @ rows, shares.T @ (rows * rows)
        first = (sums - counts * means) / (variances.sqrt() * weights.sqrt()[:, None])
        spread = squares - 2 * sums * means + counts * (means * means)
        second = (spread / variances - counts) / (2 * weights).sqrt()[:, None]
        total = torch.cat([first, second]).flatten() / places.kept.sum().clamp(min=1)
        return unit(signed_power(total, self.power))


class SPoCGraph(nn.Module):
    """Sum pooling, without a center prior.

    Args:
        use_scores: descriptors times scores.
    """

    def __init__(self, *, use_scores: bool) -> None:
        super().__init__()
        self.use_scores = use_scores

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``."""
        return unit((cells(places, self.use_scores) * places.kept[:, None]).sum(0))


class MACGraph(nn.Module):
    """Maximum of each channel.

    Args:
        use_scores: descriptors times scores.
    """

    def __init__(self, *, use_scores: bool) -> None:
        super().__init__()
        self.use_scores = use_scores

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``."""
        largest = torch.where(places.kept[:, None], cells(places, self.use_scores), -torch.inf).amax(0)
        return unit(torch.where(places.kept.any(), largest, 0.0))


class GeMGraph(nn.Module):
    """Generalized mean, weighted or not.

    Args:
        p: exponents, ``()`` or ``(d,)``.
        use_scores: descriptors times scores.
        weight_power: a feature's weight is its score to this power; 0 for equal weights.
    """

    def __init__(self, p: torch.Tensor, *, use_scores: bool, weight_power: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("p", p)
        self.use_scores, self.weight_power = use_scores, weight_power

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``."""
        p, weights = self.get_buffer("p"), places.kept.float()
        if self.weight_power:
            weights = weights * places.scores.clamp(min=0) ** self.weight_power
        values = torch.where(places.kept[:, None], cells(places, self.use_scores), 0.0).clamp(min=SMALLEST)
        largest, total = values.amax(0), weights.sum()
        mean = (weights / torch.where(total > 0, total, 1.0)) @ (values / largest) ** p
        return unit(torch.where(total > 0, largest * mean.clamp(min=TINY) ** (1 / p), 0.0))


class CroWGraph(nn.Module):
    """Sum pooling with weights for features and channels.

    Args:
        a: exponent of the norm.
        b: the root.
        use_scores: descriptors times scores.
    """

    def __init__(self, a: float, b: float, *, use_scores: bool) -> None:
        super().__init__()
        self.a, self.b, self.use_scores = a, b, use_scores

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``."""
        rows = cells(places, self.use_scores) * places.kept[:, None]
        strength = rows.clamp(min=0).sum(1)
        length = (strength**self.a).sum() ** (1 / self.a)
        weights = (strength / torch.where(length > 0, length, 1.0)) ** (1 / self.b)
        share = (rows > 0).float().sum(0) / places.kept.sum().clamp(min=1)
        rarity = ((share.sum() + SMALLEST * rows.shape[1]) / (share + SMALLEST)).log()
        return unit(weights @ rows * rarity)


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
        pooled = torch.stack([pooling(places) for pooling in self.poolings])
        blocks = unit(((pooled - self.get_buffer("means"))[:, None] @ self.get_buffer("projections"))[:, 0])
        return unit((blocks * (pooled != 0).any(1, keepdim=True)).flatten())


class RMACGraph(nn.Module):
    """Maxima of squares of the map, see `pooling.rmac_regions`; whitened or not.

    How many squares there are follows from the map's sides, so all that there can be are looked at, and those that are
    not of this map count as empty. A maximum over a square is one over columns and then over rows.

    Args:
        levels: sizes of squares.
        whole: whether the whole map is one more region.
        whitening: mean and projection of the regions, empty for none.
        use_scores: descriptors times scores.
    """

    def __init__(self, levels: int, *, whole: bool, whitening: LocalProjection, use_scores: bool) -> None:
        super().__init__()
        self.levels, self.whole, self.whitening, self.use_scores = levels, whole, whitening, use_scores

    def forward(self, places: Places) -> torch.Tensor:
        """Return ``(d,)``, or as many as whitening leaves."""
        assert places.map_size is not None  # the builder refuses features that are no map
        rows = torch.where(places.kept[:, None], cells(places, self.use_scores), -torch.inf)
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
        seen = regions.amax(1, keepdim=True) > -torch.inf
        return unit((self.whitening(unit(torch.where(seen, regions, 0.0))) * seen).sum(0))


def inside(line: torch.Tensor, own: torch.Tensor, other: torch.Tensor, side: torch.Tensor, level: int) -> torch.Tensor:
    """Return ``(squares, cells)`` bool: the cells of each of R-MAC's squares along one side of the map.

    Args:
        line: the cells of this side, 0 and up.
        own: their count.
        other: of the other side.
        side: of the squares.
        level: of the squares.
    """
    shorter, longer = torch.minimum(own, other), torch.maximum(own, other)
    steps = torch.arange(1, MOST_REGIONS)  # m - 1 for m = 2, 3, ...
    overlaps = 1 - (longer - shorter).double() / steps / shorter
    more = torch.where(own > other, (overlaps - OVERLAP).abs().argmin() + 1, 0)
    count = level + more
    index = torch.arange(level + MOST_REGIONS - 1)
    start = index * (own - side) // (count - 1).clamp(min=1)
    found = (line >= start[:, None]) & (line < start[:, None] + side)
    return found & (index < count)[:, None]


def cells(places: Places, use_scores: bool) -> torch.Tensor:
    """Return the cells of the map, ``(n, d)``, as `aggregation.pooling` has them."""
    return places.rows * places.scores[:, None] if use_scores else places.rows


def squared_distances(rows: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Return ``(n, K)`` of ``(n, d)`` and ``(K, d)``."""
    return (rows * rows).sum(1, keepdim=True) - 2 * (rows @ words.T) + (words * words).sum(1)


def signed_power(values: torch.Tensor, exponent: float) -> torch.Tensor:
    """Return ``sign(v) |v| ** exponent``."""
    if exponent == 1:
        return values
    magnitude = values.abs()
    return values.sign() * (magnitude.sqrt() if exponent == 0.5 else magnitude**exponent)
