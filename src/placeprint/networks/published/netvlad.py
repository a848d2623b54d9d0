"""NetVLAD as it was published (Arandjelovic et al., CVPR 2016, in its first version), under the names of two ports.

The equations are those of `networks.netvlad`, whose layer is made for training; here they are plain products, which
are exported as they are. ``hloc``, the port of the authors' own networks, flattens channel by channel and may whiten
by PCA; ``nanne``, trained again, flattens cluster by cluster.
"""

from __future__ import annotations

import torch
from torch import nn

CHANNELS, CLUSTERS = 512, 64


class HlocNetVLAD(nn.Module):
    """The head of the authors' networks.

    Args:
        whiten: values after whitening; 0 without it.
    """

    def __init__(self, whiten: int = 0) -> None:
        super().__init__()
        self.netvlad = ChannelMajor()
        self.whiten = nn.Linear(CHANNELS * CLUSTERS, whiten) if whiten else None

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 32768)``, or ``(B, whiten)``, unit descriptors of ``(B, 512, H, W)``."""
        found: torch.Tensor = self.netvlad(maps)
        return found if self.whiten is None else nn.functional.normalize(self.whiten(found), dim=1)


class ChannelMajor(nn.Module):
    """The layer with the names of hloc's port; the centers are ``(512, 64)``."""

    def __init__(self) -> None:
        super().__init__()
        self.score_proj = nn.Conv1d(CHANNELS, CLUSTERS, 1, bias=False)
        self.centers = nn.Parameter(torch.randn(CHANNELS, CLUSTERS))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 32768)`` unit descriptors of ``(B, 512, H, W)``, channel by channel."""
        residuals = soft_residuals(maps, self.score_proj.weight[:, :, 0], self.centers.T)
        return nn.functional.normalize(residuals.transpose(1, 2).flatten(1), dim=1)


class ClusterMajor(nn.Module):
    """The layer with the names of Nanne's port; the centroids are ``(64, 512)``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CLUSTERS, 1, bias=False)
        self.centroids = nn.Parameter(torch.randn(CLUSTERS, CHANNELS))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``(B, 32768)`` unit descriptors of ``(B, 512, H, W)``, cluster by cluster."""
        residuals = soft_residuals(maps, self.conv.weight[:, :, 0, 0], self.centroids)
        return nn.functional.normalize(residuals.flatten(1), dim=1)


def soft_residuals(maps: torch.Tensor, weights: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Return ``(B, K, D)``: for each cluster the unit vector of the weighted residuals.

    Args:
        maps: ``(B, D, H, W)``; each position is scaled to unit length first.
        weights: ``(K, D)``; the softmax of the products with them says how much belongs to which cluster.
        centers: ``(K, D)``.
    """
    x = nn.functional.normalize(maps.flatten(2), dim=1)
    shares = torch.softmax(weights @ x, dim=1)
    residuals = shares @ x.transpose(1, 2) - shares.sum(2, keepdim=True) * centers
    return nn.functional.normalize(residuals, dim=2)
