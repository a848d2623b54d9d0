"""What is trained: a backbone, from one of its stages on, and a head that makes one descriptor of its map.

    photo -> stages before trainable_from (frozen) -> the others -> head -> unit descriptor

Heads, by name:

- ``cgd``: several poolings, each projected (`networks.cgd`), with a classifier when the classes are known.
- ``delf``: the mean of the map (SPoC) and a classifier on it, batch normalization and a linear layer: the first step of
  DELF, which teaches the map to describe. ``delf-attention``: the second, `training.delf_heads`.
- ``gem``, ``spoc``, ``mac``: one pooling (`networks.pooling`); with `dim` a linear layer without bias after it.
- ``netvlad``: `networks.netvlad`; begun from k-means of the cells of training photos. Tied, its assignment follows
  from its centers, ``w_k = 2 alpha c_k`` and ``b_k = -alpha |c_k|^2``, all through training, and centers and alpha
  are what is learned. The paper lets w, b and c go their own ways: ``tied = false``. With `dim` a linear layer
  follows, begun as PCA with the mean taken away, and then from pairs; the paper learns PCA with whitening afterwards.
  Only the tied one fits into a preset.

Linear layers begin as whitening. ``begin = "pairs"``, the default, learns it from pairs of training photos that show
the same (`whitening.SupervisedWhitening` with ``signal = 1``): of one class, or near each other. As the layers of
poolings have no bias, the direction of the mean is taken out of them instead. ``begin = "photos"``, or fewer pairs
than values, learn it from photos alone: with the second moments ``M = mean of x x^T`` of the pooled unit vectors of
training photos, and its largest eigenvalues l with vectors P, ``W = (l + s mean(l)) ** -1/2 P^T``. It is not centered;
the direction of the mean has the largest eigenvalue, and so counts least. ``begin = "random"`` is Torch's.

Departures from the papers: batch normalization of the backbone is folded or frozen unless a recipe trains it, because
the few photos of a class in a batch are no fair sample.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from placeprint.errors import OptionError
from placeprint.networks.cgd import CGD
from placeprint.networks.netvlad import NetVLAD, sharpness
from placeprint.networks.pooling import MAC, GeM, SPoC, unit
from placeprint.networks.stages import StagedBackbone, load_stages
from placeprint.numerics import normalize
from placeprint.training.delf_heads import DELFAttentionHead
from placeprint.types import Floats, Ids
from placeprint.whitening import PCAWhitening, SupervisedWhitening

BEGINNINGS = ("pairs", "photos", "random")
PAIRS_SHRINKAGE, PAIRS_SIGNAL = 0.1, 1.0
"""Of whitening from pairs."""
SHRINKAGE = 1.0
"""s: added to the eigenvalues of the whitening, as a share of their mean; with less, few photos ruin a ranking."""
PCA_SHRINKAGE, PCA_POWER = 0.1, 0.0
"""Of the layer after NetVLAD; power 0 turns and shortens only, as whitening takes more photos than a recipe has."""
MOST_DIRECTIONS = 1024
"""Principal directions of NetVLAD's vectors in which whitening from pairs is learned at most."""
KMEANS_ROUNDS = 20

Output = tuple[torch.Tensor, torch.Tensor | None]
"""Unit descriptors ``(B, dim)``, and what the classifier sees, ``(B, C)``, where there is one."""


class Head(Protocol):
    """What the heads share."""

    dim: int

    def __call__(self, maps: torch.Tensor) -> Output:
        """Describe maps ``(B, C, H, W)``."""
        ...

    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Learn what can be learned before training.

        Args:
            maps: ``(n, C, H, W)`` of training photos.
            seed: of what is random.
            pairs: ``(p, 2)`` rows of maps that show the same; there may be none.
        """
        ...


class CGDHead(nn.Module):
    """Combination of global descriptors.

    Args:
        channels: of the maps.
        num_classes: of the classifier; None for none.
        config: letters of the poolings.
        dim: length of the descriptor.
        begin: how the projections begin, see the module; the paper's are random.
    """

    def __init__(
        self, channels: int, num_classes: int | None, *, config: str = "SG", dim: int = 1536, begin: str = "pairs"
    ) -> None:
        super().__init__()
        self.cgd = CGD(nn.Identity(), config, dim, num_classes, channels=channels)
        if _known(begin) != "random" and dim // len(config) > channels:
            raise OptionError(
                f"a branch of {dim // len(config)} values cannot be whitened from {channels} channels; "
                f"set dim to at most {channels * len(config)}, or begin = 'random'"
            )
        self.dim, self.beginning = dim, begin

    @property
    def classifier(self) -> nn.Module | None:
        """Gives logits of what `forward` gives second."""
        return self.cgd.classifier

    def forward(self, maps: torch.Tensor) -> Output:
        """Describe maps ``(B, C, H, W)``."""
        pooled = self.cgd.pooled(maps)
        descriptors = unit(torch.cat(self.cgd.blocks(pooled), dim=1))
        return descriptors, None if self.cgd.classifier is None else pooled[0]

    @torch.no_grad()
    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Whiten."""
        for layer, pooled in zip(self.cgd.projections, self.cgd.pooled(maps), strict=True):
            _whiten(layer, pooled, pairs, self.beginning)


class PooledHead(nn.Module):
    """One pooling, and a linear layer where the descriptor shall have another length.

    Args:
        pooling: gives unit vectors of maps.
        channels: of the maps.
        dim: length of the descriptor; 0 for that of the maps, without a layer.
        begin: how the layer begins, see the module.
        num_classes: of a classifier on what the pooling gives; None for none.
    """

    def __init__(
        self,
        pooling: nn.Module,
        channels: int,
        *,
        dim: int = 0,
        begin: str = "pairs",
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        if dim < 0 or (_known(begin) != "random" and dim > channels):
            raise OptionError(f"dim must be from 0 to {channels}, the channels of the map, got {dim}")
        self.pooling, self.dim, self.beginning = pooling, dim or channels, begin
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
        """Whiten."""
        if self.projection is not None:
            _whiten(self.projection, self.pooling(maps), pairs, self.beginning)


class NetVLADHead(nn.Module):
    """NetVLAD, see the module.

    Args:
        channels: of the maps.
        num_clusters: K.
        version: see `networks.netvlad`.
        tied: whether the assignment follows from the centers.
        dim: values of the descriptor after the linear layer; 0 for all ``K x channels`` without it.
        begin: how that layer begins: ``"pairs"`` or ``"photos"``, see the module.
    """

    def __init__(
        self,
        channels: int,
        *,
        num_clusters: int = 64,
        version: str = "v2",
        tied: bool = True,
        dim: int = 0,
        begin: str = "pairs",
    ) -> None:
        super().__init__()
        whole = num_clusters * channels
        if not 0 <= dim <= whole:
            raise OptionError(f"dim must be from 0 to {whole}, clusters x channels, got {dim}")
        self.layer = NetVLAD(num_clusters, channels, version)
        if _known(begin) == "random":
            raise OptionError("the layer after NetVLAD begins from 'pairs' or 'photos', got 'random'")
        self.dim, self.tied, self.beginning = dim or whole, tied, begin
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
        alpha, centers = self.log_alpha.exp(), self.centers
        values: dict[str, torch.Tensor] = {"centroids": centers}
        if self.layer.version == "v1":
            values["conv.weight"] = (alpha * unit(centers))[:, :, None, None]
        else:
            values["conv.weight"] = (2 * alpha * centers)[:, :, None, None]
            values["conv.bias"] = -alpha * centers.square().sum(1)
        return functional_call(self.layer, values, (maps,))  # type: ignore[no-any-return]  # untyped in Torch

    @torch.no_grad()
    def begin(self, maps: torch.Tensor, seed: int, pairs: Ids) -> None:
        """Learn the centers by k-means of the cells of all maps, alpha from the same cells, and the layer.

        Raises:
            ShapeError: there are fewer cells than clusters, or not more photos than values to keep.
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
            mean, projection = _shortened(whole, self.dim, pairs if self.beginning == "pairs" else pairs[:0])
            weight = torch.from_numpy(projection.T / np.abs(projection).max())
            self.projection.weight.copy_(weight)
            self.projection.bias.copy_(-(weight @ torch.from_numpy(mean)))


def _gem(channels: int, *, p: float = 3.0, per_channel: bool = False, dim: int = 0, begin: str = "pairs") -> PooledHead:
    pooling = GeM(p, channels=channels if per_channel else None)
    return PooledHead(pooling, channels, dim=dim, begin=begin)


def _spoc(channels: int, *, center_prior: bool = False, dim: int = 0, begin: str = "pairs") -> PooledHead:
    return PooledHead(SPoC(center_prior=center_prior), channels, dim=dim, begin=begin)


def _mac(channels: int, *, dim: int = 0, begin: str = "pairs") -> PooledHead:
    return PooledHead(MAC(), channels, dim=dim, begin=begin)


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
"""Heads that have a classifier where the classes are known."""


def head_parameters(name: str) -> list[str]:
    """List the parameters of a head.

    Raises:
        OptionError: there is no such head.

    Example:
        >>> head_parameters("cgd")
        ['config', 'dim', 'begin']
    """
    if name not in HEADS:
        raise OptionError(f"no head called {name!r}; known: {', '.join(HEADS)}")
    found = inspect.signature(HEADS[name]).parameters.values()
    return [parameter.name for parameter in found if parameter.kind is parameter.KEYWORD_ONLY]


def build_head(name: str, channels: int, num_classes: int | None, **parameters: Any) -> Head:
    """Return a head by name.

    Raises:
        OptionError: the name or a parameter is unknown; the message lists the known ones.
    """
    known = head_parameters(name)
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise OptionError(f"the head {name!r} has no parameter {unknown[0]!r}; known: {', '.join(known)}")
    classes = (num_classes,) if name in CLASSIFYING else ()
    head: Head = HEADS[name](channels, *classes, **parameters)
    return head


class DescriptorModel(nn.Module):
    """A backbone and a head.

    Args:
        backbone: in stages.
        head: see `build_head`.
        trainable_from: first stage that is trained; as many as there are stages for none.
        train_batch_norm: whether batch normalization of the trained stages follows the batches.

    Raises:
        OptionError: there is no such stage.
    """

    def __init__(
        self, backbone: StagedBackbone, head: Head, *, trainable_from: int = 0, train_batch_norm: bool = False
    ) -> None:
        super().__init__()
        count = len(backbone.stages)
        if not 0 <= trainable_from <= count:
            raise OptionError(
                f"trainable_from must be from 0, all of the backbone, to {count}, none of it; got {trainable_from}"
            )
        self.backbone, self.head = backbone, head
        self.trainable_from, self.train_batch_norm = trainable_from, train_batch_norm
        self.backbone.requires_grad_(False)
        for stage in self.backbone.stages[trainable_from:]:
            stage.requires_grad_(True)
            if not train_batch_norm:
                for layer in _batch_norms(stage):
                    layer.requires_grad_(False)

    def forward(self, maps: torch.Tensor) -> Output:
        """Describe what `frozen_maps` gave, ``(B, C, H, W)``."""
        found: Output = self.head(self.backbone(maps, self.trainable_from))
        return found

    @torch.no_grad()
    def frozen_maps(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return what the frozen stages make of ``(B, 3, H, W)`` RGB in [0, 255], itself where there are none."""
        found: torch.Tensor = self.backbone(pictures, 0, self.trainable_from)
        return found

    def describe(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the descriptors only."""
        return self(maps)[0]  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def train(self, mode: bool = True) -> DescriptorModel:
        """Set the mode; layers that are frozen stay in eval mode."""
        super().train(mode)
        self.backbone.eval()
        if mode and self.train_batch_norm:
            self.backbone.stages[self.trainable_from :].train()
        return self


def build_model(
    *,
    backbone: str | StagedBackbone = "efficientnet-lite2",
    head: str = "gem",
    head_options: Mapping[str, Any] | None = None,
    num_classes: int | None = None,
    trainable_from: int = 0,
    last_downsampling: bool = True,
    last_stage: int = 7,
    train_batch_norm: bool = False,
) -> DescriptorModel:
    """Return a model ready to be trained.

    Args:
        backbone: name, see `networks.stages`; or a network in stages, whatever it is.
        head: name, see the module.
        head_options: its parameters.
        num_classes: of the head's classifier, where it has one; None for none.
        trainable_from: see `DescriptorModel`.
        last_downsampling: see `networks.stages.load_stages`.
        last_stage: see `networks.stages.load_stages`.
        train_batch_norm: see `DescriptorModel`.

    Raises:
        OptionError: a name or parameter is unknown.
        WeightsError: the weights of the backbone are not installed.
    """
    if isinstance(backbone, str):
        backbone = load_stages(
            backbone, last_downsampling=last_downsampling, last_stage=last_stage, batch_norm=train_batch_norm
        )
    made = build_head(head, backbone.channels, num_classes, **(head_options or {}))
    if isinstance(made, DELFAttentionHead) and trainable_from < len(backbone.stages):
        raise OptionError(
            f"the head 'delf-attention' learns from descriptors that stay as they are; set model.trainable_from = "
            f"{len(backbone.stages)}, and model.start to the run that trained them"
        )
    return DescriptorModel(backbone, made, trainable_from=trainable_from, train_batch_norm=train_batch_norm)


def _batch_norms(module: nn.Module) -> list[nn.Module]:
    return [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]


def _known(begin: str) -> str:
    if begin not in BEGINNINGS:
        raise OptionError(f"begin must be one of {', '.join(BEGINNINGS)}, got {begin!r}")
    return begin


def _shortened(rows: Floats, dim: int, pairs: Ids) -> tuple[Floats, Floats]:
    """Return mean ``(d,)`` and projection ``(d, dim)`` of rows ``(n, d)``: PCA, and whitening from pairs if enough."""
    if len(pairs) < dim:
        plain = PCAWhitening(dim=dim, power=PCA_POWER, shrinkage=PCA_SHRINKAGE).fit(rows)
        assert plain.mean_ is not None and plain.projection_ is not None  # fit has learned them
        return plain.mean_, plain.projection_
    most = max(dim, min(len(rows) - 1, rows.shape[1], len(pairs), MOST_DIRECTIONS))
    mean, turned = _shortened(rows, most, pairs[:0])
    first, second = ((rows[each] - mean) @ turned for each in pairs.T)
    learned = SupervisedWhitening(dim=dim, shrinkage=PAIRS_SHRINKAGE, signal=PAIRS_SIGNAL).fit_pairs(first, second)
    assert learned.mean_ is not None and learned.projection_ is not None  # fit has learned them
    return mean + turned @ learned.mean_, turned @ learned.projection_


def _whiten(layer: nn.Module, pooled: torch.Tensor, pairs: Ids, beginning: str) -> None:
    """Let a linear layer without bias begin as whitening of pooled vectors ``(n, C)``, see the module."""
    weight: Any = layer.weight
    dim = len(weight)
    if beginning == "random":
        return
    if beginning == "pairs" and len(pairs) >= max(pooled.shape[1], dim):
        found = unit(pooled.detach().float()).cpu().numpy()
        whitening = SupervisedWhitening(dim=dim, shrinkage=PAIRS_SHRINKAGE, signal=PAIRS_SIGNAL)
        projection = whitening.fit_pairs(found[pairs[:, 0]], found[pairs[:, 1]]).projection_
        assert projection is not None  # fit has learned it
        mean = normalize(found.mean(axis=0))
        projection = projection - np.outer(mean, mean @ projection)
        weight.copy_(torch.from_numpy(projection.T / np.abs(projection).max()))
        return
    rows = unit(pooled.detach().double())
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    leading, directions = values.clamp(min=0).flip(0)[:dim], vectors.flip(1)[:, :dim]
    scale = (leading + SHRINKAGE * values.mean()).rsqrt()
    weight.copy_(((directions * scale).T / scale.max()).to(weight.dtype))
