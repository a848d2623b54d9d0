"""Load NetVLAD layers from checkpoints with the names of pytorch-NetVlad and related code."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from placeprint.errors import WeightsError
from placeprint.networks.fitting import PROFILER_KEYS, fit_into
from placeprint.networks.netvlad import NetVLAD


def load_netvlad(state: Mapping[str, torch.Tensor], normalize_input: bool = True) -> NetVLAD:
    """Return the layer of a checkpoint, in eval mode; its sizes and version follow from its tensors.

    Args:
        state: tensors by name: ``conv.weight``, ``centroids`` and, in v2, ``conv.bias``, with or without ``pool.``
            before them. Tensors of the network before the layer, ``encoder.*``, entries of a profiler, and the
            ``module.`` of parallel training are ignored.
        normalize_input: see `NetVLAD`.

    Raises:
        WeightsError: tensors are missing or unexpected, or their shapes do not fit; the message names them.
    """
    kept: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        parts = [part for part in name.split(".") if part != "module"]
        if parts[0] != "encoder" and parts[-1] not in PROFILER_KEYS:
            kept[".".join(parts).removeprefix("pool.")] = value
    missing = sorted({"conv.weight", "centroids"} - kept.keys())
    if missing:
        raise WeightsError(
            f"the weights do not fit NetVLAD: missing {', '.join(missing)}, "
            f"unexpected {', '.join(sorted(kept.keys() - {'conv.weight', 'conv.bias', 'centroids'})) or 'none'}"
        )
    rows, (clusters, dim) = len(kept["conv.weight"]), _sizes(kept["centroids"])
    version = "v2" if "conv.bias" in kept else "v1"
    shapes = {"conv.weight": (rows, dim, 1, 1), "conv.bias": (rows,), "centroids": (clusters, dim)}
    for name, expected in shapes.items():
        found = tuple(kept[name].shape) if name in kept else expected
        if found != expected:
            raise WeightsError(f"the weights do not fit NetVLAD: {name} must have shape {expected}, got {found}")
    if rows < clusters:
        raise WeightsError(
            f"the weights do not fit NetVLAD: conv.weight must have at least as many rows as centroids, {clusters}, "
            f"got {rows}"
        )
    layer = NetVLAD(clusters, dim, version, normalize_input, rows - clusters)
    fit_into(layer, kept)
    return layer.eval()


def _sizes(centroids: torch.Tensor) -> tuple[int, int]:
    if centroids.ndim != 2:
        raise WeightsError(f"the weights do not fit NetVLAD: centroids must have shape (K, D), got {centroids.shape}")
    return centroids.shape[0], centroids.shape[1]
