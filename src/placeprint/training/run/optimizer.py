"""The optimizer: groups of weights, their learning rates, and the schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Optimizer, Schedule


def make_optimizer(settings: Optimizer, model: DescriptorModel, loss: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer of a recipe.

    Head, backbone and the loss's own weights have separate learning rates. Weight decay is for matrices and
    filters; biases, exponents and normalization have none.
    """
    rates = (
        (model.head, 1.0),
        (model.backbone, settings.backbone_rate),
        (loss, settings.loss_rate),
    )
    groups = []
    for part, rate in rates:
        assert isinstance(part, nn.Module)  # heads are
        trained = [each for each in part.parameters() if each.requires_grad]
        for decay in (settings.weight_decay, 0.0):
            chosen = [each for each in trained if (each.ndim > 1) == bool(decay)] if settings.weight_decay else trained
            if chosen:
                full = settings.learning_rate * rate
                groups.append({"params": chosen, "lr": full, "initial_lr": full, "weight_decay": decay})
            if not settings.weight_decay:
                break
    if settings.name == "sgd":
        return torch.optim.SGD(groups, momentum=0.9)
    return (torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam)(groups)


def rate_factor(schedule: Schedule, epochs: float) -> float:
    """Return the factor of the learning rates after a number of epochs.

    Example:
        >>> [round(rate_factor(Schedule(epochs=4, warmup=1.0), at), 3) for at in (0.5, 1.0, 2.5, 4.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if epochs < schedule.warmup:
        return epochs / schedule.warmup
    if schedule.kind == "cosine":
        room = max(schedule.epochs - schedule.warmup, 1e-9)
        return 0.5 * (1 + math.cos(math.pi * min((epochs - schedule.warmup) / room, 1)))
    if schedule.kind == "step":
        return float(schedule.factor ** (int(epochs) // schedule.every))
    return 1.0
