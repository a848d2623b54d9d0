"""The loss of CGD (Jun et al., arXiv 1903.10663): a ranking loss on the descriptors and an auxiliary classification.

    L = triplets(descriptors) + cross-entropy(logits / temperature, label smoothing)

The triplets are batch-hard with margin 0.1, see `pair_losses`; a photo that is alone with its class in the batch makes
none. The logits come from the classifier on the *first* global descriptor; `networks.cgd` returns them in training.
With smoothing e and M classes, the target of the right class is ``1 - e + e / M`` and that of every other class ``e /
M``.

The paper gives both parts the weight 1.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from placeprint.core.options import checked
from placeprint.errors import ShapeError
from placeprint.training.losses.pair_losses import Margin, Scale, Smoothing, TripletLoss


@checked
class CGDLoss(nn.Module):
    """Ranking and classification, see the module.

    Args:
        margin: the margin of the triplets.
        squared: whether to use squared distances.
        temperature: the temperature of the logits.
        smoothing: the smoothing of the labels, in [0, 1).

    Raises:
        OptionError: a parameter is out of its range.
        PackageError: pytorch-metric-learning is not installed.
    """

    def __init__(
        self, *, margin: Margin = 0.1, squared: bool = False, temperature: Scale = 0.5, smoothing: Smoothing = 0.1
    ) -> None:
        super().__init__()
        self.temperature, self.smoothing = temperature, smoothing
        self.triplets = TripletLoss(margin=margin, squared=squared)

    def forward(
        self, descriptors: torch.Tensor, labels: torch.Tensor, logits: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss, a scalar.

        Args:
            descriptors: ``(B, D)`` floats; they are normalized here.
            labels: ``(B,)`` int64.
            logits: ``(B, M)`` logits of the classifier.

        Raises:
            ShapeError: logits are missing, the shapes do not fit, a label is not below M, or no photo has both a
                positive and a negative.
        """
        if logits is None or logits.ndim != 2 or len(logits) != len(labels):
            shape = None if logits is None else tuple(logits.shape)
            raise ShapeError(
                f"CGD's loss needs logits of shape ({len(labels)}, classes), got {shape}; make the network with "
                "num_classes and set it to training mode"
            )
        ranking: torch.Tensor = self.triplets(descriptors, labels)
        if labels.min() < 0 or labels.max() >= logits.shape[1]:
            raise ShapeError(f"labels must be from 0 to {logits.shape[1] - 1}, got up to {int(labels.max())}")
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return ranking + cross_entropy(wide / self.temperature, labels, label_smoothing=self.smoothing)
