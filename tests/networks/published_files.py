"""Files of filled weights, each in the form that its authors publish: every command takes them for real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from placeprint.networks.published import Network, PublishedFile
from placeprint.networks.published.hloc_files import NETVLAD, WHITENING
from placeprint.networks.weight_files import SAFETENSORS
from tests.networks.published_goldens import Arrays, filled_state

COLOR_MEAN = (123.68, 116.779, 103.939)
"""Red, green and blue in [0, 255] that NetVLAD's own files bring."""


def write_files(folder: Path, network: Network) -> list[Path]:
    """Write the files of a network with filled weights into a folder, under their published names."""
    folder.mkdir(parents=True, exist_ok=True)
    state = filled_state(network.full_name)
    apart = {file.tensor for file in network.files}
    rest = {key: value for key, value in state.items() if key not in apart}
    return [write_file(folder / file.name, file, state if file.tensor else rest) for file in network.files]


def write_file(path: Path, file: PublishedFile, state: Arrays) -> Path:
    """Write one file of a network's tensors; return its path.

    Args:
        path: where to.
        file: the row of the table, which says what is in the file.
        state: all tensors of the network by their published names.
    """
    if file.names:
        write_matlab(path, state)
        return path
    tensors = {key: torch.from_numpy(value) for key, value in state.items()}
    if path.suffix == SAFETENSORS:
        from safetensors.torch import save_file

        save_file(tensors, path)
    else:
        torch.save(tensors[file.tensor] if file.tensor else tensors, path)
    return path


def write_matlab(path: Path, state: Arrays) -> None:
    """Write a NetVLAD of hloc's names as its authors' MATLAB file; needs SciPy."""
    from scipy.io import savemat

    layers = np.empty(WHITENING + 1, object)
    for number in range(len(layers)):
        layers[number] = {"weights": np.empty(0, object)}
        if f"backbone.{number}.weight" in state:
            kernel = state[f"backbone.{number}.weight"].transpose(2, 3, 1, 0)
            layers[number] = {"weights": _pair(kernel, state[f"backbone.{number}.bias"])}
    scores, centers = state["netvlad.score_proj.weight"][:, :, 0].T, -state["netvlad.centers"]
    layers[NETVLAD] = {"weights": _pair(scores, centers)}
    if "whiten.weight" in state:
        matrix = state["whiten.weight"].T[None, None]
        layers[WHITENING] = {"weights": _pair(matrix, state["whiten.bias"])}
    color = np.broadcast_to(np.array(COLOR_MEAN, np.float32), (2, 2, 3))
    savemat(path, {"net": {"layers": layers, "meta": {"normalization": {"averageImage": color}}}})


def _pair(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.object_]:
    pair = np.empty(2, object)
    pair[0], pair[1] = first, second
    return pair
