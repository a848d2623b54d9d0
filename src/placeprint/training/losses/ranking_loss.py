"""The weakly supervised ranking loss of NetVLAD (Arandjelovic et al., arXiv 1511.07247, equation 7).

A position determines which photos *may* show the same place as a query, its potential positives p_i, and which
certainly do not, its definite negatives n_j. Only the best potential positive counts, by the descriptors themselves::

    L(q) = sum over j of max(0, min over i of d^2(q, p_i) + margin - d^2(q, n_j)),   d^2 = squared L2 distance

A margin of 0.1 belongs to *squared* distances of unit descriptors. The authors' code divides the gradient by the number
of negatives that violate the margin, as ``average_violating`` does. Here the losses of several queries are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import normalize

from placeprint.core.options import checked
from placeprint.errors import ShapeError
from placeprint.training.losses.pair_losses import Margin


@checked
class WeakRankingLoss(nn.Module):
    """Loss on queries, their potential positives and their definite negatives, see the module.

    Args:
        margin: the margin in squared L2 distance.
        average_violating: whether to divide the sum of each query by the number of its negatives that violate the
            margin.

    Raises:
        OptionError: the margin is not positive.
    """

    def __init__(self, *, margin: Margin = 0.1, average_violating: bool = False) -> None:
        super().__init__()
        self.margin, self.average_violating = margin, average_violating

    def forward(
        self,
        queries: torch.Tensor,
        positives: Sequence[torch.Tensor] | torch.Tensor,
        negatives: Sequence[torch.Tensor] | torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss, a scalar.

        Args:
            queries: ``(Q, D)`` floats; all descriptors are normalized here.
            positives: one ``(P, D)`` per query, P at least 1; or one ``(Q, P, D)`` for all.
            negatives: one ``(N, D)`` per query, N may be 0; or one ``(Q, N, D)`` for all.

        Raises:
            ShapeError: the shapes do not fit together, there is no query, or a query has no positive.
        """
        if queries.ndim != 2 or not len(queries) or len(positives) != len(queries) or len(negatives) != len(queries):
            raise ShapeError(
                f"queries must have shape (Q >= 1, D), with positives and negatives of each, got "
                f"{tuple(queries.shape)}, {len(positives)} and {len(negatives)}"
            )
        return torch.stack([self._of_one(*each) for each in zip(queries, positives, negatives, strict=True)]).mean()

    def _of_one(self, query: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
        for name, rows, least in (("positives", positives, 1), ("negatives", negatives, 0)):
            if rows.ndim != 2 or rows.shape[1:] != query.shape or len(rows) < least:
                raise ShapeError(
                    f"{name} of a query must have shape (n >= {least}, {len(query)}), got {tuple(rows.shape)}"
                )
        lacking = (_squares(query, positives).min() + self.margin - _squares(query, negatives)).clamp(min=0)
        count = (lacking > 0).sum().clamp(min=1) if self.average_violating else 1
        total: torch.Tensor = lacking.sum() / count
        return total


def _squares(query: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    return (normalize(query.to(wide), dim=0) - normalize(rows.to(wide), dim=1)).square().sum(dim=1)
