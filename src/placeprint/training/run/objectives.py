"""The objective that a training step minimizes.

The names of a loss's arguments decide how it is called: ``(descriptors, labels)``; ``(descriptors, labels, logits)``,
if the head has a classifier; or ``(queries, positives, negatives)``, for photos with places.
"""

from __future__ import annotations

import inspect

import numpy as np
import torch
from torch import nn

from placeprint.errors import OptionError
from placeprint.training.data.batches import Batch
from placeprint.training.model.heads import Output
from placeprint.types import Ids


class Objective(nn.Module):
    """A loss as called by the loop.

    Args:
        loss: the loss, see the module; it may have its own weights.
        labels: ``(n,)`` labels of all training photos; None for photos with places.
        classifier: the head's classifier, which returns logits; None if it has none.

    Raises:
        OptionError: the loss needs labels, tuples or a classifier that do not exist.
    """

    def __init__(self, loss: nn.Module, labels: Ids | None, classifier: nn.Module | None) -> None:
        super().__init__()
        self.loss = loss
        self.labels = None if labels is None else torch.from_numpy(np.asarray(labels, np.int64))
        names = list(inspect.signature(loss.forward).parameters)
        self.takes_tuples, takes_logits = names[:1] == ["queries"], "logits" in names
        # in a list, so that it is not registered: its weights belong to the model
        self._classifier = [classifier if takes_logits else None]
        kind = type(loss).__name__
        if self.takes_tuples != (labels is None):
            needed, form = ("places", "clips") if self.takes_tuples else ("labels", "folder")
            raise OptionError(f"the loss {kind} needs photos with {needed}; set data.form, for example to {form!r}")
        if takes_logits and classifier is None:
            raise OptionError(f"the loss {kind} needs the logits of a classifier; set head.name to 'cgd' or 'delf'")

    def forward(self, output: Output, batch: Batch) -> torch.Tensor:
        """Return the loss of a batch, a scalar.

        Args:
            output: the model's output for all photos of the batch, in order.
            batch: the photos.
        """
        descriptors, pooled = output
        descriptors = descriptors.float()
        if self.labels is None:
            return self._of_tuples(descriptors, batch)
        labels = self.labels[torch.from_numpy(batch.rows)].to(descriptors.device)
        classifier = self._classifier[0]
        more = () if classifier is None or pooled is None else (classifier(pooled.float()),)
        found: torch.Tensor = self.loss(descriptors, labels, *more)
        return found

    def _of_tuples(self, descriptors: torch.Tensor, batch: Batch) -> torch.Tensor:
        sizes = [size for near, far in batch.tuples.tolist() for size in (1, near, far)]
        parts = torch.split(descriptors, sizes)
        found: torch.Tensor = self.loss(torch.cat(parts[::3]), parts[1::3], parts[2::3])
        return found
