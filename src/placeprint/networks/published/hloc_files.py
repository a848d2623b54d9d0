"""Read the authors' NetVLAD networks, MATLAB files, under the names that hloc's port gives their tensors.

The layers have the numbers of torchvision's VGG16; layer 30 is NetVLAD, layer 33 the whitening. Kernels are stored
``(height, width, in, out)``, centers with the opposite sign.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from placeprint.core.one_line import one_line
from placeprint.core.packages import required
from placeprint.errors import WeightsError
from placeprint.networks.vgg import LAYERS

NETVLAD, WHITENING = 30, 33


def read_hloc(path: Path, *, whitened: bool) -> dict[str, torch.Tensor]:
    """Return the tensors of a file by name, float32; ``mean`` is the colors' mean in [0, 255].

    Args:
        path: the path of the ``.mat`` file.
        whitened: whether the whitening is wanted.

    Raises:
        PackageError: SciPy is not installed.
        WeightsError: the file cannot be read, or is not such a network.
    """
    with required(f"reading {path.name!r} needs SciPy", "datasets"):
        from scipy.io import loadmat
    try:
        net = loadmat(path, struct_as_record=False, squeeze_me=True)["net"]
        return {name: torch.from_numpy(value) for name, value in _tensors(net, whitened).items()}
    except Exception as error:  # damaged files raise nearly anything
        reason = one_line(error)
        raise WeightsError(
            f"{str(path)!r} is not a NetVLAD network of its authors, or is damaged ({reason}); fetch it again"
        ) from error


def _tensors(net: Any, whitened: bool) -> dict[str, Any]:
    found = {}
    for number in _convolutions():
        kernel, bias = net.layers[number].weights
        found[f"backbone.{number}.weight"] = _plain(np.transpose(kernel, (3, 2, 0, 1)))
        found[f"backbone.{number}.bias"] = _plain(bias)
    scores, centers = net.layers[NETVLAD].weights[:2]
    found["netvlad.score_proj.weight"] = _plain(np.transpose(scores)[:, :, None])
    found["netvlad.centers"] = -_plain(centers)
    if whitened:
        matrix, bias = net.layers[WHITENING].weights
        found["whiten.weight"] = _plain(np.squeeze(matrix).T)
        found["whiten.bias"] = _plain(bias)
    found["mean"] = _plain(net.meta.normalization.averageImage[0, 0])
    return found


def _convolutions() -> list[int]:
    """Return the numbers of VGG16's convolutions: each is followed by a ReLU, which has a number, too."""
    numbers, number = [], 0
    for channels in LAYERS:
        if channels:
            numbers.append(number)
        number += 2 if channels else 1
    return numbers


def _plain(value: Any) -> Any:
    return np.array(value, np.float32, order="C")
