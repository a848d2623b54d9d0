"""Turn a run into a preset: the network's map becomes features, the trained head their aggregator.

`presets.trained_descriptor` says which files it has. A pooling with a linear layer is CGD with one branch; the linear
layer after NetVLAD becomes the whitener of the preset, whose mean m solves ``W m = -b``.

The second step of DELF trains local features: ``RUN/delf.safetensors`` is the network of the extractor `features.delf`,
and the preset aggregates and verifies them; an atlas learns its own codebook.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from placeprint.aggregation.cgd import CGD, from_layers, from_network
from placeprint.aggregation.netvlad_layer import from_layer
from placeprint.aggregation.whitening import from_linear
from placeprint.core.files import write_arrays, write_atomically
from placeprint.core.registry import State, state_of
from placeprint.errors import OptionError
from placeprint.networks.delf import DELFNetwork, delf_as_bytes
from placeprint.networks.pooling import MAC, GeM, SPoC
from placeprint.networks.pretrained import EFFICIENTNET_DIMS
from placeprint.networks.staged_backbone import StagedBackbone
from placeprint.networks.stages import stages_as_bytes
from placeprint.presets import CodebookSpec, ComponentSpec, Preset, StoreSpec, write_preset
from placeprint.presets.trained_descriptor import BACKBONE, PRESET, STATE, TrainedDescriptor, grid_spec
from placeprint.training.model.delf_heads import DELFAttentionHead
from placeprint.training.model.heads import CGDHead, NetVLADHead, PooledHead
from placeprint.training.model.trained_network import DescriptorModel
from placeprint.training.recipe import Recipe
from placeprint.training.run.facts import Metrics
from placeprint.training.run.run import load_run

LOCAL = "delf.safetensors"
LETTERS: dict[type[nn.Module], str] = {SPoC: "S", MAC: "M", GeM: "G"}


def export_preset(run: Path, *, backbone: StagedBackbone | None = None) -> Path:
    """Write the preset of a run's best weights; return the path of its TOML.

    Args:
        run: the folder of the run.
        backbone: the network that was trained instead of the recipe's, as given to `run.train`.

    Raises:
        OptionError: the folder has no run, or a preset cannot have such a network; the message says why.
        WeightsError: there is no validated checkpoint, or it does not fit.
        WriteError: the disk is full or the folder cannot be written.
    """
    recipe, model, metrics = load_run(run, backbone=backbone)
    if isinstance(model.head, DELFAttentionHead):
        return _export_delf(recipe, model, metrics, run)
    aggregator, learned = aggregator_of(model)  # before a network is written: not every head has one
    descriptor = TrainedDescriptor(_extractor(recipe, model, run), aggregator, learned, whitening_of(model))
    write_arrays(run / STATE, descriptor.state)
    # with 6 bits, whitened descriptors of stored cells differ from the validated ones: cosine .9998; with 8, .99999
    write_preset(descriptor.preset(run.name, _summary(recipe, metrics), local_bits=8), run / PRESET)
    return run / PRESET


def delf_of(model: DescriptorModel) -> DELFNetwork:
    """Return the network of local features of the second step of DELF.

    Raises:
        OptionError: the model has another head.
    """
    head: object = model.head
    if not isinstance(head, DELFAttentionHead):
        raise OptionError(f"only the head 'delf-attention' makes local features, got {type(head).__name__}")
    found = DELFNetwork(model.backbone, head.attention, len(head.axes))
    found.mean.copy_(head.mean)
    found.axes.copy_(head.axes)
    return found.eval()


def _export_delf(recipe: Recipe, model: DescriptorModel, metrics: Metrics, run: Path) -> Path:
    vlad = {"num_words": 64, "assignments": 2, "intra_normalization": True}
    preset = Preset(
        name=run.name,
        summary=_summary(recipe, metrics),
        extractor=ComponentSpec("extractors", "delf", {"network": LOCAL}),
        aggregator=ComponentSpec("aggregators", "vlad", vlad),
        index=ComponentSpec("indexes", "flat"),
        verifier=ComponentSpec("verifiers", "mutual-geometry"),
        voter=ComponentSpec("voters", "votes"),
        codebook=CodebookSpec(min_photos=50),
        store=StoreSpec(local_bits=6, descriptor_bits=8),
    )
    write_atomically(run / LOCAL, delf_as_bytes(delf_of(model), recipe.model.backbone))
    write_preset(preset, run / PRESET)
    return run / PRESET


def _summary(recipe: Recipe, metrics: Metrics) -> str:
    share = 100 * metrics.score
    # from the trained parts: the recipe's summary may name a backbone or head that was changed
    made = f"{recipe.head['name']} on {Path(recipe.model.backbone).name}, trained by the recipe {recipe.name}"
    return f"{made}; {metrics.name} {share:.1f} % of its validation photos"


def aggregator_of(model: DescriptorModel) -> tuple[ComponentSpec, State]:
    """Return the aggregator that does what the head does, and its learned fields.

    Raises:
        OptionError: there is none; the message says why.
    """
    head: object = model.head
    channels = model.backbone.channels
    if isinstance(head, CGDHead):
        return _cgd(from_network(head.cgd))
    options: dict[str, Any]
    if isinstance(head, NetVLADHead):
        if not head.tied:
            options = {"num_clusters": head.layer.num_clusters, "version": head.layer.version}
            return ComponentSpec("aggregators", "netvlad-layer", options), state_of(from_layer(head.layer))
        state = {"centers_": _array(head.centers), "alpha_": np.array(head.log_alpha.exp().item(), np.float32)}
        options = {"num_clusters": len(head.centers), "version": head.layer.version}
        return ComponentSpec("aggregators", "netvlad", options), state
    if isinstance(head, PooledHead):
        pooling = head.pooling
        if head.projection is not None:
            exponent = _array(pooling.p) if isinstance(pooling, GeM) else None
            return _cgd(from_layers(LETTERS[type(pooling)], [_array(head.projection.weight)], exponent))
        options = {}
        if isinstance(pooling, GeM):
            values = [round(value, 6) for value in pooling.p.tolist()]
            options["p"] = values[0] if len(values) == 1 else values
        if isinstance(pooling, SPoC):
            options["center_prior"] = pooling.center_prior
        name = {"S": "spoc", "M": "mac", "G": "gem"}[LETTERS[type(pooling)]]
        return ComponentSpec("aggregators", name, options), {"dim_": np.array(channels)}
    raise OptionError(f"no preset can hold the head {type(head).__name__}")


def whitening_of(model: DescriptorModel) -> State:
    """Return the learned fields of the whitener equal to the layer after NetVLAD; empty if there is none."""
    layer = model.head.projection if isinstance(model.head, NetVLADHead) else None
    return {} if layer is None else state_of(from_linear(_array(layer.weight), _array(layer.bias)))


def _cgd(aggregator: CGD) -> tuple[ComponentSpec, State]:
    options = {"config": aggregator.config, "projected_dim": aggregator.projected_dim}
    return ComponentSpec("aggregators", "cgd", options), state_of(aggregator)


def _extractor(recipe: Recipe, model: DescriptorModel, run: Path) -> ComponentSpec:
    """Return the grid, and write the network where no name stands for it."""
    backbone, name = model.backbone, recipe.model.backbone
    trained = model.trainable_from < len(backbone.stages)
    if backbone.description is None and (trained or name == "xfeat"):
        raise OptionError("a preset can use a network of your own only untrained and by name")
    usual = recipe.model.last_stage == 5 or (recipe.model.last_stage == 7 and recipe.model.last_downsampling)
    if backbone.description is not None and (trained or not usual or name not in EFFICIENTNET_DIMS):
        write_atomically(run / BACKBONE, stages_as_bytes(backbone))
        name = BACKBONE
    width, height = recipe.model.input_rule.stretch
    return grid_spec(name, backbone.stride, width, height)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
