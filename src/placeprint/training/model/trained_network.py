"""The trained model: a backbone, from one of its stages on, and a head that makes one descriptor from its map.

    photo -> stages before trainable_from (frozen) -> the others -> head (`training.model.heads`) -> unit descriptor

Departures from the papers: batch normalization of the backbone is folded or frozen unless a recipe trains it, because
the few photos of a class in a batch are not a fair sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from placeprint.errors import OptionError
from placeprint.networks.pretrained import EFFICIENTNET_DIMS
from placeprint.networks.staged_backbone import StagedBackbone
from placeprint.networks.stages import load_stages
from placeprint.training.model.delf_heads import DELFAttentionHead
from placeprint.training.model.heads import Head, Output, build_head


class DescriptorModel(nn.Module):
    """A backbone and a head.

    Args:
        backbone: a backbone in stages.
        head: see `build_head`.
        trainable_from: the first stage to train; the number of stages for none.
        train_batch_norm: whether batch normalization of the trained stages uses batch statistics.

    Raises:
        OptionError: the stage does not exist.
    """

    def __init__(
        self, backbone: StagedBackbone, head: Head, *, trainable_from: int = 0, train_batch_norm: bool = False
    ) -> None:
        super().__init__()
        count = len(backbone.stages)
        if not 0 <= trainable_from <= count:
            raise OptionError(
                f"model.trainable_from must be from 0 (all of the backbone) to {count} (none of it), "
                f"got {trainable_from}"
            )
        self.backbone, self.head = backbone, head
        self.trainable_from, self.train_batch_norm = trainable_from, train_batch_norm
        self.backbone.requires_grad_(False)
        for stage in self.backbone.stages[trainable_from:]:
            stage.requires_grad_(True)
            if not train_batch_norm:
                for layer in _batch_norms(stage):
                    layer.requires_grad_(False)

    def forward(self, maps: torch.Tensor) -> Output:
        """Describe the result of `frozen_maps`, ``(B, C, H, W)``."""
        found: Output = self.head(self.backbone(maps, self.trainable_from))
        return found

    @torch.no_grad()
    def frozen_maps(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the output of the frozen stages for ``(B, 3, H, W)`` RGB in [0, 255]; the input if there are none."""
        found: torch.Tensor = self.backbone(pictures, 0, self.trainable_from)
        return found

    def describe(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the descriptors only."""
        return self(maps)[0]  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def train(self, mode: bool = True) -> DescriptorModel:
        """Set the mode; frozen layers stay in eval mode."""
        super().train(mode)
        self.backbone.eval()
        if mode and self.train_batch_norm:
            self.backbone.stages[self.trainable_from :].train()
        return self


def build_model(
    *,
    backbone: str | StagedBackbone = "efficientnet-lite2",
    head: str = "gem",
    head_options: Mapping[str, Any] | None = None,
    num_classes: int | None = None,
    trainable_from: int = 0,
    last_downsampling: bool = True,
    last_stage: int = 7,
    train_batch_norm: bool = False,
) -> DescriptorModel:
    """Return a model ready for training.

    Args:
        backbone: a name, see `networks.stages`; or any network in stages.
        head: a name, see `training.model.heads`.
        head_options: its parameters.
        num_classes: the number of classes of the head's classifier, if it has one; None for none.
        trainable_from: see `DescriptorModel`.
        last_downsampling: see `networks.stages.load_stages`.
        last_stage: see `networks.stages.load_stages`.
        train_batch_norm: see `DescriptorModel`.

    Raises:
        OptionError: a name or parameter is unknown.
        WeightsError: the weights of the backbone are not installed.
    """
    if isinstance(backbone, str):
        if head == "delf-attention" and backbone not in EFFICIENTNET_DIMS:
            raise OptionError(
                f"the head 'delf-attention' takes {' or '.join(EFFICIENTNET_DIMS)} as its backbone, got {backbone!r}"
            )
        backbone = load_stages(
            backbone, last_downsampling=last_downsampling, last_stage=last_stage, batch_norm=train_batch_norm
        )
    made = build_head(head, backbone.channels, num_classes, **(head_options or {}))
    if isinstance(made, DELFAttentionHead) and trainable_from < len(backbone.stages):
        raise OptionError(
            f"the head 'delf-attention' learns from frozen descriptors; set model.trainable_from = "
            f"{len(backbone.stages)}, and model.start to the run that trained them"
        )
    return DescriptorModel(backbone, made, trainable_from=trainable_from, train_batch_norm=train_batch_norm)


def _batch_norms(module: nn.Module) -> list[nn.Module]:
    return [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
