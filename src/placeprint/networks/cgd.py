"""CGD: several global descriptors of one network, trained together (Jun et al., arXiv 1903.10663).

A backbone's map is pooled in n ways, the letters of the configuration: S is SPoC, M is MAC, G is GeM (see
`networks.pooling`). What each gives goes through a linear layer without bias, to ``dim / n`` values; `kernels.cgd` has
the equation. An auxiliary classifier, batch normalization and a linear layer, sees what the *first* pooling gives,
before its linear layer. The paper trains the descriptor with a ranking loss, and the logits with the cross-entropy of
``logits / 0.5`` with label smoothing of 0.1.

S is the sum over the cells, as the paper's SPoC; common public code uses the mean. The layers have no bias, so W_i of
the sum is W_i of the mean times the number of cells, and both give the same unit f_i (with a bias they would not). In
training, the classifier's batch normalization also removes the factor, but its running statistics are those of the sum,
so those of a network trained with the mean do not fit.

The backbone skips its last down-sampling, so the map of a picture of 224 x 224 has 14 x 14 cells. The paper does that
"between stage 3 and stage 4" of a ResNet. As usually understood, that is the step from stride 16 to stride 32, the
first layer of the last stage; a public implementation skips the step before it.

Departures: GeM's p is learned, from 3 on. A backbone whose maps are not behind a ReLU (EfficientNet) has negative
values, which GeM does not see.
"""

from __future__ import annotations

import torch
from torch import nn

from placeprint.errors import OptionError, ShapeError
from placeprint.kernels import cgd as kernels
from placeprint.networks.pooling import MAC, GeM, SPoC

POOLINGS: dict[str, type[SPoC] | type[MAC] | type[GeM]] = {"S": SPoC, "M": MAC, "G": GeM}


class CGD(nn.Module):
    """A combination of several global descriptors.

    Args:
        backbone: a module that returns maps ``(B, C, H, W)``.
        config: the letters of the poolings, each once; the classifier gets the first.
        dim: the length of the descriptor, a multiple of the number of letters.
        num_classes: the number of classes; None for no classifier.
        channels: C; None for the backbone's attribute ``channels``.

    Raises:
        OptionError: a letter is unknown or repeated, `dim` is not a multiple of their number, or C is unknown.
    """

    def __init__(
        self,
        backbone: nn.Module,
        config: str = "SG",
        dim: int = 1536,
        num_classes: int | None = None,
        *,
        channels: int | None = None,
    ) -> None:
        super().__init__()
        kernels.check_config(config, dim, "dim")
        channels = _channels(backbone) if channels is None else channels
        self.backbone, self.config, self.dim = backbone, config, dim
        self.poolings = nn.ModuleList(POOLINGS[letter](normalize=False) for letter in config)
        self.projections = nn.ModuleList(nn.Linear(channels, dim // len(config), bias=False) for _ in config)
        self.classifier: nn.Sequential | None = None
        if num_classes is not None:
            self.classifier = nn.Sequential(nn.BatchNorm1d(channels), nn.Linear(channels, num_classes))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Return the unit descriptors ``(B, dim)``; in training, with a classifier, also logits ``(B, num_classes)``.

        Args:
            pictures: the input of the backbone.

        Raises:
            ShapeError: in training, the classifier gets a single photo, which has no variance.
        """
        classifier = self.classifier if self.training else None
        if classifier is not None and len(pictures) < 2:
            raise ShapeError(
                f"CGD's classifier normalizes over a batch of at least 2 photos in training, got {len(pictures)}; call "
                "eval() to describe a single one"
            )
        pooled = self.pooled(pictures)
        descriptors = self.described(pooled)
        if classifier is None:
            return descriptors
        logits: torch.Tensor = classifier(pooled[0])
        return descriptors, logits

    def pooled(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Return the result of each pooling, ``(B, C)``, not normalized."""
        maps = self.backbone(pictures)
        return [pool(maps) for pool in self.poolings]

    def described(self, pooled: list[torch.Tensor]) -> torch.Tensor:
        """Return the unit descriptors ``(B, dim)`` made of what each pooling gives, ``(B, C)``."""
        return kernels.cgd(pooled, [next(layer.parameters()).T for layer in self.projections])


def _channels(backbone: nn.Module) -> int:
    channels = getattr(backbone, "channels", None)
    if not isinstance(channels, int):
        raise OptionError(f"{type(backbone).__name__} has no attribute channels; pass the channels of its maps")
    return channels
