"""Load networks from checkpoints of other code: CGD and NetVLAD, as public PyTorch code writes them.

`load_checkpoint` reads a file and returns the network. Its structure follows from its weights: which ResNet, how many
branches, how many clusters, whether PCA follows. Options give what the weights do not show.

- ``cgd``: ``features.*`` (a ResNet, its layers by number or by name), ``main_modules.N.0.weight`` and
  ``auxiliary_module.*``, a classifier, which is dropped. In a public implementation the third stage of the ResNet keeps
  its resolution, while the paper means the fourth; names and shapes are the same. GeM's exponent is 3 there.
- ``netvlad``: ``encoder.*`` (VGG16), ``pool.conv.weight``, ``pool.conv.bias`` in version 2, ``pool.centroids``, and
  ``WPCA.*`` if PCA follows. Also ``backbone.*``, ``netvlad.*`` and ``whiten.*``, the names of the first published
  weights. Their vectors are ordered by channel; the columns of the whitening are reordered to ours.

Prefixes of these names (``module.``, ``model.``) and entries of a profiler are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from placeprint.core.options import check_name
from placeprint.errors import OptionError, WeightsError
from placeprint.kernels.vectors import unit
from placeprint.networks.cgd import CGD
from placeprint.networks.fitting import PROFILER_KEYS, fit_into
from placeprint.networks.netvlad import NetVLAD
from placeprint.networks.netvlad_checkpoint import load_netvlad
from placeprint.networks.pretrained import IMAGENET
from placeprint.networks.resnet import shape_of, staged_names
from placeprint.networks.staged_backbone import StagedBackbone, resnet_backbone, vgg16_backbone
from placeprint.networks.weight_files import Tensors, read_state_dict

KINDS = ("cgd", "netvlad")
CONFIGS = {1: "S", 2: "SG", 3: "SMG"}
"""Default letters of CGD's poolings, by their number."""
FULL_STAGE = 3
"""The stage of the ResNet that keeps its resolution in public checkpoints of CGD."""
NUMBERED = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
"""Layers of a ResNet by their position in the network."""
FIRST_PUBLISHED_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
"""Mean of the colors for weights with ``backbone.*``, which are not divided by a deviation."""
COLORS = ("stages.0.mean", "stages.0.deviation")


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """Options that the weights do not show.

    Args:
        config: for CGD, the letters of its poolings in order; empty for `CONFIGS`.
        full_stage: for CGD, the stage of the ResNet that keeps the resolution of its map: 3 as in public code, 4
            as in the paper, 0 for none.
        mean: the mean of red, green and blue in [0, 1]; empty for the network's usual value.
        deviation: the deviation, in the same form.
    """

    config: str = ""
    full_stage: int = FULL_STAGE
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.full_stage not in {0, 2, 3, 4}:
            raise OptionError(f"full_stage must be 2, 3 or 4, or 0 for none, got {self.full_stage}")
        for name, values in (("mean", self.mean), ("deviation", self.deviation)):
            if values and (len(values) != 3 or not all(0 <= value <= 1 for value in values)):
                raise OptionError(
                    f"{name} must be three numbers from 0 to 1, of red, green and blue, got {list(values)}"
                )
        if self.deviation and min(self.deviation) <= 0:
            raise OptionError(f"deviation must be above 0, got {list(self.deviation)}")

    def colors(
        self, mean: Sequence[float] = IMAGENET["image_mean"], deviation: Sequence[float] = IMAGENET["image_std"]
    ) -> tuple[Sequence[float], Sequence[float]]:
        """Return mean and deviation, from these options or the defaults."""
        return self.mean or mean, self.deviation or deviation


class NetVLADNetwork(nn.Module):
    """A trunk, NetVLAD, and an optional linear layer.

    Args:
        backbone: a module that takes ``(B, 3, H, W)`` RGB in [0, 255].
        layer: the NetVLAD layer on its map.
        projection: the linear layer on the NetVLAD vectors, or None.
    """

    def __init__(self, backbone: StagedBackbone, layer: NetVLAD, projection: nn.Linear | None) -> None:
        super().__init__()
        self.backbone, self.layer, self.projection = backbone, layer, projection

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the unit descriptors ``(B, dim)``."""
        whole: torch.Tensor = self.layer(self.backbone(pictures))
        return whole if self.projection is None else unit(self.projection(whole))


def load_checkpoint(path: Path | str, kind: str, options: CheckpointOptions | None = None) -> CGD | NetVLADNetwork:
    """Return the network of a checkpoint, in eval mode on the CPU; nothing in the file is executed.

    Args:
        path: the path of the file.
        kind: ``"cgd"`` or ``"netvlad"``.
        options: the options that the weights do not show.

    Returns:
        A module from ``(B, 3, H, W)`` float32 RGB in [0, 255] to unit descriptors ``(B, dim)``.

    Raises:
        OptionError: the kind is unknown, or an option does not fit.
        WeightsError: the file cannot be read, or its weights do not fit; the message names them.
    """
    check_name("kind of checkpoint", kind, KINDS)
    state = _without_profiler(read_state_dict(path))
    options = options or CheckpointOptions()
    return cgd_from(state, options) if kind == "cgd" else netvlad_from(state, options)


def cgd_from(state: Mapping[str, torch.Tensor], options: CheckpointOptions) -> CGD:
    """Return the CGD of a state dict; see `load_checkpoint`."""
    state = _below(state, "main_modules.0.0.weight", "features.", "CGD")
    branches = sorted(
        (int(match[1]), name) for name in state if (match := re.fullmatch(r"main_modules\.(\d+)\.0\.weight", name))
    )
    config = options.config or CONFIGS.get(len(branches), "")
    if any(state[name].ndim != 2 for _, name in branches):
        raise WeightsError("the weights do not fit CGD: main_modules.N.0.weight must have 2 axes")
    if len(branches) != len(config):
        raise OptionError(
            f"the checkpoint has {len(branches)} branches; name as many poolings with config, as in "
            f"{CONFIGS.get(len(branches), 'SMG')!r}, got {config!r}"
        )
    trunk = {}
    for name, value in state.items():
        if name.startswith("features."):
            first, _, rest = name.removeprefix("features.").partition(".")
            trunk[f"{NUMBERED.get(first, first)}.{rest}"] = value
    shape = shape_of(trunk)
    strides = tuple(1 if stage == options.full_stage else usual for stage, usual in enumerate(shape.strides, 1))
    backbone = resnet_backbone(shape_of(trunk, strides), *options.colors())
    fit_into(backbone, staged_names(trunk), COLORS, _called_by_cgd(state))
    network = CGD(backbone, config, len(branches) * len(state[branches[0][1]]))
    own = {name for _, name in branches}
    left = [name for name in state if not name.startswith(("features.", "auxiliary_module.")) and name not in own]
    if left:
        raise WeightsError(f"the weights do not fit CGD: unexpected {', '.join(sorted(left)[:5])}")
    fit_into(
        network.projections,
        {f"{number}.weight": state[name] for number, name in branches},
        (),
        lambda name: f"main_modules.{name.replace('.weight', '.0.weight')}",
    )
    return network.eval()


def netvlad_from(state: Mapping[str, torch.Tensor], options: CheckpointOptions) -> NetVLADNetwork:
    """Return the NetVLAD of a state dict; see `load_checkpoint`."""
    colors = options.colors()
    if any(name.endswith("netvlad.centers") for name in state):
        state, colors = _from_first_published(state), options.colors(FIRST_PUBLISHED_MEAN, (1 / 255,) * 3)
    state = _below(state, "pool.centroids", "encoder.", "NetVLAD")
    groups: dict[str, Tensors] = {"encoder": {}, "pool": {}, "WPCA": {}}
    for name, value in state.items():
        first, _, rest = name.partition(".")
        if first not in groups:
            raise WeightsError(f"the weights do not fit NetVLAD: unexpected {name}; known: encoder, pool, WPCA")
        groups[first][rest] = value
    backbone = vgg16_backbone(*colors)
    trunk = {f"stages.0.layers.{name}": value for name, value in groups["encoder"].items()}
    fit_into(backbone, trunk, COLORS, lambda name: name.replace("stages.0.layers.", "encoder."))
    layer = load_netvlad(groups["pool"])
    if layer.dim != backbone.channels:
        raise WeightsError(
            f"the weights do not fit NetVLAD: centroids of {layer.dim} values, the trunk's map has {backbone.channels}"
        )
    return NetVLADNetwork(backbone, layer, _projection(groups["WPCA"], layer)).eval()


def _called_by_cgd(state: Mapping[str, torch.Tensor]) -> Callable[[str], str]:
    """Return a function that names a tensor of the trunk in a checkpoint, by number or by name."""
    numbers = {name: number for number, name in NUMBERED.items()} if "features.0.weight" in state else {}

    def called(name: str) -> str:
        _, stage, rest = name.split(".", 2)
        first, _, last = rest.partition(".") if stage == "0" else (f"layer{stage}", "", rest)
        return f"features.{numbers.get(first, first)}.{last}"

    return called


def _projection(state: Tensors, layer: NetVLAD) -> nn.Linear | None:
    """Return the linear layer of a PCA, which checkpoints store as a 1 x 1 convolution."""
    if not state:
        return None
    named = {name.rpartition(".")[2]: value for name, value in state.items()}
    if len(named) != len(state) or set(named) != {"weight", "bias"} or named["weight"].ndim < 2:
        raise WeightsError(f"the weights do not fit NetVLAD: WPCA has weight and bias, got {', '.join(sorted(state))}")
    whole = layer.num_clusters * layer.dim
    rows = len(named["weight"])
    found = nn.Linear(whole, rows)
    if named["weight"].numel() != rows * whole:
        raise WeightsError(
            f"the weights do not fit NetVLAD: WPCA's weight has {tuple(named['weight'].shape)}, "
            f"expected ({rows}, {whole})"
        )
    fit_into(found, {"weight": named["weight"].reshape(rows, whole), "bias": named["bias"]})
    return found


def _from_first_published(state: Mapping[str, torch.Tensor]) -> Tensors:
    """Return weights of ``backbone.*``, ``netvlad.*`` and ``whiten.*`` under the other names and in our order."""
    state = _below(state, "netvlad.centers", "backbone.", "NetVLAD")
    renamed: Tensors = {}
    clusters = state["netvlad.centers"].shape[-1] if state["netvlad.centers"].ndim == 2 else 1
    for name, value in state.items():
        if name == "netvlad.centers":
            renamed["pool.centroids"] = value.T if value.ndim == 2 else value
        elif name == "netvlad.score_proj.weight":
            renamed["pool.conv.weight"] = value[..., None] if value.ndim == 3 else value
        elif name == "netvlad.score_proj.bias":
            renamed["pool.conv.bias"] = value
        elif name == "whiten.weight" and value.ndim == 2 and value.shape[1] % clusters == 0:
            by_channel = value.reshape(len(value), -1, clusters)
            renamed["WPCA.0.weight"] = by_channel.transpose(1, 2).reshape(len(value), -1)
        elif name == "whiten.bias":
            renamed["WPCA.0.bias"] = value
        else:
            renamed[name.replace("backbone.", "encoder.", 1)] = value
    return renamed


def _below(state: Mapping[str, torch.Tensor], anchor: str, trunk: str, kind: str) -> Tensors:
    """Return weights without prefixes before the expected names.

    Args:
        state: the weights.
        anchor: a name that must exist.
        trunk: the prefix of the trunk's names.
        kind: the kind of checkpoint, for the message.

    Raises:
        WeightsError: the anchor or the trunk is missing.
    """
    plain = {".".join(part for part in name.split(".") if part != "module"): value for name, value in state.items()}
    before = next((name.removesuffix(anchor) for name in plain if name.endswith(anchor)), None)
    if before is None:
        have = ", ".join(sorted({name.split(".")[0] for name in plain})[:8])
        raise WeightsError(f"the weights do not fit {kind}: missing {anchor}; the names in the file begin with {have}")
    found = {name.removeprefix(before): value for name, value in plain.items() if name.startswith(before)}
    if not any(name.startswith(trunk) for name in found):
        raise WeightsError(f"the weights do not fit {kind}: missing {trunk}*, the network before the layer")
    return found


def _without_profiler(state: Mapping[str, torch.Tensor]) -> Tensors:
    return {name: value for name, value in state.items() if name.rpartition(".")[2] not in PROFILER_KEYS}
