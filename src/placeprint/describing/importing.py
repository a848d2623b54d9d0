"""Checkpoints of other code become presets.

    PRESET/preset.toml            XFeat's features for verification, and the imported descriptor
    PRESET/state.npz              what follows the network's map: projections, or clusters and whitening
    PRESET/backbone.safetensors   the network up to its map

The folder is whole in itself and can be moved. It is written beside its place and renamed, so it is there whole or not
at all.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.aggregation.cgd import from_network
from placeprint.core.files import write_arrays, write_atomically, writing
from placeprint.core.outputs import MADE_BY
from placeprint.core.registry import state_of
from placeprint.errors import OptionError
from placeprint.networks.checkpoints import CheckpointOptions, NetVLADNetwork, load_checkpoint
from placeprint.networks.stages import StagedBackbone, stages_as_bytes
from placeprint.presets import (
    CodebookSpec,
    ComponentSpec,
    FusionSpec,
    Preset,
    StoreSpec,
    WhitenerSpec,
    write_preset,
)

PRESET, STATE, BACKBONE = "preset.toml", "state.npz", "backbone.safetensors"
PREFIX = "fusion.0.aggregator."
SIZES = {"cgd": 224, "netvlad": 640}
"""Pixels that networks see where nothing is said: CGD stretches to a square, NetVLAD keeps the shape of the photo."""
SMALLEST, LARGEST = 32, 4096

State = dict[str, NDArray[Any]]


def import_checkpoint(
    checkpoint: Path | str,
    kind: str,
    output: Path | str,
    *,
    size: int = 0,
    options: CheckpointOptions | None = None,
) -> Path:
    """Make a preset of a checkpoint; return the path of its TOML.

    Args:
        checkpoint: file; see `networks.checkpoints`.
        kind: ``"cgd"`` or ``"netvlad"``.
        output: folder to make; an empty one may be there.
        size: pixels the network sees, see `SIZES`; 0 for what is there.
        options: what the weights do not tell.

    Raises:
        OptionError: there is something at `output`, there is no such kind, or an option is out of its range.
        WeightsError: the file cannot be read or does not fit.
        WriteError: the disk is full or the folder cannot be written.
    """
    folder, kind = Path(output), str(kind)
    _check_free(folder)
    if size and not SMALLEST <= size <= LARGEST:
        raise OptionError(f"size must be from {SMALLEST} to {LARGEST} pixels, or 0 for the usual one, got {size}")
    network = load_checkpoint(checkpoint, kind, options)
    backbone: Any = network.backbone
    aggregator, state, whitener = _after_the_map(network)
    preset = Preset(
        name=folder.name,
        summary=f"{kind} imported from {Path(checkpoint).name}, verified with XFeat",
        extractor=ComponentSpec("extractors", "xfeat", {"max_keypoints": 1000, "detection_threshold": 0.02}),
        fusion=(FusionSpec(extractor=_extractor(backbone, kind, size or SIZES[kind]), aggregator=aggregator),),
        whitener=whitener,
        index=ComponentSpec("indexes", "flat"),
        verifier=ComponentSpec("verifiers", "mutual-geometry"),
        codebook=CodebookSpec(file=STATE),
        store=StoreSpec(local_bits=6, descriptor_bits=8),
    )
    target = folder.absolute()
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        write_atomically(aside / BACKBONE, stages_as_bytes(backbone))
        write_arrays(aside / STATE, state)
        write_preset(preset, aside / PRESET, MADE_BY)
        with writing(target.parent):
            aside.replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder / PRESET


def _check_free(folder: Path) -> None:
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise OptionError(f"cannot look into {str(folder)!r}: {error.strerror}") from error
    if taken:
        what = "holds files already" if folder.is_dir() else "is a file"
        raise OptionError(f"{str(folder)!r} {what}; name a new folder with --output")


def _after_the_map(network: Any) -> tuple[ComponentSpec, State, WhitenerSpec | None]:
    """Return the aggregator, what the preset learned, and the whitener where there is one."""
    from placeprint.aggregation.netvlad_layer import from_layer
    from placeprint.aggregation.whitening import from_linear

    if not isinstance(network, NetVLADNetwork):
        made = from_network(network)
        spec = ComponentSpec("aggregators", "cgd", {"config": made.config, "projected_dim": made.projected_dim})
        return spec, {PREFIX + name: value for name, value in state_of(made).items()}, None
    layer = from_layer(network.layer)
    options = {"num_clusters": layer.num_clusters, "version": layer.version}
    spec = ComponentSpec("aggregators", "netvlad-layer", options)
    state = {PREFIX + name: value for name, value in state_of(layer).items()}
    if network.projection is None:
        return spec, state, None
    weight, bias = (value.detach().numpy() for value in (network.projection.weight, network.projection.bias))
    whitening = from_linear(weight, bias)
    state |= {f"whitener.{name}": np.asarray(value) for name, value in state_of(whitening).items()}
    return spec, state, WhitenerSpec("whiteners", "pca-whitening", {"dim": whitening.dim}, whitening.dim + 1)


def _extractor(backbone: StagedBackbone, kind: str, size: int) -> ComponentSpec:
    """Return the grid; all cells are kept, however even the photo is there."""
    cells = -(-size // backbone.stride)
    shape = {"stretch": [size, size]} if kind == "cgd" else {"size": size}
    cut = {"max_keypoints": cells * cells, "min_contrast": 0.0}
    return ComponentSpec("extractors", "grid", {"backbone": BACKBONE, "stride": backbone.stride, **shape, **cut})
