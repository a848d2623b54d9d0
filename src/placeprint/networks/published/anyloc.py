"""AnyLoc's VLAD of a facet of DINOv2 (Keetha et al., RA-L 2023).

Features are unit vectors. Each goes to the cluster whose *unit* center has the largest cosine, and leaves there its
residual to the center *as stored*. The sum of each cluster is scaled to unit length (an empty one stays zero), then
the whole.
"""

from __future__ import annotations

import torch
from torch import nn

from placeprint.networks.published.dinov2 import Tokens


class HardVLAD(nn.Module):
    """The head.

    Args:
        channels: D, of the map.
        clusters: K.
    """

    def __init__(self, channels: int, clusters: int) -> None:
        super().__init__()
        self.c_centers = nn.Parameter(torch.randn(clusters, channels))

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Return ``(B, K D)`` unit descriptors, cluster by cluster."""
        x = nn.functional.normalize(tokens.map.flatten(2).transpose(1, 2), dim=2)
        nearest = (x @ nn.functional.normalize(self.c_centers, dim=1).T).argmax(2)
        chosen = nn.functional.one_hot(nearest, len(self.c_centers)).to(x.dtype).transpose(1, 2)
        residuals = chosen @ x - chosen.sum(2, keepdim=True) * self.c_centers
        return nn.functional.normalize(nn.functional.normalize(residuals, dim=2).flatten(1), dim=1)
