"""Cross-entropy of the classes of photos: the loss of both steps of DELF (Noh et al., ICCV 2017, section 4).

    L = mean over photos of -log softmax(logits / temperature)_y

With smoothing e and M classes, the target of the right class is ``1 - e + e / M`` and that of every other class ``e /
M``; the paper uses no smoothing and temperature 1. The logits come from the head's classifier.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from placeprint.core.options import checked
from placeprint.errors import ShapeError
from placeprint.training.losses.pair_losses import Scale, Smoothing


@checked
class CrossEntropyLoss(nn.Module):
    """Classification, see the module.

    Args:
        temperature: the temperature of the logits.
        smoothing: the smoothing of the labels, in [0, 1).

    Raises:
        OptionError: a parameter is out of its range.
    """

    def __init__(self, *, temperature: Scale = 1.0, smoothing: Smoothing = 0.0) -> None:
        super().__init__()
        self.temperature, self.smoothing = temperature, smoothing

    def forward(
        self, descriptors: torch.Tensor, labels: torch.Tensor, logits: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss, a scalar.

        Args:
            descriptors: ``(B, D)``; ignored here, because the logits come from them.
            labels: ``(B,)`` int64.
            logits: ``(B, M)`` logits of the classifier.

        Raises:
            ShapeError: logits are missing, their number differs from that of the labels, or a label is not below M.
        """
        if logits is None or logits.ndim != 2 or len(logits) != len(labels):
            shape = None if logits is None else tuple(logits.shape)
            raise ShapeError(f"cross-entropy needs logits of shape ({len(labels)}, classes), got {shape}")
        if labels.min() < 0 or labels.max() >= logits.shape[1]:
            raise ShapeError(f"labels must be from 0 to {logits.shape[1] - 1}, got up to {int(labels.max())}")
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return cross_entropy(wide / self.temperature, labels, label_smoothing=self.smoothing)
