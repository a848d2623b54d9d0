"""Losses on pairs and triplets within a batch of labeled photos.

With unit descriptors f, ``d(i, j) = |f_i - f_j|`` and ``s(i, j) = f_i . f_j``:

- `TripletLoss`: mean over triplets (a, p, n) of ``max(0, D(a, p) - D(a, n) + margin)``, where D is d, or d^2 when
  ``squared``. Batch-hard (Hermans et al., arXiv 1703.07737): for each photo, the farthest of its class and the nearest
  of others. Semi-hard (Schroff et al., CVPR 2015): all triplets with ``D(a, p) < D(a, n) <= D(a, p) + margin``.
- `ContrastiveLoss` (Hadsell et al., CVPR 2006): the mean of ``d^2 / 2`` over pairs of one class plus the mean of
  ``max(0, margin - d)^2 / 2`` over pairs of two.
- `MultiSimilarityLoss` (Wang et al., CVPR 2019): the mean over photos i of ``log(1 + sum over p of e^(-alpha (s -
  base))) / alpha + log(1 + sum over n of e^(beta (s - base))) / beta``. Only those pairs of a photo count that are not
  ``epsilon`` better than its worst pair of the other kind.

A photo that is alone with its class in the batch is never i or a: with nothing to be near to, it would only be pushed
away. It still counts as n for others. A batch in which no photo has both a positive and a negative is an error.

Triplets and multi-similarity are those of pytorch-metric-learning 2.9, checked against plain loops. Its contrastive
loss does not square distances, so that one is ours.

Departures: Schroff et al. take one negative per pair. The base of multi-similarity is the paper's lambda; 0.5 is the
    value in the authors' code.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Annotated

import torch
from torch import nn
from torch.nn.functional import normalize

from placeprint.core.options import OneOf, Range, checked
from placeprint.core.packages import required
from placeprint.errors import ShapeError

MINING = ("batch-hard", "semi-hard")
Margin = Annotated[float, Range(0, 4, above=True)]
"""A margin in the distance of unit vectors, or in its square."""
Scale = Annotated[float, Range(0, 10_000, above=True)]
Smoothing = Annotated[float, Range(0, 1, below=True)]
"""Share of the label that is spread over all classes."""


@checked
class TripletLoss(nn.Module):
    """Loss on the triplets of a batch, see the module.

    Args:
        mining: ``"batch-hard"`` or ``"semi-hard"``.
        margin: the margin in the unit of D.
        squared: whether D is the squared distance.

    Raises:
        OptionError: `mining` has another value, or the margin is not positive.
        PackageError: pytorch-metric-learning is not installed.
    """

    def __init__(
        self, *, mining: Annotated[str, OneOf(*MINING)] = "batch-hard", margin: Margin = 0.1, squared: bool = False
    ) -> None:
        super().__init__()
        library = metric_learning()
        distance = library.distances.LpDistance(normalize_embeddings=True, p=2, power=2 if squared else 1)
        self.mining, self.margin, self.squared = mining, margin, squared
        self._miner: Callable[[torch.Tensor, torch.Tensor], object] = (
            library.miners.BatchHardMiner(distance=distance)
            if mining == "batch-hard"
            else library.miners.TripletMarginMiner(margin=margin, type_of_triplets="semihard", distance=distance)
        )
        self._loss: Callable[[torch.Tensor, torch.Tensor, object], torch.Tensor] = library.losses.TripletMarginLoss(
            margin=margin, distance=distance, reducer=library.reducers.MeanReducer()
        )

    def forward(self, descriptors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar; 0 if no triplet is semi-hard.

        Args:
            descriptors: ``(B, D)`` floats; they are normalized here.
            labels: ``(B,)`` int64.

        Raises:
            ShapeError: the shapes do not fit, or no photo has both a positive and a negative.
        """
        descriptors, _ = checked_batch(descriptors, labels, pairs=True)
        return self._loss(descriptors, labels, self._miner(descriptors, labels))


@checked
class ContrastiveLoss(nn.Module):
    """Loss on the pairs of a batch, see the module.

    Args:
        margin: the distance at which photos of two classes are far enough apart; unit vectors are at most 2 apart.

    Raises:
        OptionError: the margin is not positive.
    """

    def __init__(self, *, margin: Margin = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, descriptors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar; arguments and errors are those of `TripletLoss`."""
        descriptors, anchors = checked_batch(descriptors, labels, pairs=True)
        units = normalize(descriptors, dim=1)
        squares = (2 - 2 * units @ units.T).clamp(min=0)
        same = labels[:, None] == labels
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        # the root has no gradient at 0, when two photos of different classes have the same descriptor
        lacking = (self.margin - (squares + 1e-8).sqrt()).clamp(min=0)
        near: torch.Tensor = squares[same & ~itself].mean() / 2
        far: torch.Tensor = lacking[~same & anchors[:, None]].square().mean() / 2
        return near + far


@checked
class MultiSimilarityLoss(nn.Module):
    """Loss on the pairs of a batch, weighted by their similarity, see the module.

    Args:
        alpha: the sharpness for pairs of one class.
        beta: the sharpness for pairs of two classes.
        base: the similarity between near and far.
        epsilon: the tolerance in the choice of pairs.

    Raises:
        OptionError: alpha or beta is not positive.
        PackageError: pytorch-metric-learning is not installed.
    """

    def __init__(
        self,
        *,
        alpha: Scale = 2.0,
        beta: Scale = 50.0,
        base: Annotated[float, Range(-1, 1)] = 0.5,
        epsilon: Annotated[float, Range(0, 2)] = 0.1,
    ) -> None:
        super().__init__()
        library = metric_learning()
        self.alpha, self.beta, self.base, self.epsilon = alpha, beta, base, epsilon
        self._miner: Callable[[torch.Tensor, torch.Tensor], object] = library.miners.MultiSimilarityMiner(epsilon)
        self._loss: Callable[[torch.Tensor, torch.Tensor, object], torch.Tensor] = library.losses.MultiSimilarityLoss(
            alpha, beta, base
        )

    def forward(self, descriptors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar; arguments and errors are those of `TripletLoss`."""
        descriptors, _ = checked_batch(descriptors, labels, pairs=True)
        return self._loss(descriptors, labels, self._miner(descriptors, labels))


def checked_batch(
    descriptors: torch.Tensor, labels: torch.Tensor, *, pairs: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the descriptors as float32 (float64 unchanged), and the ``(B,)`` mask of photos that are not alone.

    Losses on half-precision descriptors would underflow, so they are widened.

    Raises:
        ShapeError: the shapes do not fit together, the batch is empty, or pairs are needed and no photo has both
            another of its class and one of another class.
    """
    if descriptors.ndim != 2 or labels.shape != descriptors.shape[:1] or not len(labels):
        raise ShapeError(
            f"descriptors must have shape (B >= 1, D) and labels (B,), got {tuple(descriptors.shape)} and "
            f"{tuple(labels.shape)}"
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ShapeError(f"labels must be whole numbers, got {labels.dtype}")
    accompanied = (labels[:, None] == labels).sum(dim=1) > 1
    if pairs and (not accompanied.any() or (labels == labels[0]).all()):
        raise ShapeError(
            f"a batch must have two photos of one class and photos of two classes, got {len(labels)} photos of "
            f"{len(set(labels.tolist()))} classes; draw P classes x K photos"
        )
    return (descriptors if descriptors.dtype == torch.float64 else descriptors.float()), accompanied


def metric_learning() -> ModuleType:
    """Return pytorch-metric-learning.

    Raises:
        PackageError: it is not installed.
    """
    with required("this loss needs pytorch-metric-learning", "training"):
        library = importlib.import_module("pytorch_metric_learning")
        for part in ("distances", "losses", "miners", "reducers"):
            importlib.import_module(f"pytorch_metric_learning.{part}")
    return library
