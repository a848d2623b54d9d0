"""SALAD: optimal transport of patches to clusters (Izquierdo and Civera, CVPR 2024), and MegaLoc's form of it.

Perceptrons make of each of n patches a score for each of m clusters, S, and a short feature f; another makes a vector
of the class token. A row of equal scores is added for uninformative patches, the dustbin. The transport P is the matrix
exp(S + u + v) whose rows sum to 1 (the dustbin's to n - m) and whose columns sum to 1: three rounds of Sinkhorn's
iteration (Cuturi, NeurIPS 2013), with logarithms a and b of these sums less log(n + m)::

    u = a - logsumexp over patches of (S + v),   v = b - logsumexp over clusters of (S + u)

Without the dustbin's row, ``V = f P^T`` has a vector for each cluster, which is scaled to unit length. The descriptor
is the token's unit vector, then V value by value, of unit length. MegaLoc (Berton and Masone, CVPR Workshops 2025) adds
a linear layer.

The score of the dustbin has no effect: the first round takes it out again. It is kept since checkpoints hold it.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from placeprint.errors import ShapeError
from placeprint.networks.published.dinov2 import Tokens

ROUNDS = 3
DROPOUT = 0.3


class SALAD(nn.Module):
    """The head.

    Args:
        channels: the channels of the map.
        clusters: m.
        cluster_dim: values of f.
        token_dim: values of the token's vector.
        hidden: width of the perceptrons.
    """

    def __init__(self, channels: int, clusters: int, cluster_dim: int, token_dim: int, hidden: int) -> None:
        super().__init__()
        self.clusters = clusters
        self.token_features = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, token_dim))
        self.cluster_features = _cells(channels, hidden, cluster_dim)
        self.score = _cells(channels, hidden, clusters)
        self.dust_bin = nn.Parameter(torch.tensor(1.0))

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Return ``(B, token_dim + cluster_dim x clusters)`` unit descriptors.

        Raises:
            ShapeError: there are no more patches than clusters.
        """
        token, maps = tokens
        scores = self.score(maps).flatten(2)
        if not scores.shape[2] > self.clusters:
            raise ShapeError(
                f"a picture must have more than {self.clusters} patches of 14 x 14 pixels, got {maps.shape[3]} x "
                f"{maps.shape[2]}; use larger pictures"
            )
        vectors = self.cluster_features(maps).flatten(2) @ transport(scores, self.dust_bin).transpose(1, 2)
        parts = [nn.functional.normalize(self.token_features(token), dim=1)]
        parts += [nn.functional.normalize(vectors, dim=1).flatten(1)]
        return nn.functional.normalize(torch.cat(parts, dim=1), dim=1)


class MegaLoc(nn.Module):
    """MegaLoc's head: SALAD, a linear layer, unit length.

    Args:
        agg: the SALAD.
        inputs: values of its descriptor.
        dim: after the linear layer.
    """

    def __init__(self, agg: SALAD, inputs: int, dim: int) -> None:
        super().__init__()
        self.agg = agg
        self.linear = nn.Linear(inputs, dim)

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Return ``(B, dim)`` unit descriptors. Raises as `SALAD.forward`."""
        return nn.functional.normalize(self.linear(self.agg(tokens)), dim=1)


def transport(scores: torch.Tensor, dust_bin: torch.Tensor) -> torch.Tensor:
    """Return P, ``(B, m, n)`` without the dustbin, of scores ``(B, m, n)``, n > m, and the dustbin's score, a number.

    Example:
        >>> found = transport(torch.zeros(1, 2, 5), torch.tensor(1.0))
        >>> [round(value, 3) for value in found.sum(dim=2)[0].tolist()]
        [1.0, 1.0]
    """
    batch, clusters, patches = scores.shape
    norm = -math.log(patches + clusters)
    full = torch.cat([scores, dust_bin.expand(batch, 1, patches)], dim=1)
    rows = scores.new_full((1, clusters + 1, 1), norm)
    rows[:, -1] = norm + math.log(patches - clusters)
    u, v = torch.zeros_like(rows), scores.new_zeros(batch, 1, patches)
    for _ in range(ROUNDS):
        u = rows - _log_sum(full + v, 2)
        v = norm - _log_sum(full + u, 1)
    return torch.exp(full + u + v - norm)[:, :-1]


def _log_sum(values: torch.Tensor, dim: int) -> torch.Tensor:
    """Return the logarithm of the sum of exponentials along a dimension, which is kept.

    It is written out, since OpenVINO reads ONNX's own operator for it wrongly.
    """
    most = values.amax(dim, keepdim=True)
    return most + (values - most).exp().sum(dim, keepdim=True).log()


def _cells(channels: int, hidden: int, dim: int) -> nn.Sequential:
    """Return a perceptron over the cells of a map; its layers have the numbers of the checkpoint."""
    return nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.Dropout(DROPOUT), nn.ReLU(), nn.Conv2d(hidden, dim, 1))
