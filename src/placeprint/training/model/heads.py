"""Heads by name: they make one descriptor from a backbone's map.

- ``cgd``: several poolings, each projected (`networks.cgd`), with a classifier if the classes are known.
- ``delf``: the mean of the map (SPoC) and a classifier on it, batch normalization and a linear layer: the first step of
  DELF, which trains the map. ``delf-attention``: the second step, `training.model.delf_heads`.
- ``gem``, ``spoc``, ``mac``: one pooling (`networks.pooling`); with `dim` a linear layer without bias after it.
- ``netvlad``: `networks.netvlad`, initialized from k-means of the cells of training photos. If tied, its assignment
  follows from its centers, ``w_k = 2 alpha c_k`` and ``b_k = -alpha |c_k|^2``, throughout training, and the centers and
  alpha are learned. The paper learns w, b and c independently: ``tied = false``. With `dim` a linear layer follows; the
  paper learns PCA with whitening afterwards.

For the initialization of linear layers, see `training.model.initialization`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from placeprint.core.options import NotNegative, OneOf, Range, check_name, checked
from placeprint.core.table_reading import check_values
from placeprint.errors import OptionError
from placeprint.kernels.netvlad import VERSIONS, assignment, sharpness
from placeprint.kernels.vectors import unit
from placeprint.networks.cgd import CGD
from placeprint.networks.netvlad import NetVLAD
from placeprint.networks.pooling import MAC, GeM, SPoC
from placeprint.training.model.delf_heads import DELFAttentionHead
from placeprint.training.model.initialization import INITIALIZATIONS, PAIRS_SHRINKAGE, PAIRS_SIGNAL, shortened, whiten
from placeprint.types import Ids

KMEANS_ROUNDS = 20

Dim = Annotated[int, Range(0, 65_536)]
"""The length of a descriptor; 0 for full length."""
AtLeastOne = Annotated[int, Range(1, 65_536)]
Exponent = Annotated[float, Range(0, 100, above=True)]
Begin = Annotated[str, OneOf(*INITIALIZATIONS)]

Output = tuple[torch.Tensor, torch.Tensor | None]
"""Unit descriptors ``(B, dim)``, and the classifier's input ``(B, C)``, if there is one."""


class Head(Protocol):
    """The interface of the heads."""

    dim: int

    def __call__(self, maps: torch.Tensor) -> Output:
        """Describe maps ``(B, C, H, W)``."""
        ...

    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Initialize what can be learned before training.

        Args:
            maps: ``(n, C, H, W)`` maps of training photos.
            seed: the seed of randomness.
            pairs: ``(p, 2)`` rows of maps that show the same thing; may be empty.
        """
        ...


@checked
class CGDHead(nn.Module):
    """The head of CGD: a combination of global descriptors.

    Args:
        channels: the channels of the maps.
        num_classes: the classes of the classifier; None for none.
        config: letters of the poolings.
        dim: the length of the descriptor.
        begin: the initialization of the projections, see `training.model.initialization`; random in the paper.
        shrinkage: for initialization from pairs, at least 0: the share of the mean variance within pairs that is added
            to each.
        signal: for initialization from pairs, at least 0: the exponent of the share of signal that weights a direction.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int | None,
        *,
        config: str = "SG",
        dim: AtLeastOne = 1536,
        begin: Begin = "pairs",
        shrinkage: NotNegative = PAIRS_SHRINKAGE,
        signal: NotNegative = PAIRS_SIGNAL,
    ) -> None:
        super().__init__()
        self.cgd = CGD(nn.Identity(), config, dim, num_classes, channels=channels)
        if begin != "random" and dim // len(config) > channels:
            raise OptionError(
                f"a branch of {dim // len(config)} values cannot be whitened from {channels} channels; "
                f"set dim to at most {channels * len(config)}, or begin = 'random'"
            )
        self.dim, self.initialization, self.pairs_rule = dim, begin, {"shrinkage": shrinkage, "signal": signal}

    @property
    def classifier(self) -> nn.Module | None:
        """The classifier, which turns the second result of `forward` into logits."""
        return self.cgd.classifier

    def forward(self, maps: torch.Tensor) -> Output:
        """Describe maps ``(B, C, H, W)``."""
        pooled = self.cgd.pooled(maps)
        return self.cgd.described(pooled), None if self.cgd.classifier is None else pooled[0]

    @torch.no_grad()
    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Initialize the projections by whitening."""
        for layer, pooled in zip(self.cgd.projections, self.cgd.pooled(maps), strict=True):
            whiten(layer, pooled, pairs, self.initialization, **self.pairs_rule)


@checked
class PooledHead(nn.Module):
    """One pooling, and a linear layer if the descriptor should have another length.

    Args:
        pooling: a module from maps to unit vectors.
        channels: the channels of the maps.
        dim: the length of the descriptor; 0 for that of the maps, without a layer.
        begin: the initialization of the layer, see `training.model.initialization`.
        shrinkage: see `CGDHead`.
        signal: see `CGDHead`.
        num_classes: the number of classes of a classifier on the pooled vector; None for no classifier.
    """

    def __init__(
        self,
        pooling: nn.Module,
        channels: int,
        *,
        dim: Dim = 0,
        begin: Begin = "pairs",
        shrinkage: NotNegative = PAIRS_SHRINKAGE,
        signal: NotNegative = PAIRS_SIGNAL,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        if begin != "random" and dim > channels:
            raise OptionError(f"head.dim must be from 0 to {channels}, the channels of the map, got {dim}")
        self.pooling, self.dim, self.initialization = pooling, dim or channels, begin
        self.pairs_rule = {"shrinkage": shrinkage, "signal": signal}
        self.projection = nn.Linear(channels, dim, bias=False) if dim else None
        self.classifier: nn.Sequential | None = None
        if num_classes is not None:
            self.classifier = nn.Sequential(nn.BatchNorm1d(channels), nn.Linear(channels, num_classes))

    def forward(self, maps: torch.Tensor) -> Output:
        """Describe maps ``(B, C, H, W)``."""
        pooled = self.pooling(maps)
        descriptors = pooled if self.projection is None else unit(self.projection(pooled))
        return descriptors, None if self.classifier is None else pooled

    @torch.no_grad()
    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Initialize the projections by whitening."""
        if self.projection is not None:
            whiten(self.projection, self.pooling(maps), pairs, self.initialization, **self.pairs_rule)


@checked
class NetVLADHead(nn.Module):
    """The head of The head of The head of NetVLAD, see the module.

    Args:
        channels: the channels of the maps.
        num_clusters: k, the number of clusters.
        version: see `networks.netvlad`.
        tied: whether the assignment follows from the centers.
        dim: the length of the descriptor after the linear layer; 0 for all ``K x channels`` values without it.
        begin: the initialization of that layer, ``"pairs"`` or ``"photos"``, see `training.model.initialization`.
    """

    def __init__(
        self,
        channels: int,
        *,
        num_clusters: AtLeastOne = 64,
        version: Annotated[str, OneOf(*VERSIONS)] = "v2",
        tied: bool = True,
        dim: Dim = 0,
        begin: Begin = "pairs",
    ) -> None:
        super().__init__()
        whole = num_clusters * channels
        if not 0 <= dim <= whole:
            raise OptionError(f"head.dim must be from 0 to {whole}, clusters x channels, got {dim}")
        self.layer = NetVLAD(num_clusters, channels, version)
        if begin == "random":
            raise OptionError("the layer after NetVLAD is initialized from 'pairs' or 'photos', got 'random'")
        self.dim, self.tied, self.initialization = dim or whole, tied, begin
        self.projection = nn.Linear(whole, dim) if dim else None
        if tied:
            self.layer.requires_grad_(False)
            self.centers = nn.Parameter(self.layer.centroids.detach().clone())
            self.log_alpha = nn.Parameter(torch.tensor(self.layer.alpha).log())

    def forward(self, maps: torch.Tensor) -> Output:
        """Describe maps ``(B, C, H, W)``."""
        whole = self._aggregated(maps)
        return (whole if self.projection is None else unit(self.projection(whole))), None

    def _aggregated(self, maps: torch.Tensor) -> torch.Tensor:
        if not self.tied:
            return self.layer(maps)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped
        weights, biases = assignment(self.centers, self.log_alpha.exp(), self.layer.version)
        values: dict[str, torch.Tensor] = {"centroids": self.centers, "conv.weight": weights[:, :, None, None]}
        if self.layer.version != "v1":
            values["conv.bias"] = biases
        return functional_call(self.layer, values, (maps,))  # type: ignore[no-any-return]  # untyped in Torch

    @torch.no_grad()
    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Learn the centers by k-means of the cells of all maps, alpha from the same cells, and the layer.

        Raises:
            ShapeError: there are fewer cells than clusters, or no more photos than values to keep.
        """
        from placeprint.aggregation.vocabulary import learn_words

        rows = unit(maps.flatten(2).transpose(1, 2).flatten(0, 1)).float().cpu().numpy()
        rows = rows[(rows != 0).any(axis=1)]
        centers = learn_words(rows, self.layer.num_clusters, iterations=KMEANS_ROUNDS, seed=seed)
        found = torch.from_numpy(centers).to(maps.device)
        self.layer.init_params(found, torch.from_numpy(rows).to(maps.device))
        if self.tied:
            self.centers.copy_(found)
            self.log_alpha.fill_(float(np.log(sharpness(centers, rows, self.layer.version))))
        if self.projection is not None:
            whole = torch.cat([self._aggregated(part) for part in torch.split(maps, 64)]).float().cpu().numpy()
            mean, projection = shortened(whole, self.dim, pairs if self.initialization == "pairs" else pairs[:0])
            weight = torch.from_numpy(projection.T / np.abs(projection).max())
            self.projection.weight.copy_(weight)
            self.projection.bias.copy_(-(weight @ torch.from_numpy(mean)))


def _gem(
    channels: int,
    *,
    p: Exponent = 3.0,
    per_channel: bool = False,
    dim: Dim = 0,
    begin: Begin = "pairs",
    shrinkage: NotNegative = PAIRS_SHRINKAGE,
    signal: NotNegative = PAIRS_SIGNAL,
) -> PooledHead:
    pooling = GeM(p, channels=channels if per_channel else None)
    return PooledHead(pooling, channels, dim=dim, begin=begin, shrinkage=shrinkage, signal=signal)


def _spoc(
    channels: int,
    *,
    center_prior: bool = False,
    dim: Dim = 0,
    begin: Begin = "pairs",
    shrinkage: NotNegative = PAIRS_SHRINKAGE,
    signal: NotNegative = PAIRS_SIGNAL,
) -> PooledHead:
    if center_prior and dim:
        raise OptionError("a preset cannot have a projection after SPoC with a center prior; set head.dim = 0")
    pooling = SPoC(center_prior=center_prior)
    return PooledHead(pooling, channels, dim=dim, begin=begin, shrinkage=shrinkage, signal=signal)


def _mac(
    channels: int,
    *,
    dim: Dim = 0,
    begin: Begin = "pairs",
    shrinkage: NotNegative = PAIRS_SHRINKAGE,
    signal: NotNegative = PAIRS_SIGNAL,
) -> PooledHead:
    return PooledHead(MAC(), channels, dim=dim, begin=begin, shrinkage=shrinkage, signal=signal)


def _delf(channels: int, num_classes: int | None) -> PooledHead:
    return PooledHead(SPoC(), channels, num_classes=num_classes)


HEADS: Mapping[str, Any] = {
    "cgd": CGDHead,
    "gem": _gem,
    "spoc": _spoc,
    "mac": _mac,
    "netvlad": NetVLADHead,
    "delf": _delf,
    "delf-attention": DELFAttentionHead,
}
CLASSIFYING = ("cgd", "delf", "delf-attention")
"""Heads that have a classifier if the classes are known."""


def head_parameters(name: str) -> list[str]:
    """List the parameters of a head.

    Raises:
        OptionError: the head is unknown.

    Example:
        >>> head_parameters("cgd")
        ['config', 'dim', 'begin', 'shrinkage', 'signal']
    """
    check_name("head", name, HEADS)
    found = inspect.signature(HEADS[name]).parameters.values()
    return [parameter.name for parameter in found if parameter.kind is parameter.KEYWORD_ONLY]


def checked_head(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a head and return them converted.

    Raises:
        OptionError: the head or a parameter is unknown, or a value has the wrong type or is out of range.
    """
    head_parameters(name)
    return check_values(
        HEADS[name], parameters, what=f"the head {name!r}", prefix="head.", without=("channels", "num_classes")
    )


def build_head(name: str, channels: int, num_classes: int | None, **parameters: Any) -> Head:
    """Return a head by name.

    Raises:
        OptionError: the name or a parameter is unknown; the message lists the known ones.
    """
    parameters = checked_head(name, parameters)
    classes = (num_classes,) if name in CLASSIFYING else ()
    head: Head = HEADS[name](channels, *classes, **parameters)
    return head
