"""Make presets from checkpoints of other code; `presets.trained_descriptor` lists their files.

The folder is self-contained and can be moved. It is written to a temporary folder and then renamed, so it is either
complete or absent.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from placeprint.aggregation.cgd import from_network
from placeprint.core.files import write_arrays, write_atomically, writing
from placeprint.core.outputs import MADE_BY
from placeprint.core.registry import State, state_of
from placeprint.errors import OptionError
from placeprint.networks.checkpoints import CheckpointOptions, NetVLADNetwork, load_checkpoint
from placeprint.networks.stages import stages_as_bytes
from placeprint.presets import ComponentSpec, write_preset
from placeprint.presets.trained_descriptor import BACKBONE, PRESET, STATE, TrainedDescriptor, grid_spec

SIZES = {"cgd": 224, "netvlad": 640}
"""Default input sizes in pixels: CGD stretches to a square, NetVLAD keeps the shape of the photo."""
SMALLEST, LARGEST = 32, 4096


def import_checkpoint(
    checkpoint: Path | str,
    kind: str,
    output: Path | str,
    *,
    size: int = 0,
    options: CheckpointOptions | None = None,
) -> Path:
    """Make a preset from a checkpoint; return the path of its TOML file.

    Args:
        checkpoint: the file; see `networks.checkpoints`.
        kind: ``"cgd"`` or ``"netvlad"``.
        output: the folder to make; it may exist if empty.
        size: the input size of the network in pixels; 0 for that of `SIZES`.
        options: the options that the weights do not show.

    Raises:
        OptionError: `output` is not empty, the kind is unknown, or an option is out of its range.
        WeightsError: the file cannot be read or does not fit.
        WriteError: the disk is full or the folder cannot be written.
    """
    folder, kind = Path(output), str(kind)
    _check_free(folder)
    if size and not SMALLEST <= size <= LARGEST:
        raise OptionError(f"size must be from {SMALLEST} to {LARGEST} pixels, or 0 for the default, got {size}")
    network = load_checkpoint(checkpoint, kind, options)
    backbone: Any = network.backbone
    side = size or SIZES[kind]
    extractor = grid_spec(BACKBONE, backbone.stride, side, side, stretch=kind == "cgd")
    descriptor = TrainedDescriptor(extractor, *_after_the_map(network))
    summary = f"{kind} imported from {Path(checkpoint).name}, verified with XFeat"
    target = folder.absolute()
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        write_atomically(aside / BACKBONE, stages_as_bytes(backbone))
        write_arrays(aside / STATE, descriptor.state)
        write_preset(descriptor.preset(folder.name, summary, local_bits=6), aside / PRESET, MADE_BY)
        with writing(target.parent):
            aside.replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder / PRESET


def _check_free(folder: Path) -> None:
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise OptionError(f"cannot read the folder {str(folder)!r}: {error.strerror}") from error
    if taken:
        what = "already has files" if folder.is_dir() else "is a file"
        raise OptionError(f"{str(folder)!r} {what}; name a new folder with --output")


def _after_the_map(network: Any) -> tuple[ComponentSpec, State, State]:
    """Return the aggregator, what it learned, and what the whitener learned; empty if there is none."""
    from placeprint.aggregation.netvlad_layer import from_layer
    from placeprint.aggregation.whitening import from_linear

    if not isinstance(network, NetVLADNetwork):
        made = from_network(network)
        options = {"config": made.config, "projected_dim": made.projected_dim}
        return ComponentSpec("aggregators", "cgd", options), state_of(made), {}
    layer = from_layer(network.layer)
    spec = ComponentSpec("aggregators", "netvlad-layer", {"num_clusters": layer.num_clusters, "version": layer.version})
    if network.projection is None:
        return spec, state_of(layer), {}
    weight, bias = (value.detach().numpy() for value in (network.projection.weight, network.projection.bias))
    return spec, state_of(layer), state_of(from_linear(weight, bias))
