"""A run becomes a preset: the network's map as features, the trained head as their aggregator.

    RUN/preset.toml            stores XFeat's features for verification, and the trained descriptor
    RUN/state.npz              what the aggregator learned, as ``fusion.0.aggregator.<field>``, and the whitener
    RUN/backbone.safetensors   the network, where stages of it were trained

The features of a map are its cells (`features.grid`): a unit vector each, and its length as the score. All cells are
kept, however even the picture is there, as the network in training had no choice either. A pooling with a linear layer
is CGD with one branch; the linear layer after NetVLAD is the whitener of the preset, whose mean m solves ``W m = -b``.

Of the second step of DELF the local features are what was trained: ``RUN/delf.safetensors`` is the network of the
extractor `features.delf`, and the preset aggregates and verifies them; an atlas learns its own codebook.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray
from torch import Tensor, nn

from placeprint.aggregation.cgd import CGD, from_layers, from_network
from placeprint.aggregation.netvlad_layer import from_layer
from placeprint.aggregation.whitening import from_linear
from placeprint.core.files import write_arrays, write_atomically
from placeprint.core.registry import state_of
from placeprint.errors import OptionError
from placeprint.networks.delf import DELFNetwork, delf_as_bytes
from placeprint.networks.pooling import MAC, GeM, SPoC
from placeprint.networks.pretrained import EFFICIENTNET_DIMS
from placeprint.networks.stages import StagedBackbone, stages_as_bytes
from placeprint.training.model.delf_heads import DELFAttentionHead
from placeprint.training.model.heads import CGDHead, NetVLADHead, PooledHead
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Recipe
from placeprint.training.run.run import load_run

STATE, BACKBONE, PRESET, LOCAL = "state.npz", "backbone.safetensors", "preset.toml", "delf.safetensors"
PREFIX = "fusion.0.aggregator."
LETTERS: dict[type[nn.Module], str] = {SPoC: "S", MAC: "M", GeM: "G"}
State = dict[str, NDArray[Any]]


def export_preset(run: Path, *, backbone: StagedBackbone | None = None) -> Path:
    """Write the preset of a run's best weights; return the path of its TOML.

    Args:
        run: folder of the run.
        backbone: the network that was trained in place of the recipe's, as `run.train` got it.

    Raises:
        OptionError: the folder holds no run, or no preset can hold such a network; the message says why.
        WeightsError: there is no validated checkpoint, or it does not fit.
        WriteError: the disk is full or the folder cannot be written.
    """
    recipe, model, facts = load_run(run, backbone=backbone)
    if isinstance(model.head, DELFAttentionHead):
        return _export_delf(recipe, model, facts, run)
    aggregator, state = aggregator_of(model)
    extractor = _extractor(recipe, model, run)
    tables = {
        "summary": _summary(recipe, facts),
        "extractor": {"name": "xfeat", "max_keypoints": 1000, "detection_threshold": 0.02},
        "fusion": [{"weight": 1.0, "extractor": extractor, "aggregator": aggregator}],
        "index": {"name": "flat"},
        "verifier": {"name": "mutual-geometry"},
        "codebook": {"file": STATE},
        # with 6 bits whitened descriptors of stored cells differ from those that validated: cosine .9998, with 8 .99999
        "store": {"local_bits": 8, "descriptor_bits": 8},
    }
    found = {PREFIX + name: value for name, value in state.items()}
    if whitening := whitening_of(model):
        dim = whitening["projection_"].shape[1]
        tables["whitener"] = {"name": "pca-whitening", "dim": dim, "min_photos": dim + 1}
        found |= {f"whitener.{name}": value for name, value in whitening.items()}
    write_arrays(run / STATE, found)
    write_atomically(run / PRESET, tomli_w.dumps(tables).encode())
    return run / PRESET


def delf_of(model: DescriptorModel) -> DELFNetwork:
    """Return the network of local features of the second step of DELF.

    Raises:
        OptionError: the model is another.
    """
    head: object = model.head
    if not isinstance(head, DELFAttentionHead):
        raise OptionError(f"only the head 'delf-attention' makes local features, got {type(head).__name__}")
    found = DELFNetwork(model.backbone, head.attention, len(head.axes))
    found.mean.copy_(head.mean)
    found.axes.copy_(head.axes)
    return found.eval()


def _export_delf(recipe: Recipe, model: DescriptorModel, facts: dict[str, Any], run: Path) -> Path:
    tables = {
        "summary": _summary(recipe, facts),
        "extractor": {"name": "delf", "network": LOCAL},
        "aggregator": {"name": "vlad", "num_words": 64, "assignments": 2, "intra_normalization": True},
        "index": {"name": "flat"},
        "verifier": {"name": "mutual-geometry"},
        "voter": {"name": "votes"},
        "codebook": {"min_photos": 50},
        "store": {"local_bits": 6, "descriptor_bits": 8},
    }
    write_atomically(run / LOCAL, delf_as_bytes(delf_of(model), recipe.model.backbone))
    write_atomically(run / PRESET, tomli_w.dumps(tables).encode())
    return run / PRESET


def _summary(recipe: Recipe, facts: dict[str, Any]) -> str:
    metrics = facts["metrics"]
    share = 100 * float(metrics["score"])
    # from what was trained: a recipe's own summary may speak of a backbone or a head that was changed
    made = f"{recipe.head['name']} on {Path(recipe.model.backbone).name}, trained by the recipe {recipe.name}"
    return f"{made}; {metrics['name']} {share:.1f} % of its validation photos"


def aggregator_of(model: DescriptorModel) -> tuple[dict[str, Any], State]:
    """Return the aggregator that does what the head does: name and parameters, and its learned fields.

    Raises:
        OptionError: there is none; the message says why.
    """
    head: object = model.head
    channels = model.backbone.channels
    if isinstance(head, CGDHead):
        return _cgd(from_network(head.cgd))
    table: dict[str, Any]
    if isinstance(head, NetVLADHead):
        if not head.tied:
            table = {"name": "netvlad-layer", "num_clusters": head.layer.num_clusters, "version": head.layer.version}
            return table, state_of(from_layer(head.layer))
        state = {"centers_": _array(head.centers), "alpha_": np.array(head.log_alpha.exp().item(), np.float32)}
        return {"name": "netvlad", "num_clusters": len(head.centers), "version": head.layer.version}, state
    if isinstance(head, PooledHead):
        pooling = head.pooling
        if head.projection is not None:
            exponent = _array(pooling.p) if isinstance(pooling, GeM) else None
            return _cgd(from_layers(LETTERS[type(pooling)], [_array(head.projection.weight)], exponent))
        table = {"name": {"S": "spoc", "M": "mac", "G": "gem"}[LETTERS[type(pooling)]]}
        if isinstance(pooling, GeM):
            values = [round(value, 6) for value in pooling.p.tolist()]
            table["p"] = values[0] if len(values) == 1 else values
        if isinstance(pooling, SPoC):
            table["center_prior"] = pooling.center_prior
        return table, {"dim_": np.array(channels)}
    raise OptionError(f"no preset can hold the head {type(head).__name__}")


def whitening_of(model: DescriptorModel) -> State:
    """Return what the whitener learned that does what the layer after NetVLAD does; empty where there is none."""
    layer = model.head.projection if isinstance(model.head, NetVLADHead) else None
    return {} if layer is None else state_of(from_linear(_array(layer.weight), _array(layer.bias)))


def _cgd(aggregator: CGD) -> tuple[dict[str, Any], State]:
    table = {"name": "cgd", "config": aggregator.config, "projected_dim": aggregator.projected_dim}
    return table, state_of(aggregator)


def _extractor(recipe: Recipe, model: DescriptorModel, run: Path) -> dict[str, Any]:
    """Return the table of the grid, and write the network where no name stands for it."""
    backbone, name = model.backbone, recipe.model.backbone
    trained = model.trainable_from < len(backbone.stages)
    if backbone.description is None and (trained or name == "xfeat"):
        raise OptionError(
            "a preset holds a network of one's own only where a name stands for it and it was not trained"
        )
    usual = recipe.model.last_stage == 5 or (recipe.model.last_stage == 7 and recipe.model.last_downsampling)
    if backbone.description is not None and (trained or not usual or name not in EFFICIENTNET_DIMS):
        write_atomically(run / BACKBONE, stages_as_bytes(backbone))
        name = BACKBONE
    width, height = recipe.model.input_rule.stretch
    return {
        "name": "grid",
        "backbone": name,
        "stride": backbone.stride,
        "stretch": [width, height],
        "max_keypoints": math.ceil(width / backbone.stride) * math.ceil(height / backbone.stride),
        "min_contrast": 0.0,
    }


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
