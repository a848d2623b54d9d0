"""Losses with one learned vector per class, its proxy, which stands for the photos that are not in the batch.

With unit descriptors x, unit proxies p_c and the class y of a photo, each is the mean over the batch of a
cross-entropy:

- `ProxyNCA` (ProxyNCA++, Teh et al., ECCV 2020): logits ``-|x - p_c|^2 / temperature``, with all proxies, including
  that of y;
- `ArcFace` (Deng et al., CVPR 2019): logits ``scale cos(theta_c)``, for c = y ``scale cos(theta_y + margin)``, where
  theta_c is the angle between x and p_c in radians.

Both are cross-entropies, so a photo that is alone with its class still trains, toward its proxy. Proxies are parameters
of the loss (``loss.parameters()``): give them to the optimizer as a separate group with a larger learning rate (fast
proxies are part of ProxyNCA++), move the loss to the network's device, and save its state with the network's.

pytorch-metric-learning 2.9 has both, but without a finite gradient if a descriptor equals its proxy (ArcFace), and with
a NaN loss if the probability of the right proxy is below the smallest float (ProxyNCA); so these are ours.

Departure: if ``theta + margin`` exceeds 180 degrees, its cosine would rise again; a straight line in ``cos theta``
    replaces it, as in the authors' code.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear, normalize

from placeprint.core.options import Range, Seed, checked
from placeprint.errors import OptionError, ShapeError
from placeprint.training.losses.pair_losses import Scale, checked_batch

Angle = Annotated[float, Range(0, math.pi, above=True, below=True)]
"""An angle in radians."""


@checked
class ProxyNCA(nn.Module):
    """ProxyNCA++, see the module.

    Args:
        num_classes: the number of proxies, at least 2.
        dim: d, the length of the descriptors.
        temperature: the temperature of the logits.
        seed: the seed of the random initialization of the proxies.

    Raises:
        OptionError: a parameter is out of its range.
    """

    def __init__(self, num_classes: int, dim: int, *, temperature: Scale = 1 / 9, seed: Seed = 0) -> None:
        super().__init__()
        self.temperature = temperature
        self.proxies = first_proxies(num_classes, dim, seed)

    def forward(self, descriptors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar.

        Args:
            descriptors: ``(B, D)`` floats; they are normalized here.
            labels: ``(B,)`` int64, below the number of proxies.

        Raises:
            ShapeError: the shapes do not fit, or a label has no proxy.
        """
        return cross_entropy((2 * _cosines(descriptors, labels, self.proxies) - 2) / self.temperature, labels)


@checked
class ArcFace(nn.Module):
    """Additive angular margin, see the module.

    Args:
        num_classes: the number of proxies, at least 2.
        dim: d, the length of the descriptors.
        margin: the margin in radians, below pi.
        scale: the scale of the cosines.
        seed: the seed of the random initialization of the proxies.

    Raises:
        OptionError: a parameter is out of its range.
    """

    def __init__(self, num_classes: int, dim: int, *, margin: Angle = 0.5, scale: Scale = 64.0, seed: Seed = 0) -> None:
        super().__init__()
        self.margin, self.scale = margin, scale
        self.proxies = first_proxies(num_classes, dim, seed)

    def forward(self, descriptors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss, a scalar; arguments and errors are those of `ProxyNCA`."""
        cosines = _cosines(descriptors, labels, self.proxies)
        own = cosines.gather(1, labels[:, None])
        # by the addition theorem: the angle itself has no gradient at 0
        sines = (1 - own.square()).clamp(min=1e-8).sqrt()
        widened = own * math.cos(self.margin) - sines * math.sin(self.margin)
        beyond = own - self.margin * math.sin(self.margin)
        harder = torch.where(own >= -math.cos(self.margin), widened, beyond)
        return cross_entropy(self.scale * cosines.scatter(1, labels[:, None], harder), labels)


def first_proxies(num_classes: int, dim: int, seed: int) -> nn.Parameter:
    """Return ``(num_classes, dim)`` random unit rows as a parameter.

    Raises:
        OptionError: there are fewer than 2 classes, or the dimension is 0.
    """
    if num_classes < 2 or dim < 1:
        raise OptionError(f"proxies need at least 2 classes and 1 dimension, got {num_classes} and {dim}")
    generator = torch.Generator().manual_seed(seed)
    return nn.Parameter(normalize(torch.randn(num_classes, dim, generator=generator), dim=1))


def _cosines(descriptors: torch.Tensor, labels: torch.Tensor, proxies: torch.Tensor) -> torch.Tensor:
    """Return ``(B, num_classes)`` cosines of descriptors and proxies."""
    descriptors, _ = checked_batch(descriptors, labels)
    if descriptors.shape[1] != proxies.shape[1]:
        raise ShapeError(f"descriptors must have shape (B, {proxies.shape[1]}), got {tuple(descriptors.shape)}")
    if labels.min() < 0 or labels.max() >= len(proxies):
        raise ShapeError(f"labels must be from 0 to {len(proxies) - 1}, got {int(labels.min())} to {int(labels.max())}")
    return linear(normalize(descriptors, dim=1), normalize(proxies.to(descriptors.dtype), dim=1))
