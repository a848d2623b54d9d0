"""Losses by name.

Most are called as ``loss(descriptors (B, D), labels (B,))`` and return a scalar. ``"cgd"`` and ``"cross-entropy"`` take
the logits of the network's classifier as a third argument; ``"weak-ranking"`` takes queries, their potential positives
and their negatives (see `ranking_loss`), because positions are not classes. Losses with `NEEDS_PAIRS` need batches of P
classes with K photos each.

A loss's own parameters, its proxies, are ``loss.parameters()``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from placeprint.core.options import check_name
from placeprint.core.table_reading import check_values
from placeprint.training.losses.cgd_loss import CGDLoss
from placeprint.training.losses.classification_loss import CrossEntropyLoss
from placeprint.training.losses.pair_losses import ContrastiveLoss, MultiSimilarityLoss, TripletLoss
from placeprint.training.losses.proxy_losses import ArcFace, ProxyNCA
from placeprint.training.losses.ranking_loss import WeakRankingLoss

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "triplet": TripletLoss,
    "contrastive": ContrastiveLoss,
    "multi-similarity": MultiSimilarityLoss,
    "proxy-nca": ProxyNCA,
    "arcface": ArcFace,
    "weak-ranking": WeakRankingLoss,
    "cgd": CGDLoss,
    "cross-entropy": CrossEntropyLoss,
}
NEEDS_PAIRS = frozenset({"triplet", "contrastive", "multi-similarity", "cgd"})
NEEDS_PROXIES = frozenset({"proxy-nca", "arcface"})
NEEDS_CLASSIFIER = frozenset({"cgd", "cross-entropy"})
OF_THE_NETWORK = ("num_classes", "dim")
"""Parameters set by the data and the network."""


def loss_params(name: str) -> tuple[str, ...]:
    """Return the parameters of a loss that a user may set.

    Raises:
        OptionError: the loss is unknown.

    Example:
        >>> loss_params("weak-ranking")
        ('margin', 'average_violating')
    """
    check_name("loss", name, LOSSES)
    return tuple(key for key in inspect.signature(LOSSES[name]).parameters if key not in OF_THE_NETWORK)


def checked_loss(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a loss and return them converted.

    Raises:
        OptionError: the loss or a parameter is unknown, or a value has the wrong type or is out of range.
    """
    loss_params(name)
    return check_values(LOSSES[name], parameters, what=f"the loss {name!r}", prefix="loss.", without=OF_THE_NETWORK)


def make_loss(name: str, num_classes: int, dim: int, **params: float | bool | str) -> nn.Module:
    """Return a loss.

    Args:
        name: a name in `LOSSES`.
        num_classes: the number of training classes; used by losses with proxies.
        dim: d, the length of the descriptors; used by losses with proxies.
        **params: see the loss.

    Raises:
        OptionError: the name or a parameter is unknown, or a value is out of its range.
        PackageError: the loss needs pytorch-metric-learning, which is not installed.
    """
    given = checked_loss(name, params)
    if name in NEEDS_PROXIES:
        return LOSSES[name](num_classes, dim, **given)
    return LOSSES[name](**given)
